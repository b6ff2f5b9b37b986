/* SPDX-License-Identifier: Apache-2.0 */
/* Controls: the control relay output block (12v1) and analog outputs (41v1..4), their codes and
 * their status (IEEE 1815-2012 A.8, A.23, 11.7..11.9). */
#ifndef DNP3_COMMAND_H
#define DNP3_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* Bits 0..3 of the CROB's control code. */
#define DNP3_OPERATION_MAP(X)                                                                      \
    X(NUL, 0, "nul")                                                                               \
    X(PULSE_ON, 1, "pulse_on")                                                                     \
    X(PULSE_OFF, 2, "pulse_off")                                                                   \
    X(LATCH_ON, 3, "latch_on")                                                                     \
    X(LATCH_OFF, 4, "latch_off")

enum dnp3_operation {
#define X(name, value, text) DNP3_OPERATION_##name = (value),
    DNP3_OPERATION_MAP(X)
#undef X
};

/* Bits 6..7 of the CROB's control code (trip-close code). */
#define DNP3_TRIP_CLOSE_MAP(X)                                                                     \
    X(NONE, 0, "none")                                                                             \
    X(CLOSE, 1, "close")                                                                           \
    X(TRIP, 2, "trip")

enum dnp3_trip_close {
#define X(name, value, text) DNP3_TRIP_CLOSE_##name = (value),
    DNP3_TRIP_CLOSE_MAP(X)
#undef X
};

/* What the bits of a control code say ("pulse_on", "trip"), or NULL where they are reserved. */
const char *dnp3_operation_name(uint8_t code);
const char *dnp3_trip_close_name(uint8_t code);

enum { DNP3_CROB_QUEUE = 0x10, DNP3_CROB_CLEAR = 0x20 };

/* Status codes of a command, IEEE 1815-2012 table 11-7. */
#define DNP3_STATUS_MAP(X)                                                                         \
    X(SUCCESS, 0)                                                                                  \
    X(TIMEOUT, 1)                                                                                  \
    X(NO_SELECT, 2)                                                                                \
    X(FORMAT_ERROR, 3)                                                                             \
    X(NOT_SUPPORTED, 4)                                                                            \
    X(ALREADY_ACTIVE, 5)                                                                           \
    X(HARDWARE_ERROR, 6)                                                                           \
    X(LOCAL, 7)                                                                                    \
    X(TOO_MANY_OBJS, 8)                                                                            \
    X(NOT_AUTHORIZED, 9)                                                                           \
    X(AUTOMATION_INHIBIT, 10)                                                                      \
    X(PROCESSING_LIMITED, 11)                                                                      \
    X(OUT_OF_RANGE, 12)                                                                            \
    X(DOWNSTREAM_LOCAL, 13)                                                                        \
    X(ALREADY_COMPLETE, 14)                                                                        \
    X(BLOCKED, 15)                                                                                 \
    X(CANCELLED, 16)                                                                               \
    X(BLOCKED_OTHER_MASTER, 17)                                                                    \
    X(DOWNSTREAM_FAIL, 18)                                                                         \
    X(NON_PARTICIPATING, 126)                                                                      \
    X(UNDEFINED, 127)

enum dnp3_status {
#define X(name, value) DNP3_STATUS_##name = (value),
    DNP3_STATUS_MAP(X)
#undef X
};

/* The status' name ("SUCCESS"), or NULL for a code that the standard does not define. */
const char *dnp3_status_name(uint8_t status);

enum dnp3_command_type {
    DNP3_COMMAND_CROB,          /* 12v1 */
    DNP3_COMMAND_ANALOG_INT32,  /* 41v1 */
    DNP3_COMMAND_ANALOG_INT16,  /* 41v2 */
    DNP3_COMMAND_ANALOG_FLOAT,  /* 41v3 */
    DNP3_COMMAND_ANALOG_DOUBLE, /* 41v4 */
};

/* One commanded point, as sent and as echoed. */
struct dnp3_command {
    enum dnp3_command_type type;
    uint32_t index;  /* sent with an 8-bit prefix up to 255, else 16-bit */
    uint8_t code;    /* CROB: operation | queue | clear | trip_close << 6 */
    uint8_t count;   /* CROB */
    uint32_t on_ms;  /* CROB */
    uint32_t off_ms; /* CROB */
    double value;    /* analog */
    uint8_t status;  /* enum dnp3_status on the wire's seven bits */
};

/* The control code of an operation and a trip-close code, e.g. 0x41 for CLOSE + PULSE_ON. */
static inline uint8_t dnp3_crob_code(enum dnp3_operation operation, enum dnp3_trip_close tcc)
{
    return (uint8_t)((unsigned)operation | (unsigned)tcc << 6);
}

/* Whether a control code means on: close and trip say it themselves, else the operation does. It is
 * also the commanded state that a command event has (annex A, group 13). */
static inline bool dnp3_crob_turns_on(uint8_t code)
{
    unsigned operation = code & 0x0Fu;
    unsigned tcc = code >> 6;
    if (tcc != DNP3_TRIP_CLOSE_NONE)
        return tcc == DNP3_TRIP_CLOSE_CLOSE;
    return operation == DNP3_OPERATION_LATCH_ON || operation == DNP3_OPERATION_PULSE_ON;
}

#endif
