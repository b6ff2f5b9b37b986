/* SPDX-License-Identifier: Apache-2.0 */
/* A slot a message. Its packet identifier names slot and turn, so that a PUBACK that comes twice is
 * not taken for the slot's next message, and none is one of the client library's: it counts from 1
 * on, for a few subscriptions. */
#include "gateway/mqtt/flight.h"

#include "gateway/mqtt/publish_packet.h"

enum {
    OWN_IDS = 0x8000,
    TURNS = OWN_IDS / GW_MQTT_WINDOW_MAX,
    /* Less what one message exceeds it by. Twice that has room in gw_outgoing: what is being
     * written, and what came after it was acknowledged. */
    FLIGHT_OCTETS = 64 * 1024,
    /* MQTT 5 reason codes */
    QOS_NOT_SUPPORTED = 0x9b,
    PACKET_TOO_LARGE = 0x95,
    TOPIC_NAME_INVALID = 0x90
};
_Static_assert(2 * FLIGHT_OCTETS <= GW_BROKER_ROOM, "what is in flight has room twice");

void gw_flight_open(struct gw_flight *flight, struct gw_broker *broker, int version,
                    const struct gw_mqtt_connection *connection)
{
    size_t most = connection->receive_maximum ? connection->receive_maximum : 1;
    *flight = (struct gw_flight){.broker = broker,
                                 .connection = *connection,
                                 .version = version,
                                 .window = most < GW_MQTT_WINDOW_MAX ? most : GW_MQTT_WINDOW_MAX};
    for (size_t slot = GW_MQTT_WINDOW_MAX; slot > 0; slot--)
        flight->spare[flight->spares++] = (uint8_t)(slot - 1);
}

void gw_flight_close(struct gw_flight *flight)
{
    flight->window = 0;
}

size_t gw_flight_window(const struct gw_flight *flight)
{
    return flight->flying >= flight->window || flight->octets >= FLIGHT_OCTETS
               ? 0
               : flight->window - flight->flying;
}

static void end(struct gw_flight *flight, uint64_t id, int code)
{
    size_t at = (flight->ended_from + flight->ended_count++) % GW_MQTT_WINDOW_MAX;
    flight->ended[at] = (struct gw_flight_end){.id = id, .code = code};
}

static void leave(struct gw_flight *flight, struct gw_flight_slot *slot, int code)
{
    slot->packet_id = 0;
    flight->spare[flight->spares++] = (uint8_t)(slot - flight->slots);
    flight->octets -= slot->octets;
    flight->unwritten -= slot->unwritten;
    end(flight, slot->id, code);
}

/* What the broker said at connect that it would not take, or nobody could. */
static int refusal(const struct gw_flight *flight, const struct gw_mqtt_publication *publication,
                   size_t octets)
{
    const struct gw_mqtt_connection *connection = &flight->connection;
    if (!octets)
        return TOPIC_NAME_INVALID;
    if (connection->maximum_packet && octets > connection->maximum_packet)
        return PACKET_TOO_LARGE;
    return publication->qos > connection->maximum_qos ? QOS_NOT_SUPPORTED : 0;
}

int gw_flight_publish(struct gw_flight *flight, const struct gw_mqtt_publication *publication,
                      uint64_t id)
{
    if (!gw_flight_window(flight))
        return GW_MQTT_BUSY;
    uint8_t spare = flight->spare[flight->spares - 1]; /* fewer fly than there are slots */
    struct gw_publish_packet packet = {
        .publication = publication,
        .version = flight->version,
        .id = (uint16_t)(OWN_IDS + flight->serial * GW_MQTT_WINDOW_MAX + spare),
        .retain = publication->retain && flight->connection.retain_available};
    size_t octets = gw_publish_packet_size(&packet);
    int code = refusal(flight, publication, octets);
    if (code) {
        flight->flying++;
        end(flight, id, code);
        return 0;
    }
    if (flight->octets && flight->octets + octets > FLIGHT_OCTETS)
        return GW_MQTT_BUSY;
    uint8_t *room = gw_broker_room(flight->broker, octets);
    flight->starved |= !room;
    if (!room)
        return GW_MQTT_BUSY;
    gw_publish_packet_write(&packet, room);
    flight->spares--;
    struct gw_flight_slot *slot = &flight->slots[spare];
    *slot = (struct gw_flight_slot){
        .id = id, .octets = octets, .packet_id = packet.id, .unwritten = !publication->qos};
    flight->serial = (uint16_t)((flight->serial + 1) % TURNS);
    flight->flying++;
    flight->octets += octets;
    flight->unwritten += slot->unwritten;
    return 0;
}

void gw_flight_acked(struct gw_flight *flight, uint16_t packet_id, uint8_t reason_code)
{
    struct gw_flight_slot *slot = &flight->slots[packet_id % GW_MQTT_WINDOW_MAX];
    if (packet_id && slot->packet_id == packet_id && !slot->unwritten)
        leave(flight, slot, reason_code);
}

bool gw_flight_written(struct gw_flight *flight)
{
    bool news = flight->starved;
    flight->starved = false;
    for (size_t i = 0; flight->unwritten && i < GW_MQTT_WINDOW_MAX; i++) {
        struct gw_flight_slot *slot = &flight->slots[i];
        if (slot->packet_id && slot->unwritten)
            leave(flight, slot, 0);
    }
    return news || flight->ended_count;
}

bool gw_flight_ended(const struct gw_flight *flight)
{
    return flight->ended_count;
}

bool gw_flight_take(struct gw_flight *flight, struct gw_flight_end *taken)
{
    if (!flight->ended_count)
        return false;
    *taken = flight->ended[flight->ended_from];
    flight->ended_from = (flight->ended_from + 1) % GW_MQTT_WINDOW_MAX;
    flight->ended_count--;
    flight->flying--;
    return true;
}
