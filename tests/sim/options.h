/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of dnp3-sim. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_options {
    const char *config;
    const char *bind;         /* NULL: each endpoint's own address */
    const char *files;        /* a folder to serve, NULL: none */
    const char *files_user;   /* "USER:PASSWORD" for it, NULL: anybody */
    double events_per_second; /* of all outstations together */
    uint64_t events_total;    /* UINT64_MAX: no end */
    uint64_t number_from;     /* the number before a point's first */
    const char *tally;        /* a file of events made and confirmed, NULL: none */
    uint64_t seed;
    uint32_t response_delay_ms;
    uint16_t event_buffer; /* events of each class that an outstation keeps */
    bool numbered;
    bool pause; /* a full buffer pauses the generation instead of dropping the oldest event */
    bool link_confirm;
    bool regenerate; /* an unsolicited response is repeated with what there is by then */
};

/* 0: go on; else the process' exit code plus one (help was shown, or the usage is wrong). */
int sim_options_parse(struct sim_options *options, int argc, char **argv);

#endif
