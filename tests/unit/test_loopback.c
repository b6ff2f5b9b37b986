/* SPDX-License-Identifier: Apache-2.0 */
/* The master against our own outstations in virtual time, through many hours of bad weather: cut
 * and stalled connections, late and refused confirms, restarts, controls. Afterwards every event
 * is where it is safe, in order, and no control was operated twice or against its result. */
#include "tests/unit/loopback_hosts.h"

/* The line. */

static void push(struct world *world, struct pipe *pipe, const uint8_t *octets, size_t length)
{
    while (length) {
        size_t n = chance(world, 900) ? length : 1 + draw(world, (uint32_t)length);
        CHECK(world, pipe->count < QUEUE_MAX);
        struct chunk *chunk = &pipe->chunks[(pipe->head + pipe->count++) % QUEUE_MAX];
        uint64_t due = world->now + draw(world, LATENCY_MAX_MS);
        if (!world->settling && chance(world, world->weather->stall))
            due += draw(world, STALL_MAX_MS);
        if (due < pipe->last_ms)
            due = pipe->last_ms; /* in order */
        pipe->last_ms = due;
        if (pipe == &world->down && due > world->now + RESPONSE_TIMEOUT_MS)
            world->give_up_ms = earliest(world->give_up_ms, world->now + RESPONSE_TIMEOUT_MS);
        chunk->due_ms = due;
        chunk->length = n;
        memcpy(chunk->octets, octets, n);
        octets += n;
        length -= n;
    }
}

static void pump(struct world *world)
{
    const uint8_t *octets;
    uint8_t copy[DNP3_WIRE_MAX];
    size_t length;
    bool more = true;
    for (int i = 0; more; i++) {
        CHECK(world, i < 1000);
        more = false;
        if ((length = dnp3_master_take(world->master, &octets, world->now)) > 0) {
            memcpy(copy, octets, length);
            push(world, &world->down, copy, length);
            more = true;
        }
        for (size_t s = 0; s < STATIONS; s++) {
            struct dnp3_outstation *outstation = world->stations[s].outstation;
            if ((length = dnp3_outstation_take(outstation, &octets, world->now)) > 0) {
                memcpy(copy, octets, length);
                if (world->connected)
                    push(world, &world->up, copy, length);
                more = true;
            }
        }
    }
}

static void deliver(struct world *world)
{
    while (world->down.count && world->down.chunks[world->down.head].due_ms <= world->now) {
        struct chunk *chunk = &world->down.chunks[world->down.head];
        world->down.head = (world->down.head + 1) % QUEUE_MAX;
        world->down.count--;
        for (size_t s = 0; s < STATIONS; s++)
            dnp3_outstation_feed(world->stations[s].outstation, chunk->octets, chunk->length,
                                 world->now);
        pump(world);
    }
    while (world->up.count && world->up.chunks[world->up.head].due_ms <= world->now) {
        struct chunk *chunk = &world->up.chunks[world->up.head];
        world->up.head = (world->up.head + 1) % QUEUE_MAX;
        world->up.count--;
        dnp3_master_feed(world->master, chunk->octets, chunk->length, world->now);
        pump(world);
    }
}

/* What is on the way is lost, at either end or at both. */
static void cut(struct world *world)
{
    if (!world->connected)
        return;
    world->connected = false;
    world->give_up_ms = DNP3_NEVER;
    world->reconnect_ms = world->now + 1 + draw(world, chance(world, 700) ? 100 : 20000);
    world->down.count = 0;
    world->up.count = 0;
    dnp3_master_disconnected(world->master, world->now);
    for (size_t s = 0; s < STATIONS; s++)
        dnp3_outstation_disconnected(world->stations[s].outstation);
}

static void connect_again(struct world *world)
{
    world->connected = true;
    world->down.last_ms = 0;
    world->up.last_ms = 0;
    dnp3_master_connected(world->master, world->now);
    for (size_t s = 0; s < STATIONS; s++)
        dnp3_outstation_connected(world->stations[s].outstation, world->now);
    pump(world);
}

/* The process. */

static void happen(struct world *world)
{
    struct station *station = &world->stations[draw(world, STATIONS)];
    uint32_t burst = chance(world, 50) ? 60 : 1 + draw(world, 3);
    for (; burst; burst--) {
        uint32_t type = draw(world, TYPES);
        uint32_t index = draw(world, POINTS);
        uint8_t event_class = (uint8_t)(type + 1);
        if (!world->weather->overflow &&
            dnp3_outstation_event_room(station->outstation, event_class) == 0)
            continue;
        struct dnp3_point point = {.index = index,
                                   .flags = DNP3_FLAG_ONLINE,
                                   .number = ++station->said[type][index],
                                   .time_quality = DNP3_TIME_SYNCHRONIZED,
                                   .time_ms = on_wall_clock(station)};
        station->events++;
        CHECK(world, dnp3_outstation_update(station->outstation, types[type], &point,
                                            DNP3_EVENT_FORCE, world->now) == 1);
    }
}

static void weather_turn(struct world *world)
{
    const struct weather *weather = world->weather;
    struct station *station = &world->stations[draw(world, STATIONS)];
    if (chance(world, 600))
        happen(world);
    if (chance(world, weather->cut))
        cut(world);
    if (chance(world, weather->command))
        send_control(world);
    if (chance(world, weather->restart))
        dnp3_outstation_restart(station->outstation, world->now);
    if (chance(world, weather->withhold)) {
        station->withholding = !station->withholding;
        dnp3_association_withhold(station->association, station->withholding);
    }
}

/* The next moment at which anything is due. */
static uint64_t next_due(const struct world *world)
{
    uint64_t due = earliest(dnp3_master_deadline(world->master), world->give_up_ms);
    for (size_t s = 0; s < STATIONS; s++) {
        const struct station *station = &world->stations[s];
        due = earliest(due, dnp3_outstation_deadline(station->outstation));
        if (station->held_count)
            due = earliest(due, station->held[0].due_ms);
    }
    if (world->down.count)
        due = earliest(due, world->down.chunks[world->down.head].due_ms);
    if (world->up.count)
        due = earliest(due, world->up.chunks[world->up.head].due_ms);
    return world->connected ? due : earliest(due, world->reconnect_ms);
}

static void turn(struct world *world)
{
    if (!world->connected && world->now >= world->reconnect_ms)
        connect_again(world);
    deliver(world);
    dnp3_master_tick(world->master, world->now);
    for (size_t s = 0; s < STATIONS; s++) {
        dnp3_outstation_tick(world->stations[s].outstation, world->now);
        host_turn(&world->stations[s]);
    }
    pump(world);
    if (world->abort || world->now >= world->give_up_ms)
        cut(world);
    world->abort = false;
    CHECK(world, dnp3_master_deadline(world->master) > world->now);
    for (size_t s = 0; s < STATIONS; s++) {
        struct station *station = &world->stations[s];
        const struct dnp3_outstation_counters *counters =
            dnp3_outstation_counters(station->outstation);
        CHECK(world, dnp3_outstation_deadline(station->outstation) > world->now);
        /* The heart of it: never confirmed before it is safe. */
        CHECK(world, counters->events_confirmed <= station->safe_events);
        CHECK(world, counters->events_dropped == 0 || world->weather->overflow);
    }
}

static void run_until(struct world *world, uint64_t until)
{
    for (uint64_t due; (due = next_due(world)) <= until;) {
        if (due > world->now)
            world->now = due;
        turn(world);
    }
    world->now = until;
    turn(world);
}

/* Life. */

static void create_station(struct world *world, size_t s)
{
    struct station *station = &world->stations[s];
    station->world = world;
    station->address = (uint16_t)(10 + s);
    station->held = calloc(HELD_MAX + 1, sizeof *station->held);

    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.address = station->address;
    config.master_address = 1;
    config.unsolicited = chance(world, 700);
    config.regenerate = chance(world, 300);
    config.need_time = chance(world, 500);
    config.confirm_timeout_ms = chance(world, 500) ? 5000 : 500 + draw(world, 5000);
    config.max_tx_fragment = chance(world, 500) ? 2048 : 249;
    config.link_confirm = station->link_confirm = world->seed >> (3 + s) & 1;
    for (int i = 0; i < TYPES; i++) {
        if (world->weather->overflow)
            config.event_capacity[i] = 20;
        config.database.count[types[i]] = POINTS;
        config.database.setup[types[i]].event_class = (uint8_t)(i + 1);
    }
    station->outstation = dnp3_outstation_create(&world->allocator, world->pool, &config,
                                                 &outstation_callbacks, station);
    assert_non_null(station->outstation);

    dnp3_association_config_default(&station->config);
    station->config.confirm_timeout_ms = config.confirm_timeout_ms;
    station->config.events_on_iin = chance(world, 800);
    station->config.link_confirm = world->seed >> (1 + s) & 1; /* of two, one and none */
    station->polls[0] =
        (struct dnp3_poll){.period_ms = 1000 + draw(world, 20000), .classes = DNP3_CLASS_EVENTS};
    station->polls[1] =
        (struct dnp3_poll){.period_ms = 5000 + draw(world, 50000), .classes = DNP3_CLASS_0};
    station->config.polls = station->polls;
    station->config.poll_count = 2;
    assert_int_equal(dnp3_association_create(world->master, station->address, &station->config,
                                             &callbacks, station, &station->association),
                     0);
}

static struct world *create(const struct weather *weather, uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    world->weather = weather;
    world->seed = seed;
    world->random = seed * 0x9E3779B97F4A7C15u + 1;
    world->now = 1000;
    world->give_up_ms = DNP3_NEVER;
    world->allocator = counted_heap_of(&world->heap);
    world->pool = dnp3_pool_create(&world->allocator, 2 * STATIONS);
    world->half_duplex = seed & 1;
    struct dnp3_master_config config = {.allocator = &world->allocator,
                                        .pool = world->pool,
                                        .spread = 1,
                                        .half_duplex = world->half_duplex};
    world->master = dnp3_master_create(&config);
    world->down.chunks = calloc(QUEUE_MAX, sizeof *world->down.chunks);
    world->up.chunks = calloc(QUEUE_MAX, sizeof *world->up.chunks);
    world->controls = calloc(CONTROLS_MAX, sizeof *world->controls);
    for (size_t s = 0; s < STATIONS; s++)
        create_station(world, s);
    return world;
}

static void destroy(struct world *world)
{
    uint16_t buffers = 2 * STATIONS;
    dnp3_master_free(world->master);
    for (size_t s = 0; s < STATIONS; s++) {
        dnp3_outstation_free(world->stations[s].outstation);
        free(world->stations[s].held);
    }
    CHECK(world, dnp3_pool_available(world->pool) == buffers);
    dnp3_pool_free(world->pool);
    CHECK(world, world->heap.live == 0);
    for (size_t i = 0; i < world->control_count; i++)
        CHECK(world, world->controls[i].done);
    free(world->down.chunks);
    free(world->up.chunks);
    free(world->controls);
    free(world);
}

static void settle(struct world *world)
{
    world->settling = true;
    for (size_t s = 0; s < STATIONS; s++) {
        world->stations[s].withholding = false;
        dnp3_association_withhold(world->stations[s].association, false);
    }
    run_until(world, world->now + SETTLE_MS);
    for (size_t s = 0; s < STATIONS; s++) {
        struct station *station = &world->stations[s];
        const struct dnp3_outstation_counters *counters =
            dnp3_outstation_counters(station->outstation);
        CHECK(world, station->safe_events + counters->events_dropped >= station->events);
        CHECK(world, counters->events_confirmed + counters->events_dropped == station->events);
        CHECK(world, memcmp(station->said, station->safe, sizeof station->said) == 0 ||
                         counters->events_dropped);
        CHECK(world, memcmp(station->said, station->shown, sizeof station->said) == 0);
        if (counters->events_dropped)
            CHECK(world, dnp3_association_counters(station->association)->overflows > 0);
        CHECK(world, dnp3_association_online(station->association));
    }
}

static void run_weather(const struct weather *weather)
{
    const char *only = getenv("LOOPBACK_SEED");
    const char *seeds = getenv("LOOPBACK_SEEDS");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only ? 1 : seeds ? strtoull(seeds, NULL, 10) : SEEDS;
    uint64_t events = 0, duplicates = 0;
    size_t outcomes[4] = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct world *world = create(weather, seed);
        size_t allocated = world->heap.asked;
        for (int step = 0; step < STEPS; step++) {
            weather_turn(world);
            pump(world);
            run_until(world, world->now + draw(world, chance(world, 950) ? 300 : 10000));
        }
        settle(world);
        CHECK(world, world->heap.asked == allocated);
        for (size_t s = 0; s < STATIONS; s++) {
            events += world->stations[s].events;
            duplicates += world->stations[s].duplicates;
        }
        for (size_t i = 0; i < 4; i++)
            outcomes[i] += world->outcomes[i];
        destroy(world);
    }
    print_message("%s: %llu events, %llu again; controls: %zu done, %zu refused, %zu failed, "
                  "%zu unknown\n",
                  weather->name, (unsigned long long)events, (unsigned long long)duplicates,
                  outcomes[0], outcomes[1], outcomes[2], outcomes[3]);
}

static void calm(void **state)
{
    (void)state;
    run_weather(&(struct weather){.name = "calm", .command = 100});
}

static void late_host(void **state)
{
    (void)state;
    run_weather(
        &(struct weather){.name = "late host", .command = 100, .late = 900, .duplicates = true});
}

static void refusing_host(void **state)
{
    (void)state;
    run_weather(&(struct weather){
        .name = "refusing host", .command = 50, .refuse = 300, .withhold = 10, .duplicates = true});
}

static void cut_line(void **state)
{
    (void)state;
    run_weather(&(struct weather){
        .name = "cut line", .cut = 30, .command = 100, .late = 300, .duplicates = true});
}

static void stalling_line(void **state)
{
    (void)state;
    run_weather(&(struct weather){
        .name = "stalling line", .stall = 50, .command = 100, .late = 100, .duplicates = true});
}

static void restarts(void **state)
{
    (void)state;
    run_weather(&(struct weather){
        .name = "restarts", .restart = 30, .command = 50, .late = 500, .duplicates = true});
}

static void overflow(void **state)
{
    (void)state;
    run_weather(&(struct weather){
        .name = "overflow", .cut = 10, .late = 500, .duplicates = true, .overflow = true});
}

static void everything(void **state)
{
    (void)state;
    run_weather(&(struct weather){.name = "everything",
                                  .cut = 10,
                                  .stall = 20,
                                  .restart = 10,
                                  .withhold = 5,
                                  .command = 100,
                                  .late = 400,
                                  .refuse = 50,
                                  .duplicates = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm),          cmocka_unit_test(late_host),
        cmocka_unit_test(refusing_host), cmocka_unit_test(cut_line),
        cmocka_unit_test(stalling_line), cmocka_unit_test(restarts),
        cmocka_unit_test(overflow),      cmocka_unit_test(everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
