/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool's file holds, octet by octet: messages, kept values, and marks. Each record says
 * what it is and how long, and carries a CRC-32 and the number it is stored under, so that it can
 * be found and trusted wherever it lies, without the tree around it. Big-endian, the same on every
 * machine. Pure functions. */
#ifndef GW_SPOOL_RECORD_H
#define GW_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GW_SPOOL_RECORD_FIRST = 'D',     /* the first octet of every record */
    GW_SPOOL_RECORD_MAX = 64 * 1024, /* octets of a record; more would ask for long runs of pages */
    GW_SPOOL_KEY_MAX = 128,          /* octets of a kept value's key */
    GW_SPOOL_VALUE_MAX = 4096        /* octets of a kept value */
};

/* A message with all that a later run needs to publish it as it would have been. Borrowed where it
 * is handed in; where it is handed out it lives as its giver says. */
struct gw_spool_message {
    uint64_t point;    /* messages of one point keep their order; a hash that outlives a restart */
    uint32_t id_start; /* the event's id, as in its payload; 0: none */
    uint64_t id_count;
    int64_t stored_ms; /* wall clock, for what is left of expiry_s; 0 = nobody knew the time */
    uint32_t expiry_s; /* MQTT 5 message expiry, 0 = none */
    uint8_t qos;
    bool retain;
    const char *topic; /* read back it ends with a zero */
    size_t topic_len;
    const void *properties; /* MQTT 5 user properties as the wire has them; opaque here */
    size_t properties_len;
    const void *payload;
    size_t payload_len;
};

struct gw_spool_record {
    uint64_t sequence; /* ascending over all messages of all runs, never 0 */
    struct gw_spool_message message;
};

/* A kept value: the newest `number` of a key counts. */
struct gw_spool_kept {
    uint64_t number;
    uint8_t space;
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
};

/* The state of the spool as of one commit. */
struct gw_spool_mark {
    uint64_t commit;   /* ascending */
    uint64_t first;    /* no message below this sequence is there any more */
    uint64_t next;     /* sequences from here on were never used */
    uint64_t number;   /* the same for kept values */
    uint64_t messages; /* records, and their octets */
    uint64_t octets;
};

enum { GW_SPOOL_MARK_SIZE = 60 };

/* Octets that the record will take, or 0 where a part is too long. */
size_t gw_spool_message_size(const struct gw_spool_message *message);
size_t gw_spool_kept_size(const struct gw_spool_kept *kept);
/* Write so many octets to `to`. */
void gw_spool_message_write(uint8_t *to, uint64_t sequence, const struct gw_spool_message *message);
void gw_spool_kept_write(uint8_t *to, const struct gw_spool_kept *kept);
void gw_spool_mark_write(uint8_t to[GW_SPOOL_MARK_SIZE], const struct gw_spool_mark *mark);

/* Read a record at the start of `size` octets, of which it may take less. Return its size, or 0
 * where there is none of this kind and format, whole and with a right CRC. The views point into
 * `octets`. */
size_t gw_spool_message_read(const uint8_t *octets, size_t size, struct gw_spool_record *record);
size_t gw_spool_kept_read(const uint8_t *octets, size_t size, struct gw_spool_kept *kept);
size_t gw_spool_mark_read(const uint8_t *octets, size_t size, struct gw_spool_mark *mark);
/* True where a record of some kind and of any format begins: its CRC is not looked at. */
bool gw_spool_record_begins(const uint8_t *octets, size_t size);
/* True where these are the first octets of a record that another version wrote. */
bool gw_spool_record_foreign(const uint8_t *octets, size_t size);

#endif
