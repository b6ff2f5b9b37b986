/* SPDX-License-Identifier: Apache-2.0 */
/* One simulated outstation: the library's engine, a database after the mapping, and a clock. */
#include <string.h>
#include <time.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

enum { DEFAULT_POINTS = 4, RESTART_MS = 1000, NEED_TIME_EVERY_MS = 3600 * 1000 };

static const enum dnp3_point_type usual_types[] = {
    DNP3_POINT_BINARY_INPUT,         DNP3_POINT_DOUBLE_BIT_INPUT,
    DNP3_POINT_BINARY_OUTPUT_STATUS, DNP3_POINT_COUNTER,
    DNP3_POINT_FROZEN_COUNTER,       DNP3_POINT_ANALOG_INPUT,
    DNP3_POINT_ANALOG_OUTPUT_STATUS};

int64_t sim_outstation_time(const struct sim_outstation *outstation)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + outstation->clock_offset;
}

static int64_t read_clock(void *user)
{
    return sim_outstation_time(user);
}

static void write_clock(void *user, int64_t time_ms)
{
    struct sim_outstation *outstation = user;
    outstation->clock_offset += time_ms - sim_outstation_time(outstation);
    gw_log(GW_LOG_INFO, outstation->config->name, "clock set, %lld ms off this host's",
           (long long)outstation->clock_offset);
}

static void restarted(uv_timer_t *timer)
{
    struct sim_outstation *outstation = timer->data;
    outstation->restarting = false;
    outstation->armed = UINT64_MAX;
    dnp3_outstation_restart(outstation->engine, uv_now(outstation->sim->loop));
    sim_outstation_attach(outstation, NULL);
}

/* The answer leaves first; then the connection goes, as it does when a device reboots. */
static int64_t restart(void *user, bool cold)
{
    struct sim_outstation *outstation = user;
    gw_log(GW_LOG_INFO, outstation->config->name, "%s restart", cold ? "cold" : "warm");
    outstation->restarting = true; /* the timer is this one's until then */
    uv_timer_start(&outstation->timer, restarted, RESTART_MS / 10, 0);
    return RESTART_MS;
}

/* Any string may be written: a name, a text on a display. */
static bool write_string(void *user, const struct dnp3_point *string)
{
    const struct sim_outstation *outstation = user;
    gw_log(GW_LOG_INFO, outstation->config->name, "octet string %u: %u octets written",
           (unsigned)string->index, (unsigned)string->length);
    return true;
}

#define CALLBACKS                                                                                  \
    .select = sim_control_select, .operate = sim_control_operate, .write_time = write_clock,       \
    .time = read_clock, .restart = restart, .write_attribute = sim_attribute_write,                \
    .write_string = write_string, .event_confirmed = sim_tally_confirmed

static const struct dnp3_outstation_callbacks callbacks = {CALLBACKS};
static const struct dnp3_outstation_callbacks callbacks_with_files = {CALLBACKS,
                                                                      .files = &sim_files};

static void deadline_passed(uv_timer_t *timer)
{
    struct sim_outstation *outstation = timer->data;
    outstation->armed = UINT64_MAX;
    dnp3_outstation_tick(outstation->engine, uv_now(outstation->sim->loop));
    sim_outstation_touch(outstation);
    sim_flush(outstation->sim);
}

static void set_timer(struct sim_outstation *outstation)
{
    uint64_t deadline = dnp3_outstation_deadline(outstation->engine);
    uint64_t now = uv_now(outstation->sim->loop);
    /* While the line is clogged nothing can be sent, however due; writable comes back here. */
    if (outstation->connection && !sim_connection_ready(outstation->connection))
        deadline = UINT64_MAX;
    if (deadline == outstation->armed || outstation->restarting)
        return;
    outstation->armed = deadline;
    if (deadline == UINT64_MAX)
        uv_timer_stop(&outstation->timer);
    else
        uv_timer_start(&outstation->timer, deadline_passed, deadline > now ? deadline - now : 0, 0);
}

void sim_outstation_touch(struct sim_outstation *outstation)
{
    if (outstation->dirty)
        return;
    struct sim *sim = outstation->sim;
    outstation->dirty = true;
    outstation->next_dirty = NULL;
    if (sim->dirty)
        sim->last_dirty->next_dirty = outstation;
    else
        sim->dirty = outstation;
    sim->last_dirty = outstation;
}

static void pump(struct sim_outstation *outstation)
{
    uint64_t now = uv_now(outstation->sim->loop);
    const uint8_t *octets;
    size_t length;
    while (outstation->connection && sim_connection_ready(outstation->connection) &&
           (length = dnp3_outstation_take(outstation->engine, &octets, now)) > 0)
        sim_connection_write(outstation->connection, octets, length);
}

void sim_flush(struct sim *sim)
{
    while (sim->dirty) {
        struct sim_outstation *outstation = sim->dirty;
        sim->dirty = outstation->next_dirty;
        outstation->dirty = false;
        pump(outstation);
        set_timer(outstation);
    }
}

void sim_outstation_attach(struct sim_outstation *outstation, struct sim_connection *connection)
{
    struct sim_connection *old = outstation->connection;
    if (old == connection)
        return;
    outstation->connection = connection;
    if (old) {
        dnp3_outstation_disconnected(outstation->engine);
        sim_connection_attached(old, -1);
    }
    if (connection) {
        sim_connection_attached(connection, 1);
        dnp3_outstation_connected(outstation->engine, uv_now(outstation->sim->loop));
    }
    sim_outstation_touch(outstation);
}

static void set_point(struct sim_outstation *outstation, enum dnp3_point_type type, uint32_t index,
                      double value, enum dnp3_event_mode mode)
{
    static const char *const faults[] = {"51P A-G", "50N B-G", "67 B-C", "79 LOCKOUT"};
    char text[24];
    struct dnp3_point point = {.index = index,
                               .flags = DNP3_FLAG_ONLINE,
                               .time_quality = DNP3_TIME_SYNCHRONIZED,
                               .number = value,
                               .time_ms = sim_outstation_time(outstation)};
    if (type == DNP3_POINT_OCTET_STRING) {
        size_t which = (size_t)value % (sizeof faults / sizeof faults[0]);
        int length = outstation->sim->options.numbered
                         ? snprintf(text, sizeof text, "%.0f", value)
                         : snprintf(text, sizeof text, "%s", faults[which]);
        point.length = (uint16_t)length;
        point.octets = (const uint8_t *)text;
    }
    dnp3_outstation_update(outstation->engine, type, &point, mode, uv_now(outstation->sim->loop));
}

void sim_outstation_report(struct sim_outstation *outstation, enum dnp3_point_type type,
                           uint32_t index, double value)
{
    set_point(outstation, type, index, value, DNP3_EVENT_FORCE);
    sim_outstation_touch(outstation);
}

/* Whether any control of the mapping moves this point. */
static bool is_controlled(const struct gw_mapping *mapping, const struct gw_map_point *map)
{
    for (size_t i = 0; map && i < mapping->control_count; i++) {
        const struct gw_map_control *control = &mapping->controls[i];
        if (control->feedback == map || (map->name && strcmp(control->name, map->name) == 0))
            return true;
    }
    return false;
}

static bool moves_by_itself(enum dnp3_point_type type)
{
    return type == DNP3_POINT_BINARY_INPUT || type == DNP3_POINT_DOUBLE_BIT_INPUT ||
           type == DNP3_POINT_COUNTER || type == DNP3_POINT_ANALOG_INPUT ||
           type == DNP3_POINT_OCTET_STRING;
}

static void add_point(struct sim_outstation *outstation, enum dnp3_point_type type, uint32_t index)
{
    const struct gw_mapping *mapping = outstation->config->mapping;
    const struct gw_map_point *map = gw_mapping_find(mapping, type, index);
    struct sim_value value = sim_value_start(&outstation->sim->random, type, map);
    if (outstation->sim->options.numbered)
        value.now = (double)outstation->sim->options.number_from;
    set_point(outstation, type, index, value.now, DNP3_EVENT_SUPPRESS);
    if (!moves_by_itself(type))
        return;
    outstation->points[outstation->point_count++] =
        (struct sim_point){.outstation = outstation,
                           .map = map,
                           .index = index,
                           .type = (uint8_t)type,
                           .held = is_controlled(mapping, map),
                           .value = value,
                           .number = (uint32_t)outstation->sim->options.number_from};
}

/* Calls back for every point that the outstation has. */
static void each_point(const struct gw_mapping *mapping, void *user,
                       void (*visit)(void *user, enum dnp3_point_type type, uint32_t index))
{
    for (size_t i = 0; i < mapping->point_count; i++)
        visit(user, (enum dnp3_point_type)mapping->points[i].type, mapping->points[i].index);
    for (size_t i = 0; i < mapping->range_count; i++)
        for (uint32_t index = mapping->ranges[i].first; index <= mapping->ranges[i].last; index++)
            visit(user, (enum dnp3_point_type)mapping->ranges[i].type, index);
    bool bare = mapping->point_count == 0 && mapping->range_count == 0;
    for (size_t i = 0; bare && i < sizeof usual_types / sizeof usual_types[0]; i++)
        for (uint32_t index = 0; index < DEFAULT_POINTS; index++)
            visit(user, usual_types[i], index);
}

static void count_point(void *user, enum dnp3_point_type type, uint32_t index)
{
    struct dnp3_database_config *config = user;
    if ((unsigned)type >= DNP3_DATABASE_TYPES) /* what an outstation has beside its points */
        return;
    if (index < DNP3_DATABASE_POINTS_MAX && config->count[type] <= index)
        config->count[type] = index + 1;
}

/* The variations that show what an analog control's encoding can carry. */
static void suit_encoding(const struct gw_mapping *mapping, enum dnp3_point_type type,
                          uint32_t index, struct dnp3_point_setup *setup)
{
    bool output = type == DNP3_POINT_ANALOG_OUTPUT_STATUS;
    for (size_t i = 0; i < mapping->control_count; i++) {
        const struct gw_map_control *control = &mapping->controls[i];
        const struct gw_map_point *map = gw_mapping_find(mapping, type, index);
        bool concerned = (map && control->feedback == map) || (output && control->index == index);
        bool wide = control->command_type == DNP3_COMMAND_ANALOG_DOUBLE;
        if (!concerned || control->type != GW_CONTROL_ANALOG_OUTPUT ||
            (!wide && control->command_type != DNP3_COMMAND_ANALOG_FLOAT))
            continue;
        if (output || type == DNP3_POINT_ANALOG_INPUT) {
            setup->static_variation = (uint8_t)((output ? 3 : 5) + wide);
            setup->event_variation = (uint8_t)(7 + wide);
        }
    }
}

static void make_present(void *user, enum dnp3_point_type type, uint32_t index)
{
    struct sim_outstation *outstation = user;
    struct dnp3_point_setup setup = dnp3_point_setup_default(type);
    if (type == DNP3_POINT_BINARY_OUTPUT_STATUS)
        setup.event_class = 1;
    else if (type == DNP3_POINT_ANALOG_OUTPUT_STATUS)
        setup.event_class = 2;
    else if (type == DNP3_POINT_FROZEN_COUNTER || type == DNP3_POINT_OCTET_STRING ||
             type == DNP3_POINT_FROZEN_ANALOG_INPUT)
        setup.event_class = 3;
    suit_encoding(outstation->config->mapping, type, index, &setup);
    struct dnp3_database *database = dnp3_outstation_database(outstation->engine);
    const struct dnp3_point_setup *now = dnp3_database_setup(database, type, index);
    if (!now || !now->absent) /* beyond the index range, or in two ranges */
        return;
    dnp3_database_configure(database, type, index, &setup);
    add_point(outstation, type, index);
}

/* Commands of every index that has an output or a control become events, once a class is assigned
 * to them. */
static void count_commands(const struct gw_mapping *mapping, struct dnp3_database_config *config)
{
    static const enum dnp3_point_type outputs[] = {
        [GW_CONTROL_BINARY_OUTPUT] = DNP3_POINT_BINARY_OUTPUT_STATUS,
        [GW_CONTROL_ANALOG_OUTPUT] = DNP3_POINT_ANALOG_OUTPUT_STATUS};
    static const enum dnp3_point_type commands[] = {
        [GW_CONTROL_BINARY_OUTPUT] = DNP3_POINT_BINARY_COMMAND_EVENT,
        [GW_CONTROL_ANALOG_OUTPUT] = DNP3_POINT_ANALOG_COMMAND_EVENT};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        config->count[commands[i]] = config->count[outputs[i]];
        config->setup[commands[i]].absent = false;
    }
    for (size_t i = 0; i < mapping->control_count; i++)
        count_point(config, commands[mapping->controls[i].type], mapping->controls[i].index);
}

static struct dnp3_outstation_config engine_config(const struct sim_outstation *outstation)
{
    const struct gw_profile *profile = outstation->config->profile;
    const struct sim_options *options = &outstation->sim->options;
    struct dnp3_outstation_config config;
    dnp3_outstation_config_default(&config);
    config.address = outstation->config->address;
    config.master_address = profile->master_address;
    config.confirm_timeout_ms = profile->confirm_timeout_ms;
    config.response_delay_ms = options->response_delay_ms;
    config.link_confirm = options->link_confirm;
    config.regenerate = options->regenerate;
    /* Configured to be silent unless asked. */
    config.unsolicited = profile->unsolicited || profile->unsolicited_untouched;
    config.need_time = true;
    config.need_time_every_ms = NEED_TIME_EVERY_MS;
    for (unsigned i = 0; i < DNP3_EVENT_CLASSES; i++)
        config.event_capacity[i] = options->event_buffer;
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        config.database.setup[type].absent = true;
    each_point(outstation->config->mapping, &config.database, count_point);
    count_commands(outstation->config->mapping, &config.database);
    return config;
}

int sim_outstation_init(struct sim_outstation *outstation, struct sim *sim,
                        const struct gw_outstation_config *config)
{
    struct dnp3_allocator allocator = gw_memory_dnp3();
    outstation->sim = sim;
    outstation->config = config;
    outstation->armed = UINT64_MAX;
    struct dnp3_outstation_config engine = engine_config(outstation);
    if (sim_attributes_init(outstation, &engine))
        return -1;
    size_t points = 0;
    for (unsigned type = 0; type < DNP3_DATABASE_TYPES; type++)
        points += engine.database.count[type];
    outstation->engine =
        dnp3_outstation_create(&allocator, sim->pool, &engine,
                               sim->files < 0 ? &callbacks : &callbacks_with_files, outstation);
    outstation->points =
        gw_memory_allocate(GW_OWNER_POINTS, (points + 1) * sizeof *outstation->points);
    if (!outstation->engine || !outstation->points)
        return -1;
    uv_timer_init(sim->loop, &outstation->timer);
    outstation->timer.data = outstation;
    each_point(config->mapping, outstation, make_present);
    return 0;
}

void sim_outstation_stop(struct sim_outstation *outstation)
{
    if (!outstation->engine)
        return;
    sim_control_stop(outstation);
    uv_close((uv_handle_t *)&outstation->timer, NULL);
}

void sim_outstation_release(struct sim_outstation *outstation)
{
    dnp3_outstation_free(outstation->engine);
    gw_memory_release(outstation->points);
    sim_attributes_release(outstation);
}
