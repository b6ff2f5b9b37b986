/* SPDX-License-Identifier: Apache-2.0 */
/* What refuses a message that wants something done, be it a control or a command of an outstation:
 * the switches, its age, and where it wants its result. */
#ifndef GW_COMMAND_CHECK_H
#define GW_COMMAND_CHECK_H

#include "gateway/command/control_result.h"
#include "gateway/config/config.h"
#include "gateway/mqtt/mqtt.h"

enum {
    GW_COMMAND_REPLY_MAX = 256, /* octets of a response topic with its NUL, of correlation data */
    GW_COMMAND_REPEAT_MS = 2000 /* without an id the same again within this is a repeat */
};

/* Of what may have operated before the spool was damaged: nobody knows. */
#define GW_COMMAND_DISOWNED                                                                        \
    "its id may have gone with a damaged spool: for a minute, only a command with a time is "      \
    "obeyed"

/* When a message is judged. */
struct gw_command_moment {
    uint64_t now_ms; /* steady clock */
    int64_t wall_ms;
    bool clock_trusted;
    uint32_t max_age_ms;
};

/* Each returns OK or the reason of the refusal, and may leave a sentence in `detail`. */

/* `controls: false` of gateway and outstation, and the file of the field crew. */
enum gw_verdict gw_command_check_switches(const struct gw_config *config,
                                          const struct gw_outstation_config *outstation,
                                          const char *switch_file, const char **detail);
enum gw_verdict gw_command_check_clock(const struct gw_command_message *message,
                                       const struct gw_command_moment *moment, const char **detail);
/* Fills `deadline_ms` (steady clock), after which it may not leave: the earliest of the command's
 * own expiry, the message's (`expiry_s`, UINT32_MAX = none), and the oldest age: counted from the
 * command's time where it has one, else from now, so that nothing waits in a queue for longer. */
enum gw_verdict gw_command_check_expiry(const struct gw_command_message *message, uint32_t expiry_s,
                                        const struct gw_command_moment *moment,
                                        uint64_t *deadline_ms);

/* Where the result goes: may the message's response topic be published to on a stranger's behalf?
 * `result` is the name of the default result topic of what is asked for, NULL where it is not
 * known. NULL: yes, or there is none. */
const char *gw_command_response_problem(const struct gw_config *config,
                                        const struct gw_outstation_config *outstation,
                                        const char *result, const struct gw_mqtt_message *message);
/* The same, and the length of the correlation data. */
const char *gw_command_reply_problem(const struct gw_config *config,
                                     const struct gw_outstation_config *outstation,
                                     const char *result, const struct gw_mqtt_message *message);

#endif
