/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary octets as gateway.json, and the same as the mapping of a good gateway.json: loading
 * never crashes, says something about what it refuses, and gives every octet of memory back. What
 * is accepted keeps its promises: points are found, topics are legal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char gateway[] =
    "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"outstations\":[{\"name\":\"a\","
    "\"connect\":\"tcp://h:1\",\"address\":10,\"mapping\":\"x.json\",\"vars\":{\"v\":\"1\"}}]}";

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check(const struct gw_config *config)
{
    char topic[GW_TOPIC_MAX];
    for (size_t o = 0; o < config->outstation_count; o++) {
        const struct gw_outstation_config *outstation = config->outstations + o;
        const struct gw_mapping *mapping = outstation->mapping;
        require(gw_config_outstation(config, outstation->name, strlen(outstation->name)) ==
                outstation);
        for (size_t i = 0; i < mapping->point_count; i++) {
            const struct gw_map_point *point = mapping->points + i;
            require(gw_mapping_find(mapping, point->type, point->index) == point);
            gw_topic_point(config, outstation, point, point->index, topic, sizeof topic);
            require(!gw_topic_problem(topic));
        }
        for (size_t i = 0; i < mapping->control_count; i++)
            require(gw_mapping_control(mapping, mapping->controls[i].name)->index ==
                    mapping->controls[i].index);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gw_config_text own = {"x.json", (const char *)data, size};
    const struct gw_config_text good = {"g.json", gateway, sizeof gateway - 1};
    const struct gw_config_text texts[][2] = {{own, good}, {good, own}};
    for (size_t i = 0; i < 2; i++) {
        struct gw_config_errors errors = {0};
        struct gw_config *config = NULL;
        int result = gw_config_load_texts(texts[i], 2, &config, &errors);
        require((result == 0) == (config != NULL) && (result == 0) == (errors.errors == 0));
        if (config)
            check(config);
        gw_config_free(config);
        gw_config_errors_free(&errors);
    }
    require(gw_memory_used(GW_OWNER_CONFIG) == 0 && gw_memory_used(GW_OWNER_MAPPING) == 0);
    return 0;
}
