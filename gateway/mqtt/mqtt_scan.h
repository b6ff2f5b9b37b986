/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the packets of an MQTT stream, cut anywhere, as far as two things need: where one ends,
 * so that another may go in between, and which are PUBACKs, which never reach the client library:
 * what they acknowledge was sent beside it (MQTT 5 3.4, MQTT 3.1.1 3.4). */
#ifndef GW_MQTT_SCAN_H
#define GW_MQTT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at the begin of a connection. */
struct gw_mqtt_scan {
    uint32_t left;       /* octets of its body that are still to come */
    uint32_t at;         /* and that came */
    uint32_t subscribes; /* whole SUBSCRIBE packets until now */
    uint16_t id;         /* of a PUBACK */
    uint8_t reason;      /* likewise */
    uint8_t type;        /* first octet of the packet, 0 between packets */
    uint8_t digits;      /* octets of its length that came */
    bool body;           /* the length is known */
    bool lost;           /* this is no MQTT: it is not followed any more */
    bool bad_puback;     /* so because of a PUBACK, of which a part is gone */
};

typedef void (*gw_mqtt_on_puback)(void *user, uint16_t packet_id, uint8_t reason_code);

/* Follows these octets. With `on_puback` it is told of each PUBACK that ends in them, and they are
 * taken out: what is left stands at `octets`, and its length is returned. */
size_t gw_mqtt_scan(struct gw_mqtt_scan *scan, uint8_t *octets, size_t length,
                    gw_mqtt_on_puback on_puback, void *user);

/* May another packet go in here? */
bool gw_mqtt_scan_between(const struct gw_mqtt_scan *scan);

#endif
