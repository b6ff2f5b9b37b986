/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of what is published: points, statuses, meta, results. Pure functions into a caller's
 * buffer; nothing allocates. The words and keys are those of the README's message table. */
#ifndef GW_PAYLOAD_H
#define GW_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/point.h"
#include "gateway/mapping/mapping.h"

enum { GW_PAYLOAD_MAX = 2048 }; /* octets of a point's, status' or result's payload */

enum gw_time_source {
    GW_TIME_OUTSTATION,
    GW_TIME_OUTSTATION_UNSYNCHRONIZED,
    GW_TIME_GATEWAY,
    GW_TIME_GATEWAY_UNSYNCHRONIZED
};

enum gw_source { GW_SOURCE_EVENT, GW_SOURCE_STATIC, GW_SOURCE_GATEWAY };

/* A point's value with all that its message says. */
struct gw_point_value {
    enum dnp3_point_type type;
    double number;         /* raw, as the outstation gave it */
    const uint8_t *octets; /* octet string */
    uint16_t length;
    uint8_t flags; /* wire flags (enum dnp3_flag) */
    bool floating; /* the variation was a float: always a decimal point */
    bool single;   /* ... of 32 bits: the shortest text that reads back the same */
    bool delta;    /* of a counter: the change since the one before, not the total */
    enum gw_source source;
    enum gw_time_source time_source;
    int64_t time_ms;
    int64_t received_ms;
    uint32_t id_start; /* the random number of this start */
    uint64_t id_count; /* 0: no id */
};

/* The message of a point. Returns its length, or DNP3_ERR_FULL. */
int gw_payload_point(char *buffer, size_t size, const struct gw_map_point *point,
                     const struct gw_point_value *value);

/* "good", "uncertain" or "bad" (reference: quality). `number` matters for NaN and infinity. */
const char *gw_payload_quality(enum dnp3_point_type type, uint8_t flags, double number);

#define GW_STATE_MAP(X)                                                                            \
    X(CONNECTING, "connecting")                                                                    \
    X(ONLINE, "online")                                                                            \
    X(IDLE, "idle")                                                                                \
    X(OFFLINE, "offline")                                                                          \
    X(DISABLED, "disabled")

enum gw_state {
#define X(name, text) GW_STATE_##name,
    GW_STATE_MAP(X)
#undef X
        GW_STATES
};

/* Why an outstation is in its state; the text is the default `detail`: a sentence with what to try.
 */
#define GW_REASON_MAP(X)                                                                           \
    X(OK, "ok", "")                                                                                \
    X(DISABLED, "disabled", "\"enabled\": false stands in the configuration")                      \
    X(DNS_FAILED, "dns_failed",                                                                    \
      "the host name could not be resolved: check it and the DNS server")                          \
    X(CONNECT_REFUSED, "connect_refused",                                                          \
      "the host refuses this port: is the port right and DNP3 enabled on the device?")             \
    X(CONNECT_TIMEOUT, "connect_timeout", "no answer to connect: check address, cable, firewall")  \
    X(UNREACHABLE, "unreachable", "no route to the host: check network and gateway")               \
    X(CLOSED_BY_PEER, "closed_by_peer",                                                            \
      "accepted, then closed: another master is connected, or our address is not on its list")     \
    X(NO_ANSWER, "no_answer",                                                                      \
      "TCP is up, but no DNP3 came: check the outstation's link address and that DNP3 runs there") \
    X(OTHER_ADDRESS, "other_address", "frames came from another link address than configured")     \
    X(LINK_ONLY, "link_only",                                                                      \
      "link status answered, no application answer: is our master_address on its list?")           \
    X(TIMEOUT, "timeout", "it answered before and is silent now: check device and line")           \
    X(CRC_ERRORS, "crc_errors", "what comes is no DNP3 or is damaged: check the line and port")    \
    X(WRONG_DEVICE, "wrong_device", "it is not the device that identity names")                    \
    X(SILENT, "silent", "it has been silent for longer than max_silence_s")                        \
    X(SERIAL_FAILED, "serial_failed",                                                              \
      "the serial port cannot be used: is it plugged in, and may this process open it?")           \
    X(NOT_CALLING, "not_calling",                                                                  \
      "it has not dialled in yet: does it know our address and port, and is the network open?")    \
    X(GATEWAY_STOPPED, "gateway_stopped", "the gateway was stopped")

enum gw_reason {
#define X(name, word, text) GW_REASON_##name,
    GW_REASON_MAP(X)
#undef X
        GW_REASONS
};

const char *gw_state_name(enum gw_state state);
const char *gw_reason_name(enum gw_reason reason);
const char *gw_reason_detail(enum gw_reason reason);

/* Octets of an outstation's that could not be read, header included. */
struct gw_undecoded {
    const char *error; /* "unsupported", "malformed" */
    uint8_t group, variation, qualifier;
    const uint8_t *octets;
    size_t length; /* at most GW_UNDECODED_MAX of them are in the message */
    int64_t received_ms;
    uint32_t id_start;
    uint64_t id_count;
};
enum { GW_UNDECODED_MAX = 512 };

int gw_payload_undecoded(char *buffer, size_t size, const struct gw_undecoded *undecoded);

struct gw_outstation_status {
    enum gw_state state;
    enum gw_reason reason;
    const char *detail; /* NULL: the reason's own */
    int64_t since_ms;
    int64_t last_heard_ms; /* 0: never -> null */
    const char *connect;
    uint16_t address;
    uint16_t master_address;
    uint16_t iin;      /* names of the bits that are set, class events and broadcast left out */
    const char *clock; /* "ok", "unsynchronized", "not_written" */
    bool withholding;
    uint32_t event_overflows;
    uint32_t rtt_ms;
    uint32_t timeouts;
    uint32_t crc_errors;
    uint64_t rx_bytes;
    uint64_t tx_bytes;
};

int gw_payload_outstation_status(char *buffer, size_t size,
                                 const struct gw_outstation_status *status);

struct gw_gateway_status {
    const char *state;  /* "online", "offline" */
    const char *reason; /* "ok", "connection_lost", "gateway_stopped" */
    int64_t since_ms;   /* 0 -> null */
    const char *version;
    const char *config; /* "ok" */
    const char *revision;
    const char *clock; /* "synchronized", "unsynchronized" */
    const char *spool; /* "none", "ok", "full", "failing", "damaged" */
    uint64_t spool_messages;
    uint64_t spool_octets;
    size_t online, idle, connecting, offline, disabled;
};

int gw_payload_gateway_status(char *buffer, size_t size, const struct gw_gateway_status *status);
/* The will: state and reason only. */
int gw_payload_will(char *buffer, size_t size);

struct gw_config;
struct gw_outstation_config;
/* The meta message; it may need more than GW_PAYLOAD_MAX: with `buffer` NULL and `size` 0 returns
 * the length that it needs. */
int gw_payload_meta(char *buffer, size_t size, const struct gw_config *config,
                    const struct gw_outstation_config *outstation);

#endif
