/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenarios/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16384, START_MS = 1000000 };

const char *record_kind_text(enum record_kind kind)
{
    static const char *const texts[] = {
#define X(name, text) [RECORD_##name] = text,
        RECORD_MAP(X)
#undef X
    };
    return texts[kind];
}

void world_record(struct world *world, enum record_kind kind, unsigned address, const char *format,
                  ...)
{
    static char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct record *record = calloc(1, sizeof *record);
    char *copy = malloc(strlen(text) + 1);
    *record = (struct record){.kind = kind, .address = address, .at_ms = world->now};
    record->text = strcpy(copy, text);
    *world->tail = record;
    world->tail = &record->next;
}

struct record *world_steal(struct world *world, enum record_kind kind, unsigned address)
{
    for (struct record **at = &world->records; *at; at = &(*at)->next) {
        struct record *record = *at;
        if (record->kind != kind || record->address != address)
            continue;
        *at = record->next;
        if (!*at)
            world->tail = at;
        return record;
    }
    return NULL;
}

void record_free(struct record *record)
{
    if (!record)
        return;
    free(record->text);
    free(record);
}

void world_broken(struct side *side, const char *rule)
{
    world_record(side->world, RECORD_BROKEN, side->address, "%s", rule);
}

/* The host. */

static size_t print_point(char *text, size_t size, enum dnp3_point_type type,
                          const struct dnp3_point *point)
{
    int n = 0;
    if (type == DNP3_POINT_OCTET_STRING) {
        n = snprintf(text, size, " %u=\"%.*s\"", point->index, (int)point->length,
                     (const char *)point->octets);
    } else {
        n = snprintf(text, size, " %u=%.10g", point->index, point->number);
        if (point->flags != DNP3_FLAG_ONLINE)
            n += snprintf(text + n, size - (size_t)n, "/%02X", point->flags);
    }
    if (point->time_quality != DNP3_TIME_NONE)
        n += snprintf(text + n, size - (size_t)n, "%s%lld",
                      point->time_quality == DNP3_TIME_SYNCHRONIZED ? "@" : "@~",
                      (long long)point->time_ms);
    return (size_t)n;
}

static void on_points(void *user, const struct dnp3_object_header *header,
                      const struct dnp3_point *points, size_t count)
{
    struct side *side = user;
    static char text[TEXT_MAX];
    enum dnp3_point_type type = (enum dnp3_point_type)header->row->type;
    size_t length = (size_t)snprintf(text, sizeof text, "%s", dnp3_point_type_name(type));
    if (!count || count > DNP3_POINTS_BATCH)
        world_broken(side, "a batch has 1 to DNP3_POINTS_BATCH points");
    for (size_t i = 0; i < count && length < sizeof text - 600; i++)
        length += print_point(text + length, sizeof text - length, type, &points[i]);
    world_record(side->world, RECORD_POINTS, side->address, "%s", text);
}

static void on_attribute(void *user, const struct dnp3_object_header *header,
                         const struct dnp3_attribute *attribute)
{
    struct side *side = user;
    char text[600];
    const char *type = dnp3_attribute_type_name(attribute->type);
    int n = snprintf(text, sizeof text, "%uv%u %u %s ", header->group, header->variation,
                     attribute->set, type ? type : "?");
    size_t room = sizeof text - (size_t)n;
    switch (attribute->type) {
    case DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING:
        snprintf(text + n, room, "%.*s", (int)attribute->length, (const char *)attribute->octets);
        break;
    case DNP3_ATTRIBUTE_TYPE_FLOAT:
        snprintf(text + n, room, "%g", attribute->real);
        break;
    case DNP3_ATTRIBUTE_TYPE_SIGNED:
    case DNP3_ATTRIBUTE_TYPE_TIME:
        snprintf(text + n, room, "%lld", (long long)attribute->integer);
        break;
    case DNP3_ATTRIBUTE_TYPE_UNSIGNED:
        snprintf(text + n, room, "%llu", (unsigned long long)attribute->natural);
        break;
    default:
        snprintf(text + n, room, "%u octets", attribute->length);
    }
    world_record(side->world, RECORD_ATTRIBUTE, side->address, "%s", text);
}

static void on_problem(void *user, const struct dnp3_object_header *header, int error,
                       const uint8_t *octets, size_t length)
{
    struct side *side = user;
    (void)octets;
    (void)length;
    const char *word = error == DNP3_ERR_UNSUPPORTED ? "unsupported"
                       : error == DNP3_ERR_TRUNCATED ? "truncated"
                                                     : "malformed";
    world_record(side->world, RECORD_PROBLEM, side->address, "%s g%uv%u q%02X", word, header->group,
                 header->variation, header->qualifier);
}

struct guard *world_guard(struct side *side, uint8_t control)
{
    return &side->guards[!!(control & DNP3_APP_UNS)][control & DNP3_APP_SEQUENCE];
}

static enum dnp3_verdict on_fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    struct side *side = user;
    struct guard *guard = world_guard(side, side->fed_control);
    guard->token = fragment->token;
    if (!fragment->token)
        return DNP3_CONFIRM_REFUSE; /* must not count */
    if (fragment->token >= TOKENS_MAX) {
        world_broken(side, "more tokens than the runner keeps");
        return DNP3_CONFIRM_REFUSE;
    }
    side->safe[fragment->token] = side->verdict == DNP3_CONFIRM_NOW;
    if (side->verdict == DNP3_CONFIRM_HOLD)
        side->last_token = fragment->token;
    return side->verdict;
}

static void on_voided(void *user, uint32_t token)
{
    struct side *side = user;
    world_record(side->world, RECORD_VOIDED, side->address, "%u", token);
}

static void on_event(void *user, enum dnp3_association_event event, unsigned detail)
{
    static const char *const names[] = {
#define X(name, text) [DNP3_ASSOCIATION_##name] = #name,
        DNP3_ASSOCIATION_EVENT_MAP(X)
#undef X
    };
    struct side *side = user;
    bool named = event == DNP3_ASSOCIATION_TIMEOUT || event == DNP3_ASSOCIATION_STEP_REFUSED;
    if (event == DNP3_ASSOCIATION_TIMEOUT)
        side->asked = false;
    const char *function = dnp3_function_name((uint8_t)detail);
    world_record(side->world, RECORD_EVENT, side->address, "%s%s%s", names[event], named ? " " : "",
                 named && function ? function : "");
}

static int64_t on_wall_clock(void *user)
{
    const struct world *world = ((struct side *)user)->world;
    return world->wall_ms < 0 ? -1 : world->wall_ms + (int64_t)(world->now - START_MS);
}

static bool on_line_clear(void *user)
{
    return !((struct side *)user)->world->line_busy;
}

static bool on_may_act(void *user)
{
    return !((struct side *)user)->world->forbidden;
}

static const struct dnp3_association_callbacks callbacks = {.points = on_points,
                                                            .attribute = on_attribute,
                                                            .problem = on_problem,
                                                            .fragment_end = on_fragment_end,
                                                            .voided = on_voided,
                                                            .event = on_event,
                                                            .wall_clock = on_wall_clock,
                                                            .line_clear = on_line_clear,
                                                            .may_act = on_may_act};

static const char *const outcomes[] = {"done", "refused", "failed", "unknown"};
static const char *const reasons[] = {
    "ok",          "status",  "indication", "echo_mismatch",  "no_answer", "connection_lost",
    "expired",     "offline", "line_busy",  "select_expired", "no_ack",    "withheld",
    "interrupted", "block",   "malformed",  "cancelled",      "forbidden"};

const char *world_outcome(enum dnp3_command_outcome outcome)
{
    return outcomes[outcome];
}

const char *world_reason(enum dnp3_command_reason reason)
{
    return reasons[reason];
}

static void on_done(struct dnp3_command_request *request)
{
    static const char *const stages[] = {"queued", "select", "operate"};
    struct request_slot *slot = request->user;
    char text[256];
    size_t length = (size_t)snprintf(text, sizeof text, "%s %s %s", outcomes[request->outcome],
                                     stages[request->stage], reasons[request->reason]);
    for (size_t i = 0; i < request->count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, " %u",
                                   request->commands[i].status);
    world_record(slot->side->world, RECORD_RESULT, slot->side->address, "%s", text);
    if (!slot->busy)
        world_broken(slot->side, "a control has one result");
    slot->busy = false;
}

struct request_slot *world_request(struct world *world, struct side *side)
{
    for (size_t i = 0; i < COMMANDS_MAX; i++) {
        struct request_slot *slot = &world->requests[i];
        if (slot->busy)
            continue;
        *slot = (struct request_slot){.side = side, .busy = true};
        slot->request.commands = slot->commands;
        slot->request.done = on_done;
        slot->request.user = slot;
        return slot;
    }
    return NULL;
}

static void on_answer(struct dnp3_request *request)
{
    struct ask *ask = request->user;
    char delay[32] = "";
    if (request->delay_ms != DNP3_NO_DELAY)
        snprintf(delay, sizeof delay, " delay %u", request->delay_ms);
    /* Indications as they stand on the wire. */
    world_record(ask->side->world, RECORD_ANSWER, ask->side->address, "%s %s %02X%02X%s",
                 outcomes[request->outcome], reasons[request->reason], request->iin & 0xFF,
                 request->iin >> 8, delay);
    if (!ask->busy)
        world_broken(ask->side, "a request has one result");
    ask->busy = false;
}

static void on_broadcast(struct dnp3_broadcast *broadcast)
{
    struct ask *ask = broadcast->user;
    world_record(ask->side->world, RECORD_BROADCAST, ask->side->address, "%s %s",
                 outcomes[broadcast->outcome], reasons[broadcast->reason]);
    if (!ask->busy)
        world_broken(ask->side, "a broadcast has one result");
    ask->busy = false;
}

struct ask *world_ask(struct world *world, struct side *side)
{
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &world->asks[i];
        if (ask->busy)
            continue;
        memset(ask, 0, sizeof *ask);
        ask->side = side;
        ask->busy = true;
        ask->request.done = on_answer;
        ask->request.user = ask;
        ask->broadcast.done = on_broadcast;
        ask->broadcast.user = ask;
        return ask;
    }
    return NULL;
}

static void on_stranger(void *user, uint16_t source, uint16_t destination)
{
    struct world *world = user;
    world_record(world, RECORD_STRANGER, world->sides[0].address, "%u %u", source, destination);
}

/* Life. */

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->now = START_MS;
    world->wall_ms = 1700000000000;
    world->buffers = 2;
    world->tail = &world->records;
    world->allocator = counted_heap_of(&world->heap);
}

struct side *world_side(struct world *world, unsigned address)
{
    for (size_t i = 0; i < world->side_count; i++)
        if (world->sides[i].address == address)
            return &world->sides[i];
    if (world->master || world->side_count == SIDES_MAX)
        return NULL;
    struct side *side = &world->sides[world->side_count++];
    side->world = world;
    side->address = address;
    side->verdict = DNP3_CONFIRM_NOW;
    dnp3_association_config_default(&side->config);
    return side;
}

void world_create(struct world *world)
{
    struct dnp3_master_config config = {.allocator = &world->allocator,
                                        .spread = 1,
                                        .half_duplex = world->half_duplex,
                                        .stranger = on_stranger,
                                        .user = world,
                                        .broadcast = world->broadcast};
    world->pool = dnp3_pool_create(&world->allocator, world->buffers);
    config.pool = world->pool;
    world->master = dnp3_master_create(&config);
    dnp3_link_parser_init(&world->parser);
    for (size_t i = 0; i < world->side_count; i++) {
        struct side *side = &world->sides[i];
        side->config.polls = side->polls;
        side->config.assign_class = side->assign_class.headers;
        side->config.assign_class_count = side->assign_class.header_count;
        dnp3_transport_init(&side->up, DNP3_FRAGMENT_MAX);
        dnp3_transport_init(&side->down, DNP3_FRAGMENT_MAX);
        if (dnp3_association_create(world->master, (uint16_t)side->address, &side->config,
                                    &callbacks, side, &side->association))
            world_broken(side, "the association was not created");
    }
    world->created = world->heap.asked;
}

void world_free(struct world *world)
{
    if (world->master) {
        if (world->heap.asked != world->created)
            world_record(world, RECORD_BROKEN, 0, "memory was allocated after create");
        for (size_t i = 0; i < world->side_count; i++)
            dnp3_transport_reset(&world->sides[i].down, world->pool);
        dnp3_master_free(world->master);
        if (dnp3_pool_available(world->pool) != world->buffers)
            world_record(world, RECORD_BROKEN, 0, "a pool buffer was not returned");
        dnp3_pool_free(world->pool);
    }
    if (world->heap.live)
        world_record(world, RECORD_BROKEN, 0, "%zu allocations were not released",
                     world->heap.live);
    for (size_t i = 0; i < COMMANDS_MAX; i++)
        if (world->requests[i].busy)
            world_record(world, RECORD_BROKEN, 0, "a control has no result");
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (world->asks[i].busy)
            world_record(world, RECORD_BROKEN, 0, "a request has no result");
    for (size_t i = 0; i < FILES_MAX; i++)
        if (world->files[i].busy)
            world_record(world, RECORD_BROKEN, 0, "a file transfer has no result");
}

/* The connection. */

static void forget(struct side *side)
{
    side->asked = false;
    side->linked = false;
    memset(side->guards, 0, sizeof side->guards);
}

void world_move(struct world *world, struct side *side)
{
    dnp3_transport_reset(&side->down, world->pool);
    forget(side);
    dnp3_association_moved(side->association, world->now);
    world_pump(world);
}

void world_connect(struct world *world)
{
    world->connected = true;
    for (size_t i = 0; i < world->side_count; i++)
        forget(&world->sides[i]);
    dnp3_master_connected(world->master, world->now);
    world_pump(world);
}

void world_disconnect(struct world *world)
{
    world->connected = false;
    for (size_t i = 0; i < world->side_count; i++)
        dnp3_transport_reset(&world->sides[i].down, world->pool);
    dnp3_master_disconnected(world->master, world->now);
    if (dnp3_pool_available(world->pool) != world->buffers)
        world_record(world, RECORD_BROKEN, 0, "a pool buffer is out without a connection");
    if (dnp3_master_deadline(world->master) != DNP3_NEVER)
        world_record(world, RECORD_BROKEN, 0, "a deadline without a connection");
    world_pump(world);
}

void world_say(struct side *side, const uint8_t *fragment, size_t length)
{
    if (length < 2)
        return;
    side->fed_control = fragment[0];
    if (fragment[1] == DNP3_FUNCTION_RESPONSE)
        side->asked = false;
    struct guard *guard = world_guard(side, fragment[0]);
    if (fragment[0] & DNP3_APP_CON)
        guard->awaited = true;
    if (fragment[1] == DNP3_FUNCTION_RESPONSE)
        guard->token = 0;
}

void world_feed(struct world *world, const uint8_t *octets, size_t length, size_t chunk)
{
    if (!chunk)
        chunk = length;
    for (size_t at = 0; at < length; at += chunk) {
        size_t n = length - at < chunk ? length - at : chunk;
        uint8_t *exact = malloc(n); /* the address sanitizer then sees a read past its end */
        memcpy(exact, octets + at, n);
        dnp3_master_feed(world->master, exact, n, world->now);
        free(exact);
    }
}

void world_feed_datagram(struct world *world, const uint8_t *octets, size_t length)
{
    uint8_t *exact = malloc(length);
    memcpy(exact, octets, length);
    dnp3_master_feed_datagram(world->master, exact, length, world->now);
    free(exact);
}

/* Nothing may happen before the time that the master named. */
static void tick_early(struct world *world, uint64_t now)
{
    struct record **tail = world->tail;
    world->now = now;
    dnp3_master_tick(world->master, now);
    world_pump(world);
    if (world->tail != tail)
        world_record(world, RECORD_BROKEN, 0, "it acts before its deadline");
}

void world_advance(struct world *world, uint64_t until)
{
    for (;;) {
        uint64_t deadline = dnp3_master_deadline(world->master);
        if (deadline > until)
            break;
        if (deadline > world->now + 1)
            tick_early(world, deadline - 1);
        if (deadline > world->now)
            world->now = deadline;
        struct record **tail = world->tail;
        dnp3_master_tick(world->master, world->now);
        world_pump(world);
        if (dnp3_master_deadline(world->master) <= world->now) {
            world_record(world, RECORD_BROKEN, 0, "a deadline that stays in the past");
            return;
        }
        bool asks_for_the_line = world->line_busy;
        if (world->tail == tail && !world->withholding && !asks_for_the_line)
            world_record(world, RECORD_BROKEN, 0, "a deadline at which nothing happens");
    }
    if (until > world->now)
        tick_early(world, until);
}
