/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasts: they wait until the channel is quiet, leave once, and are over (rule 22). */
#include "dnp3/association_internal.h"

static bool is_allowed(uint8_t function)
{
    return function == DNP3_FUNCTION_WRITE || function == DNP3_FUNCTION_DIRECT_OPERATE_NR ||
           function == DNP3_FUNCTION_IMMED_FREEZE_NR || function == DNP3_FUNCTION_FREEZE_CLEAR_NR ||
           function == DNP3_FUNCTION_ENABLE_UNSOLICITED ||
           function == DNP3_FUNCTION_DISABLE_UNSOLICITED ||
           function == DNP3_FUNCTION_ASSIGN_CLASS || function == DNP3_FUNCTION_RECORD_CURRENT_TIME;
}

static bool is_control(const struct dnp3_broadcast *broadcast)
{
    return broadcast->function == DNP3_FUNCTION_DIRECT_OPERATE_NR;
}

static bool needs_headers(uint8_t function)
{
    return function != DNP3_FUNCTION_DIRECT_OPERATE_NR &&
           function != DNP3_FUNCTION_RECORD_CURRENT_TIME;
}

static int write_objects(struct dnp3_writer *out, const struct dnp3_broadcast *broadcast)
{
    int error = dnp3_request_headers_write(out, broadcast->headers, broadcast->count);
    return error ? error
                 : dnp3_operate_objects_write(out, broadcast->commands, broadcast->command_count);
}

static bool is_valid(const struct dnp3_broadcast *broadcast)
{
    uint8_t trial[DNP3_REQUEST_MIN];
    struct dnp3_writer out = dnp3_writer_of(trial, sizeof trial - DNP3_REQUEST_HEADER);
    if (!is_allowed(broadcast->function) || !broadcast->done ||
        broadcast->destination < DNP3_LINK_BROADCAST_FIRST ||
        broadcast->source > DNP3_LINK_ADDRESS_MAX ||
        needs_headers(broadcast->function) != (broadcast->count > 0) ||
        is_control(broadcast) != (broadcast->command_count > 0))
        return false;
    for (size_t i = 0; i < broadcast->command_count; i++)
        if (broadcast->commands[i].index > UINT16_MAX)
            return false;
    return !write_objects(&out, broadcast);
}

int dnp3_master_broadcast(struct dnp3_master *master, struct dnp3_broadcast *broadcast)
{
    if (!master->config.broadcast || !is_valid(broadcast))
        return DNP3_ERR_INVALID;
    if (!master->connected || !master->associations)
        return DNP3_ERR_OFFLINE;
    size_t waiting = 0;
    struct dnp3_broadcast **tail = &master->broadcasts;
    for (; *tail; tail = &(*tail)->next)
        waiting++;
    if (waiting >= DNP3_BROADCASTS_QUEUED_MAX)
        return DNP3_ERR_FULL;
    broadcast->next = NULL;
    *tail = broadcast;
    return 0;
}

static void finish(struct dnp3_master *master, enum dnp3_command_outcome outcome,
                   enum dnp3_command_reason reason)
{
    struct dnp3_broadcast *broadcast = master->broadcasts;
    master->broadcasts = broadcast->next;
    master->broadcast_wait_until_ms = 0;
    broadcast->next = NULL;
    broadcast->outcome = outcome;
    broadcast->reason = reason;
    broadcast->done(broadcast);
}

void dnp3_broadcast_disconnected(struct dnp3_master *master)
{
    while (master->broadcasts)
        finish(master, DNP3_OUTCOME_REFUSED, DNP3_REASON_OFFLINE);
}

/* A broadcast ends what an outstation is about to answer, so nothing may be under way. */
static bool is_quiet(const struct dnp3_master *master)
{
    for (const struct dnp3_association *a = master->associations; a; a = a->next)
        if (a->out.kind != REQUEST_NONE || a->follow_up != REQUEST_NONE || a->commands ||
            a->link_reply || association_awaits_link(a) || a->solicited.state != OWED_NONE ||
            a->unsolicited.state != OWED_NONE)
            return false;
    return true;
}

/* Rule 15, as for one outstation: all that may be broadcast changes something. */
static bool line_is_clear(struct dnp3_master *master)
{
    const struct dnp3_association *a = master->associations;
    if (!a->callbacks->line_clear || a->callbacks->line_clear(a->user))
        return true;
    if (!master->broadcast_wait_until_ms)
        master->broadcast_wait_until_ms = master->now_ms + LINE_WAIT_MS;
    return false;
}

/* Whoever is on the line hears it. */
static bool all_may_act(const struct dnp3_master *master)
{
    const struct dnp3_association *a = master->associations;
    while (a && association_may_act(a))
        a = a->next;
    return !a;
}

static bool is_last_of_any(const struct dnp3_master *master, uint8_t sequence)
{
    const struct dnp3_association *a = master->associations;
    while (a && a->sequence != ((sequence + 1) & DNP3_APP_SEQUENCE))
        a = a->next;
    return a;
}

/* Not what an outstation heard last, which it might take for a repeat, where that can be had. */
static uint8_t choose_sequence(const struct dnp3_master *master)
{
    uint8_t first = master->associations->sequence;
    uint8_t sequence = first;
    while (is_last_of_any(master, sequence)) {
        sequence = (sequence + 1) & DNP3_APP_SEQUENCE;
        if (sequence == first)
            break;
    }
    return sequence;
}

static void send(struct dnp3_master *master, struct dnp3_writer *wire)
{
    const struct dnp3_broadcast *broadcast = master->broadcasts;
    struct dnp3_association *first = master->associations;
    struct dnp3_writer fragment =
        dnp3_writer_of(dnp3_pool_fragment(master->config.pool), DNP3_REQUEST_MIN);
    uint8_t sequence = choose_sequence(master);
    struct dnp3_app_header header = {.control = (uint8_t)(DNP3_APP_FIR | DNP3_APP_FIN | sequence),
                                     .function = broadcast->function};
    dnp3_app_write(&fragment, &header);
    write_objects(&fragment, broadcast);
    dnp3_transport_write(
        &first->transport, wire, DNP3_LINK_DIR | DNP3_LINK_PRM | DNP3_LINK_UNCONFIRMED_USER_DATA,
        broadcast->destination, broadcast->source, fragment.start, dnp3_writer_length(&fragment));
    for (struct dnp3_association *a = master->associations; a; a = a->next) {
        if (a->sequence == sequence)
            a->sequence = (a->sequence + 1) & DNP3_APP_SEQUENCE;
        a->broadcast_awaited = true;
        if (broadcast->function == DNP3_FUNCTION_DISABLE_UNSOLICITED)
            dnp3_confirm_forget_unsolicited(a); /* rule 1 */
    }
}

bool dnp3_broadcast_next(struct dnp3_master *master, struct dnp3_writer *wire)
{
    while (master->broadcasts && is_quiet(master)) {
        const struct dnp3_broadcast *broadcast = master->broadcasts;
        if (broadcast->expires_ms && master->now_ms >= broadcast->expires_ms) {
            finish(master, DNP3_OUTCOME_REFUSED, DNP3_REASON_EXPIRED);
        } else if (!all_may_act(master)) {
            finish(master, DNP3_OUTCOME_REFUSED, DNP3_REASON_FORBIDDEN);
        } else if (line_is_clear(master)) {
            send(master, wire);
            finish(master, DNP3_OUTCOME_UNKNOWN, DNP3_REASON_NO_ACK);
            return true;
        } else if (master->now_ms < master->broadcast_wait_until_ms) {
            return false;
        } else {
            finish(master, DNP3_OUTCOME_REFUSED, DNP3_REASON_LINE_BUSY);
        }
    }
    return false;
}

uint64_t dnp3_broadcast_deadline(const struct dnp3_master *master)
{
    return master->broadcast_wait_until_ms && is_quiet(master) ? master->now_ms + LINE_ASK_MS
                                                               : DNP3_NEVER;
}

void dnp3_broadcast_answered(struct dnp3_association *a, uint16_t iin, bool solicited)
{
    bool heard = iin & DNP3_IIN_BROADCAST;
    bool news = a->broadcast_awaited ? heard || solicited : heard && !(a->iin & DNP3_IIN_BROADCAST);
    if (!news) /* unsolicited may have left before the broadcast came */
        return;
    a->broadcast_awaited = false;
    association_event(
        a, heard ? DNP3_ASSOCIATION_BROADCAST_HEARD : DNP3_ASSOCIATION_BROADCAST_MISSED, 0);
}
