/* SPDX-License-Identifier: Apache-2.0 */
/* One place where the gateway's keys meet the library's configuration. */
#include "gateway/config/behaviour.h"

#include "gateway/base/memory.h"

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

/* A class, then its points; the class again only where it is another one. */
static size_t assign_classes(const struct gw_profile *profile, struct dnp3_request_header *headers)
{
    size_t count = 0;
    for (size_t i = 0; i < profile->assigned_count; i++) {
        const struct gw_assigned *assigned = &profile->assigned[i];
        if (i == 0 || assigned->to != assigned[-1].to)
            headers[count++] =
                (struct dnp3_request_header){.group = 60, .variation = (uint8_t)(assigned->to + 1)};
        headers[count++] = (struct dnp3_request_header){.group = assigned->group,
                                                        .ranged = assigned->ranged,
                                                        .start = assigned->first,
                                                        .stop = assigned->last};
    }
    return count;
}

struct dnp3_association_config *gw_behaviour_create(const struct gw_profile *profile, bool writes)
{
    size_t headers = writes ? 2 * profile->assigned_count : 0;
    struct {
        struct dnp3_association_config config;
        struct dnp3_request_header headers[];
    } *made = gw_memory_allocate(GW_OWNER_CONFIG,
                                 sizeof *made + headers * sizeof(struct dnp3_request_header) +
                                     profile->poll_count * sizeof(struct dnp3_poll));
    if (!made)
        return NULL;
    struct dnp3_association_config *config = &made->config;
    dnp3_association_config_default(config);
    config->master_address = profile->master_address;
    config->max_request = profile->max_fragment;
    config->response_timeout_ms = profile->response_timeout_ms;
    /* A slow line answers a link status as slowly as a request. */
    config->link_timeout_ms = profile->response_timeout_ms;
    config->link_confirm = profile->link_confirm;
    config->report_by_exception = profile->session == GW_SESSION_REPORT_BY_EXCEPTION;
    config->keep_alive_ms = config->report_by_exception ? 0 : profile->keep_alive_ms;
    config->confirm_timeout_ms = profile->confirm_timeout_ms;
    config->time_sync_period_ms = profile->time_sync_every_ms;
    config->time_round_trip_ms = profile->time_round_trip_ms;
    config->time_sync = time_sync_of(profile->time_sync);
    config->integrity = profile->integrity;
    config->unsolicited = profile->unsolicited;
    config->manage_unsolicited = !profile->unsolicited_untouched;
    config->clear_restart = profile->clear_restart;
    config->events_on_iin = profile->events_on_iin;
    config->assign_class = made->headers;
    config->assign_class_count = headers ? assign_classes(profile, made->headers) : 0;
    struct dnp3_poll *polls = (void *)(made->headers + headers); /* behind them in the same block */
    config->poll_count = config->report_by_exception ? 0 : profile->poll_count;
    for (size_t i = 0; i < config->poll_count; i++)
        polls[i] = poll_of(&profile->polls[i]);
    config->polls = polls;
    return config;
}

void gw_behaviour_free(struct dnp3_association_config *behaviour)
{
    gw_memory_release(behaviour);
}
