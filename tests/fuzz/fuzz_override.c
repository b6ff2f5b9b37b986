/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary octets as an outstation's own points, and as its controls, over a mapping that is
 * good: loading never crashes, places every error, and gives every octet of memory back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mapping[] =
    "{\"device\":\"d\",\"points\":[{\"name\":\"door\",\"type\":\"binary_input\",\"index\":0},"
    "{\"name\":\"current-{phase}\",\"type\":\"analog_input\",\"index\":\"4..6\",\"scale\":0.1,"
    "\"vars\":{\"phase\":[\"a\",\"b\",\"c\"]}},{\"type\":\"counter\",\"index\":[0,1]}],"
    "\"controls\":[{\"name\":\"door-{n}\",\"type\":\"binary_output\",\"index\":[0,1],"
    "\"vars\":{\"n\":[1,2]},\"feedback\":{\"point\":\"door\",\"expect\":{\"open\":\"on\"}},"
    "\"states\":{\"open\":{\"operation\":\"pulse_on\"}}}]}";

static const char head[] =
    "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"outstations\":[{\"name\":\"a\","
    "\"connect\":\"tcp://h:1\",\"address\":10,\"mapping\":\"x.json\",";

static void require(int truth)
{
    if (!truth)
        abort();
}

static void load(const char *key, const uint8_t *data, size_t size)
{
    size_t room = sizeof head + size + 32;
    char *text = malloc(room);
    require(text != NULL);
    size_t length = (size_t)snprintf(text, room, "%s\"%s\":", head, key);
    memcpy(text + length, data, size);
    length += size;
    memcpy(text + length, "}]}", 3);
    const struct gw_config_text texts[] = {{"g.json", text, length + 3},
                                           {"x.json", mapping, sizeof mapping - 1}};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    int result = gw_config_load_texts(texts, 2, &config, &errors);
    require((result == 0) == (config != NULL) && (result == 0) == (errors.errors == 0));
    for (size_t i = 0; i < errors.count; i++)
        require(errors.items[i].line > 0);
    gw_config_free(config);
    gw_config_errors_free(&errors);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load("points", data, size);
    load("controls", data, size);
    require(gw_memory_used(GW_OWNER_CONFIG) == 0 && gw_memory_used(GW_OWNER_MAPPING) == 0);
    return 0;
}
