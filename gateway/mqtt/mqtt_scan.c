/* SPDX-License-Identifier: Apache-2.0 */
/* Packets are skipped by their length; of a PUBACK the first three octets are looked at. */
#include "gateway/mqtt/mqtt_scan.h"

#include <string.h>

enum { PUBACK = 0x40, SUBSCRIBE = 0x82, ID_OCTETS = 2, REASON_AT = 2, DIGITS_MAX = 4 };

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

static size_t take_body(struct gw_mqtt_scan *scan, const uint8_t *octets, size_t length)
{
    size_t taken = length < scan->left ? length : scan->left;
    if (scan->type == PUBACK) {
        for (size_t i = 0; i < taken && scan->at + i <= REASON_AT; i++) {
            if (scan->at + i < ID_OCTETS)
                scan->id = (uint16_t)(scan->id << 8 | octets[i]);
            else
                scan->reason = octets[i];
        }
    }
    scan->at += (uint32_t)taken;
    scan->left -= (uint32_t)taken;
    return taken;
}

static void end_packet(struct gw_mqtt_scan *scan, gw_mqtt_on_puback on_puback, void *user)
{
    const struct gw_mqtt_scan ended = *scan;
    *scan = (struct gw_mqtt_scan){.subscribes = ended.subscribes + (ended.type == SUBSCRIBE)};
    if (ended.type != PUBACK)
        return;
    scan->lost = ended.at < ID_OCTETS;
    if (!scan->lost && on_puback)
        on_puback(user, ended.id, ended.reason);
}

size_t gw_mqtt_scan(struct gw_mqtt_scan *scan, uint8_t *octets, size_t length,
                    gw_mqtt_on_puback on_puback, void *user)
{
    size_t kept = 0;
    size_t i = 0;
    while (i < length && !scan->lost) {
        size_t taken = 1;
        bool puback = (scan->type ? scan->type : octets[i]) == PUBACK;
        if (scan->body)
            taken = take_body(scan, octets + i, length - i);
        else
            take_header(scan, octets[i]);
        if (!(puback && on_puback)) {
            memmove(octets + kept, octets + i, taken);
            kept += taken;
        }
        i += taken;
        if (scan->body && !scan->left)
            end_packet(scan, on_puback, user);
        scan->bad_puback |= puback && scan->lost;
    }
    memmove(octets + kept, octets + i, length - i);
    return kept + length - i;
}

bool gw_mqtt_scan_between(const struct gw_mqtt_scan *scan)
{
    return !scan->type && !scan->lost;
}
