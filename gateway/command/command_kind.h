/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of outstation commands, shared by command.c (life of a command) and the files that
 * know one kind each. A new kind: its word in profile.h, a struct gw_command_kind, its row in
 * command_kind.c, and a member of `arguments` where it takes some. */
#ifndef GW_COMMAND_KIND_H
#define GW_COMMAND_KIND_H

#include "gateway/base/template.h"
#include "gateway/command/command.h"
#include "gateway/command/command_check.h"
#include "gateway/command/control_result.h"
#include "gateway/command/ledger_keeper.h"

enum {
    GW_COMMANDS_MAX = 64, /* under way at a time in the whole gateway */
    GW_COMMAND_HEADERS_MAX = 4,
    GW_COMMAND_NAME_MAX = 256
};

struct gw_command;
struct gw_command_file;
struct gw_command_attributes;

/* Arguments of freeze and freeze_clear. */
struct gw_command_freeze {
    bool analog;     /* analog inputs, else counters */
    bool ranged;     /* `first`..`last` hold, else all indexes */
    bool everywhere; /* on every outstation of the line */
    uint32_t first, last;
    int64_t at_ms;     /* wall clock; 0 = now */
    uint32_t every_ms; /* 0 = once */
};

/* Arguments of deadband. */
struct gw_command_deadband {
    char point[GW_COMMAND_NAME_MAX]; /* as in topics; "" = none given */
    bool has_value;
    double value; /* in engineering units */
    double raw;
    struct dnp3_point wire;
};

/* What a kind of command is. */
struct gw_command_kind {
    /* The last clause of a refusal: which keys it takes, with an example. */
    const char *usage;
    /* It changes something in the outstation: off unless allowed, and guarded as controls are. */
    bool writes;
    size_t payload_max; /* octets; 0 = GW_COMMAND_MAX */
    /* Of a kind that `writes`: with these arguments it does not. NULL: it always does. */
    bool (*reads_only)(const struct gw_command *command);
    /* Takes a key of its own into the command's arguments, as gw_command_key_reader does (`user` is
     * the command). NULL: it has none. */
    gw_command_key_reader *read;
    /* Judges the arguments, after all keys were read: OK, or the reason with the command's `detail`
     * set. NULL: nothing to judge. */
    enum gw_verdict (*check)(struct gw_command *command);
    /* Asks the outstation. 0, and gw_command_finish() is called in time; or an error of the
     * library, which refuses the command. The command does not move any more. */
    int (*start)(struct gw_command *command);
    /* Adds keys of its own to the result; NULL: none. Called for every result, an early refusal
     * too, so that the keys are always the same. */
    void (*write)(const struct gw_command *command, struct gw_json_writer *writer);
    /* Gives back what the kind allocated. NULL: nothing. */
    void (*release)(struct gw_command *command);
};

enum { GW_COMMAND_STAMPS = 10 }; /* commands that write, a minute and outstation */

/* What is remembered of an outstation, for commands that write. */
struct gw_command_lane {
    const struct gw_command_kind *last_kind; /* of the last one that was sent; NULL: none */
    struct gw_command_value last_value;
    uint64_t last_ms;
    uint64_t stamps[GW_COMMAND_STAMPS]; /* when the last ones were sent + 1, a ring; 0: none yet */
    uint8_t next_stamp;
};

struct gw_commands {
    const struct gw_config *config;
    struct gw_ledger_keeper *keeper;
    struct gw_commands_host host;
    void *user;
    struct gw_command_lane *lanes; /* as outstations in the configuration; NULL: nothing writes */
    struct gw_command *active;
    size_t active_count;
};

/* A command from its message to its result. */
struct gw_command {
    struct gw_command *next; /* of those under way */
    struct gw_commands *commands;
    const struct gw_outstation_config *outstation;
    const struct gw_command_kind *kind; /* NULL: no such command */
    const char *word;                   /* its name; as in the topic where it is unknown */
    struct gw_command_message message;
    struct gw_control_result result;
    const char *detail; /* a sentence for who asked, NULL: the reason says all */
    uint16_t iin;       /* of the answer; 0 without one */
    bool in_ledger;
    bool keeping; /* its id is not durable yet: nothing has left */
    struct gw_ledger_waiter waiter;
    uint32_t receipt; /* of its result; 0: none */
    uint64_t scope;
    uint64_t started_ms;
    uint64_t deadline_ms; /* steady clock; it may not leave later */
    /* For the kind: */
    union {
        struct gw_command_freeze freeze;
        struct gw_command_deadband deadband;
        struct gw_command_file *file; /* allocated with the first of its keys */
        struct gw_command_attributes *attributes;
        uint32_t decode_ms; /* how long; 0 = as long as usual */
    } arguments;
    uint64_t give_up_ms; /* steady clock; where the library does not end it, 0 = it does */
    struct dnp3_request request;
    struct dnp3_broadcast broadcast;
    struct dnp3_request_header headers[GW_COMMAND_HEADERS_MAX];
    /* Where the result goes. */
    uint16_t correlation_length;
    uint8_t correlation[GW_COMMAND_REPLY_MAX];
    char response_topic[GW_COMMAND_REPLY_MAX]; /* "": the default one */
};

/* A device attribute came from a command's outstation. */
void gw_command_attributes_add(struct gw_command *command, const struct dnp3_attribute *attribute);

/* "command/freeze": what the result's topic is called by. */
const char *gw_command_result_name(const struct gw_command *command, char buffer[GW_TOPIC_MAX]);
/* Of a command that writes: what is remembered of its outstation. */
struct gw_command_lane *gw_command_lane_of(const struct gw_command *command);
/* It changes something, with its arguments. */
bool gw_command_writes(const struct gw_command *command);

/* The checks, each OK or the reason of the refusal, with the command's `detail` set where there is
 * more to say. Reads the payload; `word` is the command's number, -1 = unknown. */
enum gw_verdict gw_command_check_message(struct gw_command *command,
                                         const struct gw_mqtt_message *mqtt, int word);
/* May it act now? Sets its deadline. */
enum gw_verdict gw_command_check_rules(struct gw_command *command,
                                       const struct gw_mqtt_message *mqtt);

/* The kind of a word (enum gw_command_word), never NULL for one that is built. */
const struct gw_command_kind *gw_command_kind_of(enum gw_command_word word);

/* Sends `request` with the first `headers` headers; how it ends is the command's end, unless the
 * kind has set `request.done`, which then calls gw_command_request_done() in the end. */
int gw_command_request(struct gw_command *command, uint8_t function, size_t headers);
void gw_command_request_done(struct dnp3_request *request);
/* The one result of a command that was started, and its end: `command` is gone then. */
void gw_command_finish(struct gw_command *command, enum dnp3_command_outcome outcome,
                       enum dnp3_command_reason reason);

extern const struct gw_command_kind gw_command_integrity;
extern const struct gw_command_kind gw_command_events;
extern const struct gw_command_kind gw_command_time_sync;
extern const struct gw_command_kind gw_command_freeze;
extern const struct gw_command_kind gw_command_freeze_clear;
extern const struct gw_command_kind gw_command_restart_cold;
extern const struct gw_command_kind gw_command_restart_warm;
extern const struct gw_command_kind gw_command_deadband;
extern const struct gw_command_kind gw_command_file;
extern const struct gw_command_kind gw_command_attributes;
extern const struct gw_command_kind gw_command_decode;

#endif
