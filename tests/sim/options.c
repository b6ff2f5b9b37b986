/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EVENT_BUFFER_DEFAULT = 500, RESPONSE_DELAY_MAX_MS = 60000 };
enum { NUMBER_MAX = 2000000000 }; /* an analog input's 32 bits, with room above */

static const double rate_max = 1000000;

static const char usage[] =
    "usage: dnp3-sim -c gateway.json [options]\n"
    "Serves every outstation of a gateway's configuration on its own endpoint, or on the other\n"
    "end of its serial line: name that device in a copy of the configuration. Those of a\n"
    "tcp_listen channel dial in to it; UDP works both ways.\n"
    "\n"
    "  -c, --config FILE          the gateway's configuration\n"
    "      --bind ADDRESS         serve every endpoint on this address, at its own port; dial it\n"
    "      --events-per-second N  of all outstations together (1; 0 = none)\n"
    "      --events-total N       stop generating after so many\n"
    "      --numbered             a point's events carry 1, 2, 3, ...; binaries alternate;\n"
    "                             implies --pause\n"
    "      --number-from N        they begin after N instead (0)\n"
    "      --pause                wait while an event buffer is full, rather than overflow\n"
    "      --event-buffer N       events of each class that an outstation keeps (500)\n"
    "      --regenerate           repeat an unsolicited response with what there is by then\n"
    "      --tally FILE           keep a line a point there: events made, events confirmed;\n"
    "                             it is true at any instant, also after kill -9\n"
    "      --response-delay MS    answer so late, and say so when asked (0)\n"
    "      --files FOLDER         serve its files, to be read, written and deleted\n"
    "      --files-user USER:PASSWORD  only to who authenticates so\n"
    "      --link-confirm         send confirmed link frames\n"
    "      --seed N               other values and another order (1)\n"
    "  -h, --help                 this text\n"
    "\n"
    "SIGUSR1 prints the events made and confirmed as a JSON line on standard output; after "
    "SIGUSR2\n"
    "no more are made.\n";

enum {
    OPTION_BIND = 256,
    OPTION_RATE,
    OPTION_TOTAL,
    OPTION_NUMBERED,
    OPTION_NUMBER_FROM,
    OPTION_PAUSE,
    OPTION_BUFFER,
    OPTION_REGENERATE,
    OPTION_TALLY,
    OPTION_DELAY,
    OPTION_FILES,
    OPTION_FILES_USER,
    OPTION_LINK_CONFIRM,
    OPTION_SEED
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"bind", required_argument, NULL, OPTION_BIND},
    {"events-per-second", required_argument, NULL, OPTION_RATE},
    {"events-total", required_argument, NULL, OPTION_TOTAL},
    {"numbered", no_argument, NULL, OPTION_NUMBERED},
    {"number-from", required_argument, NULL, OPTION_NUMBER_FROM},
    {"pause", no_argument, NULL, OPTION_PAUSE},
    {"regenerate", no_argument, NULL, OPTION_REGENERATE},
    {"tally", required_argument, NULL, OPTION_TALLY},
    {"event-buffer", required_argument, NULL, OPTION_BUFFER},
    {"response-delay", required_argument, NULL, OPTION_DELAY},
    {"files", required_argument, NULL, OPTION_FILES},
    {"files-user", required_argument, NULL, OPTION_FILES_USER},
    {"link-confirm", no_argument, NULL, OPTION_LINK_CONFIRM},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool whole_number(const char *text, uint64_t max, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    *value = number;
    return !*end && number <= max;
}

static bool rate(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= 0 && *value <= rate_max;
}

/* False where the argument means nothing. */
static bool take_option(struct sim_options *options, int option, const char *argument)
{
    uint64_t number;
    switch (option) {
    case 'c':
        options->config = argument;
        return true;
    case OPTION_BIND:
        options->bind = argument;
        return true;
    case OPTION_RATE:
        return rate(argument, &options->events_per_second);
    case OPTION_TOTAL:
        return whole_number(argument, UINT64_MAX - 1, &options->events_total);
    case OPTION_NUMBERED:
        options->numbered = true;
        options->pause = true;
        return true;
    case OPTION_NUMBER_FROM:
        return whole_number(argument, NUMBER_MAX, &options->number_from);
    case OPTION_REGENERATE:
        options->regenerate = true;
        return true;
    case OPTION_TALLY:
        options->tally = argument;
        return true;
    case OPTION_PAUSE:
        options->pause = true;
        return true;
    case OPTION_BUFFER:
        if (!whole_number(argument, UINT16_MAX, &number) || !number)
            return false;
        options->event_buffer = (uint16_t)number;
        return true;
    case OPTION_DELAY:
        if (!whole_number(argument, RESPONSE_DELAY_MAX_MS, &number))
            return false;
        options->response_delay_ms = (uint32_t)number;
        return true;
    case OPTION_FILES:
        options->files = argument;
        return true;
    case OPTION_FILES_USER:
        options->files_user = argument;
        return strchr(argument, ':') != NULL;
    case OPTION_LINK_CONFIRM:
        options->link_confirm = true;
        return true;
    case OPTION_SEED:
        return whole_number(argument, UINT64_MAX, &options->seed);
    default:
        return false;
    }
}

int sim_options_parse(struct sim_options *options, int argc, char **argv)
{
    *options = (struct sim_options){.events_per_second = 1,
                                    .events_total = UINT64_MAX,
                                    .seed = 1,
                                    .event_buffer = EVENT_BUFFER_DEFAULT};
    int option;
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS + 1;
        }
        if (option != '?' && !take_option(options, option, optarg))
            fprintf(stderr, "dnp3-sim: \"%s\" is not a value for this option\n", optarg);
        else if (option != '?')
            continue;
        fputs(usage, stderr);
        return EXIT_USAGE + 1;
    }
    if (!options->config || optind < argc) {
        fputs(usage, stderr);
        return EXIT_USAGE + 1;
    }
    return 0;
}
