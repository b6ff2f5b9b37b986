/* SPDX-License-Identifier: Apache-2.0 */
/* How a session with an outstation behaves: every profile key, resolved. Durations are in
 * milliseconds, classes are bits (bit 0 = class 0 .. bit 3 = class 3). */
#ifndef GW_PROFILE_H
#define GW_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/time_zone.h"

enum { GW_CLASS_0 = 0x01, GW_CLASS_1 = 0x02, GW_CLASS_2 = 0x04, GW_CLASS_3 = 0x08 };

enum gw_session_kind { GW_SESSION_CONTINUOUS, GW_SESSION_REPORT_BY_EXCEPTION };
enum gw_on_offline { GW_ON_OFFLINE_MARK, GW_ON_OFFLINE_KEEP };
enum gw_confirm {
    GW_CONFIRM_SAFE,
    GW_CONFIRM_JOURNALED,
    GW_CONFIRM_DELIVERED,
    GW_CONFIRM_RECEIVED
};
enum gw_time_sync {
    GW_TIME_SYNC_LAN,
    GW_TIME_SYNC_NON_LAN,
    GW_TIME_SYNC_DIRECT,
    GW_TIME_SYNC_NONE
};
/* The commands of an outstation: what may stand in `commands` and in a topic. */
#define GW_COMMAND_MAP(X)                                                                          \
    X(INTEGRITY, "integrity")                                                                      \
    X(EVENTS, "events")                                                                            \
    X(TIME_SYNC, "time_sync")                                                                      \
    X(FREEZE, "freeze")                                                                            \
    X(FREEZE_CLEAR, "freeze_clear")                                                                \
    X(RESTART_COLD, "restart_cold")                                                                \
    X(RESTART_WARM, "restart_warm")                                                                \
    X(DEADBAND, "deadband")                                                                        \
    X(FILE, "file")                                                                                \
    X(ATTRIBUTES, "attributes")                                                                    \
    X(DECODE, "decode")

enum gw_command_word {
#define X(name, text) GW_COMMAND_##name,
    GW_COMMAND_MAP(X)
#undef X
        GW_COMMAND_WORDS
};

enum { GW_POLLS_MAX = 32 }; /* of one profile */

/* One periodic read: classes, or one object header. */
struct gw_poll {
    uint8_t classes;   /* 0: an object header instead */
    uint8_t group;     /* object header */
    uint8_t variation; /* object header, 0 = any */
    bool ranged;       /* `first`..`last` hold, else all indexes */
    uint16_t first, last;
    uint32_t every_ms;
};

enum { GW_ASSIGNED_MAX = 16 }; /* entries of assign_class: all of them fit one small request */

/* Points that are put into a class at startup. */
struct gw_assigned {
    uint8_t to; /* class 0..3 */
    uint8_t group;
    bool ranged; /* `first`..`last` hold, else all indexes */
    uint16_t first, last;
};

/* Octets of user name and password for files together: their request then fits every outstation. */
enum { GW_FILE_LOGIN_MAX = 200 };

/* What a device may have to say it is. */
enum gw_identity_key {
    GW_IDENTITY_SERIAL_NUMBER,
    GW_IDENTITY_MANUFACTURER,
    GW_IDENTITY_MODEL,
    GW_IDENTITY_KEYS
};

struct gw_profile {
    const char *name;        /* as in the file; of its base where an outstation overrides */
    uint8_t session;         /* enum gw_session_kind */
    uint8_t on_offline;      /* enum gw_on_offline */
    uint8_t confirm;         /* enum gw_confirm */
    uint8_t time_sync;       /* enum gw_time_sync */
    uint32_t max_silence_ms; /* 0 = any */
    uint32_t offline_after_ms;
    uint32_t response_timeout_ms;
    uint32_t keep_alive_ms;               /* 0 = off */
    uint32_t confirm_timeout_ms;          /* the outstation's own */
    uint32_t time_sync_every_ms;          /* 0 = only when asked */
    uint32_t time_round_trip_ms;          /* a slower DELAY_MEASURE sets no clock; 0 = any */
    const struct gw_time_zone *time_zone; /* of the outstation's clock; NULL: UTC */
    const char *time_zone_text;           /* as in the file */
    uint16_t master_address;
    uint16_t max_fragment;
    uint8_t integrity;          /* class bits, 0 = never */
    uint8_t unsolicited;        /* class bits to enable; 0 disables all */
    bool unsolicited_untouched; /* neither enable nor disable is sent */
    bool clear_restart;
    bool events_on_iin;
    bool link_confirm;
    bool controls;
    uint16_t commands; /* those allowed, bit n = enum gw_command_word n */
    const struct gw_poll *polls;
    size_t poll_count;
    const char *file_user;                  /* NULL: files are not asked for by name */
    const char *file_password_file;         /* as in the file, NULL: none */
    const char *file_password;              /* NULL: none; a secret, never logged or published */
    const char *identity[GW_IDENTITY_KEYS]; /* NULL: whatever it is */
    const struct gw_assigned *assigned;
    size_t assigned_count;
};

#endif
