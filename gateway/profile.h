/* SPDX-License-Identifier: Apache-2.0 */
/* How a session with an outstation behaves: every profile key, resolved. Durations are in
 * milliseconds, classes are bits (bit 0 = class 0 .. bit 3 = class 3). */
#ifndef GW_PROFILE_H
#define GW_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GW_CLASS_0 = 0x01, GW_CLASS_1 = 0x02, GW_CLASS_2 = 0x04, GW_CLASS_3 = 0x08 };

enum gw_session_kind { GW_SESSION_CONTINUOUS };
enum gw_on_offline { GW_ON_OFFLINE_MARK, GW_ON_OFFLINE_KEEP };
enum gw_confirm { GW_CONFIRM_SAFE, GW_CONFIRM_RECEIVED };
enum gw_time_sync {
    GW_TIME_SYNC_LAN,
    GW_TIME_SYNC_NON_LAN,
    GW_TIME_SYNC_DIRECT,
    GW_TIME_SYNC_NONE
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

struct gw_profile {
    const char *name;   /* as in the file; of its base where an outstation overrides */
    uint8_t session;    /* enum gw_session_kind */
    uint8_t on_offline; /* enum gw_on_offline */
    uint8_t confirm;    /* enum gw_confirm */
    uint8_t time_sync;  /* enum gw_time_sync */
    uint32_t offline_after_ms;
    uint32_t response_timeout_ms;
    uint32_t keep_alive_ms;      /* 0 = off */
    uint32_t confirm_timeout_ms; /* the outstation's own */
    uint32_t time_sync_every_ms; /* 0 = only when asked */
    uint16_t master_address;
    uint16_t max_fragment;
    uint8_t integrity;          /* class bits, 0 = never */
    uint8_t unsolicited;        /* class bits to enable; 0 disables all */
    bool unsolicited_untouched; /* neither enable nor disable is sent */
    bool clear_restart;
    bool events_on_iin;
    bool controls;
    const struct gw_poll *polls;
    size_t poll_count;
};

#endif
