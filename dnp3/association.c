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
        .link_retries = 2,
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
    return poll->classes ? poll->classes & DNP3_CLASS_EVENTS
                         : dnp3_reads_events(poll->group, poll->variation);
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

static bool poll_is_valid(const struct dnp3_poll *poll)
{
    return poll->period_ms && !(poll->ranged && (poll->count || poll->stop < poll->start));
}

static bool valid(const struct dnp3_association_config *config)
{
    if (config->max_request < DNP3_REQUEST_MIN || config->max_request > DNP3_FRAGMENT_MAX ||
        config->max_request_told > DNP3_FRAGMENT_MAX ||
        config->master_address > DNP3_LINK_ADDRESS_MAX || config->poll_count > UINT16_MAX)
        return false;
    for (size_t i = 0; i < config->poll_count; i++)
        if (!poll_is_valid(&config->polls[i]))
            return false;
    uint8_t trial[DNP3_FRAGMENT_MAX];
    struct dnp3_writer out = dnp3_writer_of(trial, config->max_request - DNP3_REQUEST_HEADER);
    return !dnp3_request_headers_write(&out, config->assign_class, config->assign_class_count);
}

static void *allocate(const struct dnp3_allocator *allocator, size_t octets)
{
    return allocator->allocate(allocator->user, DNP3_OWNER_ASSOCIATION, octets);
}

static void release(const struct dnp3_allocator *allocator, struct dnp3_association *a)
{
    if (a->primary)
        allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a->primary);
    if (a->polls)
        allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a->polls);
    allocator->release(allocator->user, DNP3_OWNER_ASSOCIATION, a);
}

static size_t longest_request(const struct dnp3_association_config *config)
{
    return config->max_request_told > config->max_request ? config->max_request_told
                                                          : config->max_request;
}

/* The association with all that its configuration asks for, or NULL. */
static struct dnp3_association *make(const struct dnp3_allocator *allocator,
                                     const struct dnp3_association_config *config)
{
    struct dnp3_association *a = allocate(allocator, sizeof *a);
    if (!a)
        return NULL;
    if (config->poll_count)
        a->polls = allocate(allocator, config->poll_count * sizeof *a->polls);
    if (config->link_confirm)
        a->primary = allocate(allocator, dnp3_primary_size(longest_request(config)));
    if ((config->poll_count && !a->polls) || (config->link_confirm && !a->primary)) {
        release(allocator, a);
        return NULL;
    }
    if (a->primary)
        dnp3_primary_init(a->primary, config->link_timeout_ms);
    return a;
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
    struct dnp3_association *a = make(allocator, config);
    if (!a)
        return DNP3_ERR_MEMORY;
    a->master = master;
    a->address = address;
    a->config = config;
    a->callbacks = callbacks;
    a->user = user;
    a->out.kind = REQUEST_NONE;
    a->follow_up = REQUEST_NONE;
    a->max_request = config->max_request;
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
    dnp3_request_gone(a, DNP3_REASON_CONNECTION_LOST);
    dnp3_file_gone(a, DNP3_REASON_CONNECTION_LOST);
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
    release(allocator, a);
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

int dnp3_association_demand(struct dnp3_association *a, enum dnp3_demand demand)
{
    static const enum request_kind kinds[] = {[DNP3_DEMAND_INTEGRITY] = REQUEST_INTEGRITY,
                                              [DNP3_DEMAND_EVENTS] = REQUEST_EVENTS,
                                              [DNP3_DEMAND_TIME] = REQUEST_TIME};
    if (!a->master->connected)
        return DNP3_ERR_OFFLINE;
    if (a->refused & request_bit(kinds[demand]) ||
        (demand == DNP3_DEMAND_TIME && a->config->time_sync == DNP3_TIME_SYNC_NONE) ||
        (demand == DNP3_DEMAND_EVENTS && !dnp3_association_takes_events(a->config)))
        return DNP3_ERR_UNSUPPORTED;
    if (demand == DNP3_DEMAND_EVENTS)
        dnp3_task_read_events(a);
    else
        dnp3_task_want(a, kinds[demand]);
    return 0;
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
