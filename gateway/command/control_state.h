/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of controls, shared by control.c (life of a command), control_check.c (what is
 * refused) and control_feedback.c (whether the point moved). Not for others. */
#ifndef GW_CONTROL_STATE_H
#define GW_CONTROL_STATE_H

#include "gateway/base/template.h"
#include "gateway/command/command_check.h"
#include "gateway/command/control.h"
#include "gateway/command/control_result.h"
#include "gateway/command/ledger_keeper.h"

enum {
    GW_CONTROL_JOBS_MAX = 1024, /* under way at a time in the whole gateway */
    GW_CONTROL_STAMPS_MAX = 60  /* a larger max_per_minute is kept over less than a minute */
};

struct control_job;

/* What is remembered of one control of one outstation. */
struct control {
    const struct gw_map_control *map;
    struct control_job *job;               /* under way, or waiting for feedback */
    const struct gw_map_state *last_state; /* of the last command that was sent; NULL: a number */
    double last_number;
    uint64_t last_ms;
    struct gw_command_text armed_id; /* whose command may come */
    uint64_t armed_until_ms;
    uint64_t *stamps; /* when the last ones were sent, a ring */
    uint16_t stamp_count;
    uint16_t next_stamp;
    bool has_last;
};

enum control_job_state {
    CONTROL_JOB_KEEPING, /* its id is not durable yet: nothing has left */
    CONTROL_JOB_SENT,
    CONTROL_JOB_WAITING /* for its feedback */
};

/* A command between its request and its result. */
struct control_job {
    struct control_job *next; /* of those under way, or of the free ones */
    struct gw_controls *controls;
    const struct gw_outstation_config *outstation;
    struct control *control;
    const struct gw_map_state *word; /* its value's entry, NULL: a number */
    enum control_job_state state;
    struct gw_ledger_waiter waiter;
    bool in_ledger;
    bool watches; /* the feedback point's value matters */
    bool reached; /* ... and was the expected one when it last came */
    double expected, tolerance;
    uint64_t started_ms;
    uint64_t feedback_until_ms;
    uint64_t scope;
    struct gw_command_message message;
    struct gw_control_result result;
    struct dnp3_command command;
    struct dnp3_command_request request;
    uint16_t correlation_length;
    uint8_t correlation[GW_COMMAND_REPLY_MAX];
    char response_topic[GW_COMMAND_REPLY_MAX]; /* "": the default one */
};

struct control_outstation {
    struct control *controls; /* as in its mapping */
    uint32_t watching;        /* jobs that want its points */
};

struct gw_controls {
    const struct gw_config *config;
    struct gw_controls_host host;
    void *user;
    struct gw_ledger_keeper *keeper;
    struct control *controls;
    struct control_outstation *outstations; /* as in the configuration */
    uint64_t *stamps;
    struct control_job *jobs; /* the block that all of them live in */
    struct control_job *active, *unused;
    size_t job_count, fresh_jobs;
    size_t waiting;
    bool reached; /* a feedback came that gw_controls_settle() is to report */
};

/* A message in hand. */
struct control_incoming {
    const struct gw_mqtt_message *mqtt;
    const struct gw_outstation_config *outstation;
    bool arms;               /* it came on an `arm` topic */
    char name[GW_TOPIC_MAX]; /* of the control, known or not */
    /* What its result's topic is called by: the control's name, or "arm/" and that. */
    char result[GW_TOPIC_MAX + 4];
    struct control *control; /* NULL: unknown */
    struct gw_command_message message;
    const char *problem;              /* why the payload is malformed, NULL: it is not */
    const char *detail;               /* a sentence for the log, NULL: the reason says all */
    const struct gw_map_state *state; /* the word's entry, NULL: a number */
    struct dnp3_command command;
    uint64_t now_ms;
    int64_t wall_ms;
    uint64_t deadline_ms; /* steady clock; it may not leave later */
};

struct control_outstation *gw_control_outstation(struct gw_controls *controls,
                                                 const struct gw_outstation_config *outstation);
/* The one result of a job, which is gone then. */
void gw_control_conclude(struct control_job *job, const char *detail);

/* Feedback: what the job's value is to bring about, and the wait for it. */
void gw_control_watch(struct control_job *job, const struct control_incoming *in);
void gw_control_await(struct control_job *job);

/* The checks, each OK or the reason of the refusal. */

/* Is it a command for one of our controls at all? */
enum gw_verdict gw_control_check_message(struct gw_controls *controls, struct control_incoming *in);
/* May it be armed? Needs a known control. */
enum gw_verdict gw_control_check_arming(struct gw_controls *controls, struct control_incoming *in);
/* May it operate now? Fills `state`, `command` and `deadline_ms`. RESTARTED: nobody knows whether
 * it has. */
enum gw_verdict gw_control_check_rules(struct gw_controls *controls, struct control_incoming *in);

#endif
