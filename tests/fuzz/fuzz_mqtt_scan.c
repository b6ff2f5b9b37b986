/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker sends. Invariants: octets give the same count and state at once and cut (the first
 * octet says where); no more is found than octets could hold. */
#include <string.h>

#include "gateway/mqtt/mqtt_scan.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_mqtt_scan whole = {0};
    struct gw_mqtt_scan cut = {0};
    uint32_t found = 0;
    if (size < 2)
        return 0;
    size_t part = 1 + data[0] % 16;
    uint32_t expected = gw_mqtt_scan(&whole, data + 1, size - 1);
    for (size_t done = 1; done < size; done += part)
        found += gw_mqtt_scan(&cut, data + done, part < size - done ? part : size - done);
    require(found == expected);
    require(found <= size / 5);
    require(whole.left == cut.left && whole.at == cut.at && whole.type == cut.type &&
            whole.digits == cut.digits && whole.body == cut.body && whole.lost == cut.lost);
    return 0;
}
