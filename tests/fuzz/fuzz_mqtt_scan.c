/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker sends. Invariants: octets give the same PUBACKs, rest and state at once and cut
 * (the first octet says where); no more are found than octets could hold; nothing is added. */
#include <string.h>

#include "gateway/mqtt/mqtt_scan.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 4096 };

struct found {
    size_t count;
    uint32_t sum;
};

static void on_puback(void *user, uint16_t id, uint8_t reason)
{
    struct found *found = user;
    found->count++;
    found->sum = found->sum * 31 + ((uint32_t)id << 8 | reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t at_once[INPUT_MAX];
    static uint8_t in_parts[INPUT_MAX];
    struct gw_mqtt_scan whole = {0};
    struct gw_mqtt_scan cut = {0};
    struct found expected = {0};
    struct found found = {0};
    size_t length = 0;
    if (size < 2 || size > INPUT_MAX)
        return 0;
    size_t part = 1 + data[0] % 16;
    memcpy(at_once, data + 1, size - 1);
    size_t rest = gw_mqtt_scan(&whole, at_once, size - 1, on_puback, &expected);
    for (size_t done = 1; done < size; done += part) {
        size_t n = part < size - done ? part : size - done;
        memcpy(in_parts + length, data + done, n);
        length += gw_mqtt_scan(&cut, in_parts + length, n, on_puback, &found);
    }
    require(found.count == expected.count && found.sum == expected.sum);
    require(found.count <= size / 4);
    require(length == rest && rest <= size - 1 && memcmp(at_once, in_parts, rest) == 0);
    require(whole.left == cut.left && whole.at == cut.at && whole.type == cut.type &&
            whole.digits == cut.digits && whole.body == cut.body && whole.lost == cut.lost &&
            whole.bad_puback == cut.bad_puback && whole.subscribes == cut.subscribes);
    return 0;
}
