/* SPDX-License-Identifier: Apache-2.0 */
/* dnp3-sim: the outstations of a gateway's configuration, simulated on their own endpoints. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "dnp3/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

enum { EXIT_CONFIGURATION = 3, POOL_BUFFERS = 256, SIGNALS = 4 };

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int load(struct sim *sim)
{
    struct gw_config_errors errors = {0};
    int error = gw_config_load(sim->options.config, &sim->config, &errors);
    gw_config_errors_print(&errors, stderr);
    gw_config_errors_free(&errors);
    return error;
}

static int make_outstations(struct sim *sim)
{
    const struct gw_config *config = sim->config;
    sim->outstations = gw_memory_allocate(GW_OWNER_SESSIONS, (config->outstation_count + 1) *
                                                                 sizeof *sim->outstations);
    if (!sim->outstations)
        return DNP3_ERR_MEMORY;
    for (size_t i = 0; i < config->outstation_count; i++) {
        const struct gw_outstation_config *outstation = &config->outstations[i];
        if (outstation->enabled && sim_outstation_init(&sim->outstations[i], sim, outstation)) {
            gw_log(GW_LOG_ERROR, outstation->name, "no memory for its points and events");
            return DNP3_ERR_MEMORY;
        }
    }
    return 0;
}

/* Points of type time show the outstation's clock. */
static void move_clocks(uv_timer_t *timer)
{
    struct sim *sim = timer->data;
    for (size_t i = 0; i < sim->config->outstation_count; i++) {
        struct sim_outstation *outstation = &sim->outstations[i];
        struct dnp3_database *database =
            outstation->engine ? dnp3_outstation_database(outstation->engine) : NULL;
        uint32_t count = database ? dnp3_database_count(database, DNP3_POINT_TIME) : 0;
        for (uint32_t index = 0; index < count; index++) {
            struct dnp3_point point = {.index = index,
                                       .flags = DNP3_FLAG_ONLINE,
                                       .number = (double)sim_outstation_time(outstation)};
            dnp3_outstation_update(outstation->engine, DNP3_POINT_TIME, &point, DNP3_EVENT_SUPPRESS,
                                   uv_now(sim->loop));
        }
    }
}

static void close_signal(uv_handle_t *handle, void *user)
{
    (void)user;
    if (handle->type == UV_SIGNAL && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop(struct sim *sim)
{
    if (uv_is_closing((uv_handle_t *)&sim->clock))
        return;
    uv_close((uv_handle_t *)&sim->clock, NULL);
    sim_events_stop(sim);
    sim_lines_stop(sim);
    for (size_t i = 0; sim->outstations && i < sim->config->outstation_count; i++)
        sim_outstation_stop(&sim->outstations[i]);
    uv_walk(sim->loop, close_signal, NULL);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct sim *sim = handle->data;
    if (number == SIGUSR1)
        sim_events_print(sim);
    else if (number == SIGUSR2)
        sim_events_pause(sim);
    else
        stop(sim);
}

static int start(struct sim *sim, uv_signal_t signals[SIGNALS])
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    uv_timer_init(sim->loop, &sim->clock);
    sim->clock.data = sim;
    uv_timer_start(&sim->clock, move_clocks, 0, 1000);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(sim->loop, &signals[i]);
        signals[i].data = sim;
        uv_signal_start(&signals[i], signalled, numbers[i]);
    }
    int error = sim_files_start(sim);
    if (!error)
        error = make_outstations(sim);
    if (!error)
        error = sim_tally_start(sim);
    if (!error)
        error = sim_lines_start(sim);
    if (!error)
        error = sim_events_start(sim);
    if (!error)
        gw_log(GW_LOG_INFO, "sim", "%zu outstations on %zu endpoints",
               sim->config->outstation_count, sim->line_count);
    return error;
}

static void release(struct sim *sim)
{
    for (size_t i = 0; sim->outstations && i < sim->config->outstation_count; i++)
        sim_outstation_release(&sim->outstations[i]);
    gw_memory_release(sim->outstations);
    sim_files_stop(sim);
    sim_tally_stop(sim);
    sim_events_release(sim);
    sim_lines_release(sim);
    dnp3_pool_free(sim->pool);
    gw_config_free(sim->config);
    uv_loop_close(sim->loop);
    uv_library_shutdown();
}

int main(int argc, char **argv)
{
    struct sim sim = {0};
    uv_signal_t signals[SIGNALS];
    struct dnp3_allocator allocator = gw_memory_dnp3();
    int code = sim_options_parse(&sim.options, argc, argv);
    if (code)
        return code - 1;
    gw_memory_adopt();
    if (load(&sim))
        return EXIT_CONFIGURATION;
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    sim.loop = uv_default_loop();
    sim.random.state = sim.options.seed;
    sim.pool = dnp3_pool_create(&allocator, POOL_BUFFERS);
    int error = sim.loop && sim.pool ? start(&sim, signals) : DNP3_ERR_MEMORY;
    if (error)
        stop(&sim);
    uv_run(sim.loop, UV_RUN_DEFAULT);
    release(&sim);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
