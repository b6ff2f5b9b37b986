/* SPDX-License-Identifier: Apache-2.0 */
/* An association's life and the host's view of it; how it moves is in task.c, response.c,
 * confirm.c and operate.c. */
#include "dnp3/association_internal.h"

void dnp3_association_config_default(struct dnp3_association_config *config)
{
    *config = (struct dnp3_association_config){
        .master_address = 1,
        .max_request = DNP3_FRAGMENT_MAX,
        .response_timeout_ms = 5000,
        .link_timeout_ms = 1000,
        .keep_alive_ms = 60000,
        .confirm_timeout_ms = 5000,
        .retry_min_ms = 5000,
        .retry_max_ms = 60000,
        .operate_within_ms = 2000,
        .time_round_trip_ms = 2000,
        .time_sync = DNP3_TIME_SYNC_LAN,
        .integrity = DNP3_CLASS_0 | DNP3_CLASS_EVENTS,
        .unsolicited = DNP3_CLASS_EVENTS,
        .manage_unsolicited = true,
        .clear_restart = true,
        .events_on_iin = true,
    };
}

static bool poll_takes_events(const struct dnp3_poll *poll)
{
    const struct dnp3_object_row *row =
        poll->classes ? NULL : dnp3_object_row(poll->group, poll->variation);
    return poll->classes & DNP3_CLASS_EVENTS || (row && row->kind == DNP3_KIND_EVENT);
}

bool dnp3_association_takes_events(const struct dnp3_association_config *config)
{
    bool takes = config->integrity & DNP3_CLASS_EVENTS || config->events_on_iin ||
                 (config->manage_unsolicited && config->unsolicited);
    for (size_t i = 0; !takes && i < config->poll_count; i++)
        takes = poll_takes_events(&config->polls[i]);
    return takes;
}

const char *dnp3_association_event_text(enum dnp3_association_event event)
{
    static const char *const texts[] = {
#define X(name, text) [DNP3_ASSOCIATION_##name] = text,
        DNP3_ASSOCIATION_EVENT_MAP(X)
#undef X
    };
    return event < sizeof texts / sizeof *texts ? texts[event] : "unknown event";
}

static struct dnp3_association *find(const struct dnp3_master *master, uint16_t address)
{
    struct dnp3_association *a = master->associations;
    while (a && a->address != address)
        a = a->next;
    return a;
}

static bool valid(const struct dnp3_association_config *config)
{
    if (config->max_request < DNP3_REQUEST_MIN || config->max_request > DNP3_FRAGMENT_MAX ||
        config->master_address > DNP3_LINK_ADDRESS_MAX || config->poll_count > UINT16_MAX)
        return false;
    for (size_t i = 0; i < config->poll_count; i++)
        if (!config->polls[i].period_ms)
            return false;
    uint8_t trial[DNP3_FRAGMENT_MAX];
    struct dnp3_writer out = dnp3_writer_of(trial, config->max_request - DNP3_REQUEST_HEADER);
    return !dnp3_request_headers_write(&out, config->assign_class, config->assign_class_count);
}

int dnp3_association_create(struct dnp3_master *master, uint16_t address,
                            const struct dnp3_association_config *config,
                            const struct dnp3_association_callbacks *callbacks, void *user,
                            struct dnp3_association **out)
{
    const struct dnp3_allocator *allocator = master->config.allocator;
    if (address > DNP3_LINK_ADDRESS_MAX || !callbacks->fragment_end || !valid(config))
        return DNP3_ERR_INVALID;
    if (find(master, address))
        return DNP3_ERR_BUSY;
    struct dnp3_association *a =
        allocator->allocate(allocator->user, DNP3_OWNER_ASSOCIATION, sizeof *a);
    if (!a)
        return DNP3_ERR_MEMORY;
    if (config->poll_count) {
        a->polls = allocator->allocate(allocator->user, DNP3_OWNER_ASSOCIATION,
                                       config->poll_count * sizeof *a->polls);
        if (!a->polls) {
            allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a);
            return DNP3_ERR_MEMORY;
        }
    }
    a->master = master;
    a->address = address;
    a->config = config;
    a->callbacks = callbacks;
    a->user = user;
    a->out.kind = REQUEST_NONE;
    a->follow_up = REQUEST_NONE;
    dnp3_transport_init(&a->transport, DNP3_FRAGMENT_MAX);
    a->next = master->associations;
    master->associations = a;
    master->turn = a;
    master->count++;
    if (master->connected)
        dnp3_task_start(a);
    *out = a;
    return 0;
}

void dnp3_association_free(struct dnp3_association *a)
{
    if (!a)
        return;
    struct dnp3_master *master = a->master;
    const struct dnp3_allocator *allocator = master->config.allocator;
    a->online = false; /* no control or request is taken from here on */
    dnp3_request_disconnected(a);
    dnp3_operate_disconnected(a);
    struct dnp3_association **link = &master->associations;
    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
    if (!master->associations)
        dnp3_broadcast_disconnected(master);
    master->turn = master->associations;
    master->count--;
    dnp3_transport_reset(&a->transport, master->config.pool);
    if (a->polls)
        allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a->polls);
    allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a);
}

void dnp3_association_withhold(struct dnp3_association *a, bool withholding)
{
    if (a->withholding == withholding)
        return;
    a->withholding = withholding;
    if (withholding || !a->master->connected)
        return;
    dnp3_task_read_events(a);
    a->resume_enable = a->config->manage_unsolicited && a->config->unsolicited;
    if (a->resume_enable) /* it follows the scan */
        a->wanted &= (uint8_t)~request_bit(REQUEST_ENABLE_UNSOLICITED);
}

void dnp3_association_demand(struct dnp3_association *a, enum dnp3_demand demand)
{
    if (!a->master->connected)
        return;
    switch (demand) {
    case DNP3_DEMAND_INTEGRITY:
        dnp3_task_want(a, REQUEST_INTEGRITY);
        break;
    case DNP3_DEMAND_EVENTS:
        dnp3_task_read_events(a);
        break;
    case DNP3_DEMAND_TIME:
        if (a->config->time_sync != DNP3_TIME_SYNC_NONE)
            dnp3_task_want(a, REQUEST_TIME);
        break;
    }
}

bool dnp3_association_online(const struct dnp3_association *a)
{
    return a->online;
}

uint16_t dnp3_association_address(const struct dnp3_association *a)
{
    return a->address;
}

uint16_t dnp3_association_iin(const struct dnp3_association *a)
{
    return a->iin;
}

uint64_t dnp3_association_heard(const struct dnp3_association *a)
{
    return a->heard_ms;
}

uint32_t dnp3_association_round_trip(const struct dnp3_association *a)
{
    return a->round_trip_ms;
}

const struct dnp3_association_counters *dnp3_association_counters(const struct dnp3_association *a)
{
    return &a->counters;
}

const struct dnp3_transport_counters *
dnp3_association_transport_counters(const struct dnp3_association *a)
{
    return &a->transport.counters;
}

size_t dnp3_association_size(void)
{
    return sizeof(struct dnp3_association);
}
