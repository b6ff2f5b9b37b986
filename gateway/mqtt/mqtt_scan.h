/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into what a broker sends for the one thing that the client library does not tell: that a
 * message was taken although nobody subscribes to it (PUBACK with reason code 0x10, MQTT
 * 5 3.4.2.1). Follows the packets only as far as that needs; octets come cut anywhere. */
#ifndef GW_MQTT_SCAN_H
#define GW_MQTT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at the begin of a connection. */
struct gw_mqtt_scan {
    uint32_t left;  /* octets of its body that are still to come */
    uint32_t at;    /* and that came */
    uint8_t type;   /* first octet of the packet, 0 between packets */
    uint8_t digits; /* octets of its length that came */
    bool body;      /* the length is known */
    bool lost;      /* this is no MQTT: nothing is found any more */
};

/* How many such PUBACKs end in these octets. */
uint32_t gw_mqtt_scan(struct gw_mqtt_scan *scan, const uint8_t *octets, size_t length);

#endif
