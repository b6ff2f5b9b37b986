/* SPDX-License-Identifier: Apache-2.0 */
/* One place where the gateway's keys meet the library's configuration. */
#include "gateway/behaviour.h"

#include "gateway/memory.h"

static enum dnp3_time_sync time_sync_of(uint8_t word)
{
    switch ((enum gw_time_sync)word) {
    case GW_TIME_SYNC_LAN:
        return DNP3_TIME_SYNC_LAN;
    case GW_TIME_SYNC_NON_LAN:
        return DNP3_TIME_SYNC_NON_LAN;
    case GW_TIME_SYNC_DIRECT:
        return DNP3_TIME_SYNC_DIRECT;
    case GW_TIME_SYNC_NONE:
        break;
    }
    return DNP3_TIME_SYNC_NONE;
}

static struct dnp3_poll poll_of(const struct gw_poll *poll)
{
    return (struct dnp3_poll){.period_ms = poll->every_ms,
                              .classes = poll->classes,
                              .group = poll->group,
                              .variation = poll->variation,
                              .ranged = poll->ranged,
                              .start = poll->first,
                              .stop = poll->last};
}

struct dnp3_association_config *gw_behaviour_create(const struct gw_profile *profile)
{
    struct {
        struct dnp3_association_config config;
        struct dnp3_poll polls[];
    } *made = gw_memory_allocate(GW_OWNER_CONFIG,
                                 sizeof *made + profile->poll_count * sizeof(struct dnp3_poll));
    if (!made)
        return NULL;
    struct dnp3_association_config *config = &made->config;
    dnp3_association_config_default(config);
    config->master_address = profile->master_address;
    config->max_request = profile->max_fragment;
    config->response_timeout_ms = profile->response_timeout_ms;
    /* A slow line answers a link status as slowly as a request. */
    config->link_timeout_ms = profile->response_timeout_ms;
    config->keep_alive_ms = profile->keep_alive_ms;
    config->confirm_timeout_ms = profile->confirm_timeout_ms;
    config->time_sync_period_ms = profile->time_sync_every_ms;
    config->time_sync = time_sync_of(profile->time_sync);
    config->integrity = profile->integrity;
    config->unsolicited = profile->unsolicited;
    config->manage_unsolicited = !profile->unsolicited_untouched;
    config->clear_restart = profile->clear_restart;
    config->events_on_iin = profile->events_on_iin;
    for (size_t i = 0; i < profile->poll_count; i++)
        made->polls[i] = poll_of(&profile->polls[i]);
    config->polls = made->polls;
    config->poll_count = profile->poll_count;
    return config;
}

void gw_behaviour_free(struct dnp3_association_config *behaviour)
{
    gw_memory_release(behaviour);
}
