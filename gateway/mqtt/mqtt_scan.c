/* SPDX-License-Identifier: Apache-2.0 */
/* Packets are skipped by their length; of a PUBACK the third octet is looked at. */
#include "gateway/mqtt/mqtt_scan.h"

enum { PUBACK = 0x40, NO_SUBSCRIBERS = 0x10, REASON_AT = 2, DIGITS_MAX = 4 };

/* The first octet of a packet, then those of its length (MQTT 5 1.5.5). */
static void take_header(struct gw_mqtt_scan *scan, uint8_t octet)
{
    if (!scan->type) {
        scan->type = octet;
        scan->lost = !octet;
        return;
    }
    scan->left |= (uint32_t)(octet & 0x7f) << (7 * scan->digits++);
    scan->body = !(octet & 0x80);
    scan->lost = !scan->body && scan->digits == DIGITS_MAX;
}

static size_t take_body(struct gw_mqtt_scan *scan, const uint8_t *octets, size_t length,
                        uint32_t *found)
{
    size_t taken = length < scan->left ? length : scan->left;
    if (scan->type == PUBACK && scan->at <= REASON_AT && scan->at + taken > REASON_AT)
        *found += octets[REASON_AT - scan->at] == NO_SUBSCRIBERS;
    scan->at += (uint32_t)taken;
    scan->left -= (uint32_t)taken;
    return taken;
}

uint32_t gw_mqtt_scan(struct gw_mqtt_scan *scan, const uint8_t *octets, size_t length)
{
    uint32_t found = 0;
    for (size_t i = 0; i < length && !scan->lost;) {
        if (scan->body)
            i += take_body(scan, octets + i, length - i, &found);
        else
            take_header(scan, octets[i++]);
        if (scan->body && !scan->left)
            *scan = (struct gw_mqtt_scan){0};
    }
    return found;
}
