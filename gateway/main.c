/* SPDX-License-Identifier: Apache-2.0 */
/* dnp3-mqtt: the command line, and the daemon's wiring: configuration, loop, gateway, signals. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/check.h"
#include "gateway/config/config.h"
#include "gateway/gateway.h"

enum { EXIT_FINE = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_CONFIGURATION = 3 };

static const char usage[] =
    "usage: dnp3-mqtt run   [-c gateway.json]   masters the outstations, publishes, operates\n"
    "       dnp3-mqtt check [-c gateway.json]   says what run would do, or what is wrong\n"
    "                 --acl                     prints a mosquitto ACL instead\n"
    "       dnp3-mqtt --version | --help\n"
    "\n"
    "exit status: 0 fine, 1 runtime, 2 usage, 3 configuration\n";

/* Commands that the reference names and this version does not have yet. */
static const char *const later[] = {"reload", "discover", "watch", "import",
                                    "export", "clean",    "health"};

struct daemon {
    struct gw_gateway *gateway;
    uv_signal_t interrupt;
    uv_signal_t terminate;
    uv_signal_t hangup;
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    gw_log(GW_LOG_INFO, "gateway", "stopping on %s", number == SIGINT ? "SIGINT" : "SIGTERM");
    uv_close((uv_handle_t *)&daemon->interrupt, NULL);
    uv_close((uv_handle_t *)&daemon->terminate, NULL);
    uv_close((uv_handle_t *)&daemon->hangup, NULL);
    gw_gateway_stop(daemon->gateway);
}

/* Elsewhere it makes daemons read their files again: it must not end this one. */
static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    gw_log(GW_LOG_WARNING, "gateway",
           "SIGHUP: files are not read again in this version: restart for that");
}

/* Every outstation takes a descriptor: as many as the system allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            gw_log(GW_LOG_WARNING, "gateway", "descriptor limit not raised: %s", strerror(errno));
    }
}

static int run(const struct gw_config *config)
{
    uv_loop_t loop;
    struct daemon daemon = {0};
    if (uv_loop_init(&loop) != 0)
        return EXIT_RUNTIME;
    gw_log_configure(config->log_level, config->log_format);
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    daemon.gateway = gw_gateway_create(&loop, config);
    if (!daemon.gateway) {
        uv_loop_close(&loop);
        return EXIT_RUNTIME;
    }
    uv_signal_init(&loop, &daemon.interrupt);
    uv_signal_init(&loop, &daemon.terminate);
    uv_signal_init(&loop, &daemon.hangup);
    daemon.interrupt.data = daemon.terminate.data = &daemon;
    uv_signal_start(&daemon.interrupt, on_signal, SIGINT);
    uv_signal_start(&daemon.terminate, on_signal, SIGTERM);
    uv_signal_start(&daemon.hangup, on_hangup, SIGHUP);
    gw_log(GW_LOG_INFO, "gateway", "%s %s: %zu outstations on %zu channels", config->gateway,
           GW_VERSION, config->outstation_count, config->channel_count);
    gw_gateway_start(daemon.gateway);
    uv_run(&loop, UV_RUN_DEFAULT);
    gw_gateway_free(daemon.gateway);
    uv_loop_close(&loop);
    return EXIT_FINE;
}

/* Makes the gateway without starting it, so that what it takes is measured, not estimated. */
static int check(const struct gw_config *config)
{
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0)
        return EXIT_RUNTIME;
    gw_log_configure(GW_LOG_ERROR, config->log_format);
    /* The spool belongs to the gateway that runs: here it only takes its memory. */
    struct gw_config rehearsed = *config;
    if (rehearsed.spool_path)
        rehearsed.spool_path = "";
    struct gw_gateway *gateway = gw_gateway_create(&loop, &rehearsed);
    if (gateway) {
        gw_check_print(stdout, config);
        gw_gateway_stop(gateway);
        uv_run(&loop, UV_RUN_DEFAULT);
        gw_gateway_free(gateway);
    }
    uv_loop_close(&loop);
    return gateway ? EXIT_FINE : EXIT_RUNTIME;
}

static int print_acl(const struct gw_config *config)
{
    gw_check_print_acl(stdout, config);
    return EXIT_FINE;
}

static int with_config(const char *path, int (*command)(const struct gw_config *config))
{
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    int error = gw_config_load(path, &config, &errors);
    gw_config_errors_print(&errors, stderr);
    gw_config_errors_free(&errors);
    if (error)
        return EXIT_CONFIGURATION;
    int status = command(config);
    gw_config_free(config);
    return status;
}

static int misuse(const char *word, const char *trouble)
{
    if (word)
        fprintf(stderr, "dnp3-mqtt: \"%s\": %s\n", word, trouble);
    fputs(usage, stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *path = "gateway.json";
    const char *command = argc > 1 ? argv[1] : NULL;
    gw_memory_adopt();
    if (!command)
        return misuse(NULL, NULL);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
        return fputs(usage, stdout), EXIT_FINE;
    if (strcmp(command, "--version") == 0)
        return puts("dnp3-mqtt " GW_VERSION), EXIT_FINE;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(command, later[i]) == 0)
            return misuse(command, "not built yet in this version");
    bool checks = strcmp(command, "check") == 0;
    bool acl = false;
    for (int i = 2; i < argc; i++) {
        if (checks && strcmp(argv[i], "--acl") == 0) {
            acl = true;
            continue;
        }
        if (strcmp(argv[i], "-c") != 0 || i + 1 == argc)
            return misuse(argv[i], "unknown argument");
        path = argv[++i];
    }
    if (strcmp(command, "run") == 0)
        return with_config(path, run);
    if (checks)
        return with_config(path, acl ? print_acl : check);
    return misuse(command, "unknown command");
}
