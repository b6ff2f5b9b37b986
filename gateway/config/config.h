/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: gateway.json, what it includes and the mapping files it names, validated and
 * resolved. Immutable after load; every pointer in it lives until gw_config_free. */
#ifndef GW_CONFIG_H
#define GW_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/template.h"
#include "gateway/config/mqtt_config.h"
#include "gateway/config/network.h"
#include "gateway/config/profile.h"
#include "gateway/config/serial_config.h"
#include "gateway/json/config_error.h"
#include "gateway/mapping/mapping.h"

enum gw_channel_type { GW_CHANNEL_TCP, GW_CHANNEL_SERIAL, GW_CHANNEL_TCP_LISTEN, GW_CHANNEL_UDP };

struct gw_channel_config {
    const char *name;                    /* of a private channel: its outstation's */
    uint8_t type;                        /* enum gw_channel_type */
    bool is_private;                     /* made by an outstation's `connect` */
    const struct gw_endpoint *endpoints; /* tcp: fail-over in this order, at least one; udp */
    size_t endpoint_count;
    uint32_t connect_timeout_ms;
    uint32_t reconnect_min_ms, reconnect_max_ms;
    bool half_duplex; /* one station speaks at a time; of serial channels always */
    bool broadcast;   /* commands may go to every outstation of the line at once */
    struct gw_serial_config serial;
    struct gw_endpoint listen;      /* tcp_listen, udp: an address of this host */
    const struct gw_network *allow; /* who may dial in; none: everybody */
    size_t allow_count;
    uint32_t identify_ms; /* how long a caller may take to say who it is */
    uint16_t max_unidentified;
};

struct gw_outstation_config {
    const char *name;
    const char *label;   /* NULL: none */
    const char *connect; /* the first endpoint as written for status: "tcp://10.0.4.10:20000" */
    uint32_t channel;    /* number in gw_config.channels */
    const struct gw_network *peer;             /* where it dials in from; NULL: from anywhere */
    const struct gw_outstation_config *behind; /* whose call reaches it too; NULL: its own does */
    uint16_t address;
    bool enabled;
    bool controls; /* the master switch, the profile's and the outstation's together */
    const struct gw_profile *profile; /* never NULL; may be shared */
    const struct gw_mapping *mapping; /* never NULL; may be shared */
    const struct gw_var *vars;        /* the outstation's own over the mapping's, by name */
    size_t var_count;
};

struct gw_topics; /* topic.h */

struct gw_config {
    const char *file;    /* as given to load */
    const char *gateway; /* its name */
    char revision[9];    /* 8 hex digits that change with any file */
    bool controls;       /* master switch */
    uint8_t clock;       /* enum gw_clock_mode */
    enum gw_log_level log_level;
    enum gw_log_format log_format;
    const char *spool_path; /* a directory; NULL: no spool */
    uint32_t spool_max_mb;
    struct gw_mqtt_config mqtt;
    const struct gw_topics *topics;
    const struct gw_channel_config *channels;
    size_t channel_count;
    const struct gw_outstation_config *outstations;
    size_t outstation_count;
    const struct gw_profile *const *profiles; /* every resolved one, the built-in first */
    size_t profile_count;
    const struct gw_mapping *const *mappings; /* every instance in use, once */
    size_t mapping_count;
};

/* Reads and checks everything that `path` names. Returns 0 with `*out` set, warnings may stand in
 * `errors`; or DNP3_ERR_INVALID with `*out` NULL and all that is wrong in `errors` (zeroed by the
 * caller before, freed by it after in both cases), or DNP3_ERR_MEMORY. */
int gw_config_load(const char *path, struct gw_config **out, struct gw_config_errors *errors);
/* A file that is not on disk, for tests. */
struct gw_config_text {
    const char *path, *text;
    size_t length;
};
/* The same from memory: `texts[0]` is gateway.json, other files are found by their path. */
int gw_config_load_texts(const struct gw_config_text *texts, size_t count, struct gw_config **out,
                         struct gw_config_errors *errors);
/* NULL is legal. */
void gw_config_free(struct gw_config *config);

/* The outstation whose call reaches this one: itself, or the one that it is behind. */
static inline const struct gw_outstation_config *
gw_config_caller(const struct gw_outstation_config *outstation)
{
    return outstation->behind ? outstation->behind : outstation;
}

/* The outstation of that name (need not end in NUL), or NULL. By hash. */
const struct gw_outstation_config *gw_config_outstation(const struct gw_config *config,
                                                        const char *name, size_t length);

#endif
