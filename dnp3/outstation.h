/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation as pure protocol: octets and time in, octets out. It answers one master, keeps the
 * database and the events, and reports by itself (unsolicited) where that is allowed.
 * IEEE 1815-2012 clauses 4, 5, 9. No call allocates after create; one thread, no reentry: callbacks
 * may call dnp3_outstation_update() and nothing else. */
#ifndef DNP3_OUTSTATION_H
#define DNP3_OUTSTATION_H

#include "dnp3/app.h"
#include "dnp3/attribute.h"
#include "dnp3/command.h"
#include "dnp3/database.h"
#include "dnp3/event_buffer.h"
#include "dnp3/link.h"
#include "dnp3/outstation_file.h"
#include "dnp3/pool.h"

enum { DNP3_RETRY_FOREVER = 0xFFFF };

/* A device attribute, and whether a WRITE of it is shown to the host. */
struct dnp3_outstation_attribute {
    struct dnp3_attribute value;
    bool writable;
};

struct dnp3_outstation_config {
    uint16_t address;
    uint16_t master_address;
    struct dnp3_database_config database;
    uint16_t event_capacity[DNP3_EVENT_CLASSES]; /* of classes 1, 2, 3; default 256 each */
    uint16_t max_rx_fragment;                    /* 249..2048, default 2048 */
    uint16_t max_tx_fragment;                    /* 249..2048, default 2048 */
    uint16_t max_controls;                       /* in one request, default 16 */
    uint32_t confirm_timeout_ms;                 /* default 5000 */
    uint32_t select_timeout_ms;                  /* default 10000 */
    uint32_t file_timeout_ms;                    /* an idle file is given up, default 60000 */
    bool unsolicited;             /* allowed at all, with the null response at each connect */
    uint8_t unsolicited_classes;  /* enabled before the master says so (mask), default none */
    uint16_t unsolicited_retries; /* repeats of one fragment, DNP3_RETRY_FOREVER; default 3 */
    uint16_t unsolicited_events;  /* so many pending events are sent at once, default 32 */
    uint32_t unsolicited_hold_ms; /* or the oldest after this long, default 100 */
    uint32_t response_delay_ms;   /* each answer leaves so late, 0..60000; default 0 */
    bool regenerate;              /* a retry is built anew from the current events */
    bool need_time;               /* NEED_TIME from the start, default false */
    uint32_t need_time_every_ms;  /* and again so long after each time sync; 0 = never */
    bool lenient;                 /* delivers confirmed link data although the link is not reset */
    bool link_confirm;            /* sends its fragments as confirmed link data */
    uint32_t link_timeout_ms;     /* for the acknowledgement of a frame, default 1000 */
    uint8_t link_retries;         /* of a frame, default 2 */
    /* Sorted by set and variation, 1 to 253; borrowed. The host may change values, not the order,
     * between calls and in write_attribute(). Default none. */
    const struct dnp3_outstation_attribute *attributes;
    uint16_t attribute_count;
};

enum dnp3_operate_how {
    DNP3_OPERATE_SELECTED, /* OPERATE after SELECT */
    DNP3_OPERATE_DIRECT,
    DNP3_OPERATE_DIRECT_NR
};

/* What the host does. Any may be NULL: the function is then refused as not supported. */
struct dnp3_outstation_callbacks {
    /* May this command be operated? Changes nothing. */
    enum dnp3_status (*select)(void *user, const struct dnp3_command *command);
    /* Operates; the status goes into the echo. */
    enum dnp3_status (*operate)(void *user, const struct dnp3_command *command,
                                enum dnp3_operate_how how);
    /* The master set the time: `time_ms` since 1970 is now. */
    void (*write_time)(void *user, int64_t time_ms);
    /* The outstation's clock, for READ 50v1 and for freezes; 0 where it has no idea. */
    int64_t (*time)(void *user);
    /* Restart wanted: ms until the outstation answers again, or negative to refuse. The host then
     * calls dnp3_outstation_restart() when the answer has left. */
    int64_t (*restart)(void *user, bool cold);
    /* The master writes an attribute that is writable, with its type; it lives as long as the call.
     * True: the table has it now. False: refused. */
    bool (*write_attribute)(void *user, const struct dnp3_attribute *attribute);
    /* The master writes an octet string that the database has and has room for. True: the database
     * takes it, with an event where it changed; false: refused. */
    bool (*write_string)(void *user, const struct dnp3_point *string);
    /* The master confirmed this event: it is the master's from now on, and leaves the buffer. In
     * order of occurrence for each point; the point lives as long as the call. */
    void (*event_confirmed)(void *user, enum dnp3_point_type type, const struct dnp3_point *point);
    const struct dnp3_outstation_files *files;
};

struct dnp3_outstation_counters {
    uint32_t requests;            /* handled, repeats not included */
    uint32_t repeats;             /* requests answered from the last response */
    uint32_t ignored;             /* frames or fragments of another master, or not for us */
    uint32_t malformed;           /* requests that could not be parsed to the end */
    uint32_t responses;           /* solicited fragments sent */
    uint32_t unsolicited;         /* unsolicited fragments sent, retries included */
    uint32_t unsolicited_retries; /* of them retries */
    uint32_t confirms;            /* that were awaited */
    uint32_t confirm_timeouts;
    uint32_t broadcasts;
    uint32_t link_retries;  /* confirmed frames that left again */
    uint32_t link_failures; /* fragments that the master's link did not take */
    uint32_t commands;      /* operated points */
    uint64_t events;
    uint64_t events_confirmed;
    uint64_t events_dropped;
};

struct dnp3_outstation;

/* Address 1024, master 1, no points, nothing unsolicited; the other defaults stand above. */
void dnp3_outstation_config_default(struct dnp3_outstation_config *config);

/* NULL without memory or with a configuration out of the ranges above. `pool` is shared with other
 * engines of the same thread and outlives the outstation; `callbacks` too. */
struct dnp3_outstation *dnp3_outstation_create(const struct dnp3_allocator *allocator,
                                               struct dnp3_pool *pool,
                                               const struct dnp3_outstation_config *config,
                                               const struct dnp3_outstation_callbacks *callbacks,
                                               void *user);
/* Its points and events too; open files are given up. NULL is legal. */
void dnp3_outstation_free(struct dnp3_outstation *outstation);

/* A connection stands, or is gone. What was being sent is forgotten; events stay. */
void dnp3_outstation_connected(struct dnp3_outstation *outstation, uint64_t now_ms);
void dnp3_outstation_disconnected(struct dnp3_outstation *outstation);

/* Octets from the channel. Garbage is counted and skipped. Call take() afterwards. */
void dnp3_outstation_feed(struct dnp3_outstation *outstation, const uint8_t *octets, size_t length,
                          uint64_t now_ms);
/* The same for one datagram (UDP): what it cuts short is not joined with the next one. */
void dnp3_outstation_feed_datagram(struct dnp3_outstation *outstation, const uint8_t *octets,
                                   size_t length, uint64_t now_ms);
/* The same for one link frame, where the host parses a line that several outstations share; frames
 * for other addresses are passed over. */
void dnp3_outstation_frame(struct dnp3_outstation *outstation, const struct dnp3_link_frame *frame,
                           uint64_t now_ms);
/* What is to be sent next, built now; 0 when there is nothing. At most one fragment; the octets are
 * valid until the next call with the same pool. The host sends all of them, then asks again. */
size_t dnp3_outstation_take(struct dnp3_outstation *outstation, const uint8_t **octets,
                            uint64_t now_ms);
/* When tick() is next wanted, UINT64_MAX = never. */
uint64_t dnp3_outstation_deadline(const struct dnp3_outstation *outstation);
/* Time has passed: timeouts and held events. Call take() afterwards. */
void dnp3_outstation_tick(struct dnp3_outstation *outstation, uint64_t now_ms);

/* A new value, and an event where the mode and the point's class say so: 1 with an event, 0
 * without; UNKNOWN or RANGE as dnp3_database_update(). Call take() afterwards. */
int dnp3_outstation_update(struct dnp3_outstation *outstation, enum dnp3_point_type type,
                           const struct dnp3_point *point, enum dnp3_event_mode mode,
                           uint64_t now_ms);
/* Points and their setup: read, or changed with dnp3_database_configure(). */
struct dnp3_database *dnp3_outstation_database(struct dnp3_outstation *outstation);
/* Events that can still be buffered in a class 1..3 without dropping one. */
uint16_t dnp3_outstation_event_room(const struct dnp3_outstation *outstation, uint8_t event_class);

/* The indications that are the host's: LOCAL_CONTROL, DEVICE_TROUBLE, CONFIG_CORRUPT, NEED_TIME;
 * `mask` says which of them `values` sets or clears. */
void dnp3_outstation_indicate(struct dnp3_outstation *outstation, uint16_t mask, uint16_t values);
/* As after power-up: DEVICE_RESTART, NEED_TIME as configured, enabled classes as configured, no
 * selection, no open files; the null unsolicited response is due again. Points and events stay. */
void dnp3_outstation_restart(struct dnp3_outstation *outstation, uint64_t now_ms);

/* Live, over all connections; they go with the outstation. */
const struct dnp3_outstation_counters *
dnp3_outstation_counters(const struct dnp3_outstation *outstation);

#endif
