/* SPDX-License-Identifier: Apache-2.0 */
/* The application layer's frame (IEEE 1815-2012 4.2): control octet, function code, internal
 * indications. Object headers are in objects.h. */
#ifndef DNP3_APP_H
#define DNP3_APP_H

#include "dnp3/cursor.h"

enum {
    DNP3_APP_FIR = 0x80,
    DNP3_APP_FIN = 0x40,
    DNP3_APP_CON = 0x20,
    DNP3_APP_UNS = 0x10,
    DNP3_APP_SEQUENCE = 0x0F
};

#define DNP3_FUNCTION_MAP(X)                                                                       \
    X(CONFIRM, 0)                                                                                  \
    X(READ, 1)                                                                                     \
    X(WRITE, 2)                                                                                    \
    X(SELECT, 3)                                                                                   \
    X(OPERATE, 4)                                                                                  \
    X(DIRECT_OPERATE, 5)                                                                           \
    X(DIRECT_OPERATE_NR, 6)                                                                        \
    X(IMMED_FREEZE, 7)                                                                             \
    X(IMMED_FREEZE_NR, 8)                                                                          \
    X(FREEZE_CLEAR, 9)                                                                             \
    X(FREEZE_CLEAR_NR, 10)                                                                         \
    X(FREEZE_AT_TIME, 11)                                                                          \
    X(FREEZE_AT_TIME_NR, 12)                                                                       \
    X(COLD_RESTART, 13)                                                                            \
    X(WARM_RESTART, 14)                                                                            \
    X(INITIALIZE_DATA, 15)                                                                         \
    X(INITIALIZE_APPL, 16)                                                                         \
    X(START_APPL, 17)                                                                              \
    X(STOP_APPL, 18)                                                                               \
    X(SAVE_CONFIG, 19)                                                                             \
    X(ENABLE_UNSOLICITED, 20)                                                                      \
    X(DISABLE_UNSOLICITED, 21)                                                                     \
    X(ASSIGN_CLASS, 22)                                                                            \
    X(DELAY_MEASURE, 23)                                                                           \
    X(RECORD_CURRENT_TIME, 24)                                                                     \
    X(OPEN_FILE, 25)                                                                               \
    X(CLOSE_FILE, 26)                                                                              \
    X(DELETE_FILE, 27)                                                                             \
    X(GET_FILE_INFO, 28)                                                                           \
    X(AUTHENTICATE_FILE, 29)                                                                       \
    X(ABORT_FILE, 30)                                                                              \
    X(ACTIVATE_CONFIG, 31)                                                                         \
    X(AUTHENTICATE_REQ, 32)                                                                        \
    X(AUTH_REQ_NO_ACK, 33)                                                                         \
    X(RESPONSE, 129)                                                                               \
    X(UNSOLICITED_RESPONSE, 130)                                                                   \
    X(AUTHENTICATE_RESP, 131)

enum dnp3_function {
#define X(name, value) DNP3_FUNCTION_##name = (value),
    DNP3_FUNCTION_MAP(X)
#undef X
};

/* The function's name ("READ"), or NULL for a code the standard does not define. */
const char *dnp3_function_name(uint8_t function);

/* Internal indications (4.2.6): first octet low, second octet high. */
#define DNP3_IIN_MAP(X)                                                                            \
    X(BROADCAST, 0x0001)                                                                           \
    X(CLASS_1_EVENTS, 0x0002)                                                                      \
    X(CLASS_2_EVENTS, 0x0004)                                                                      \
    X(CLASS_3_EVENTS, 0x0008)                                                                      \
    X(NEED_TIME, 0x0010)                                                                           \
    X(LOCAL_CONTROL, 0x0020)                                                                       \
    X(DEVICE_TROUBLE, 0x0040)                                                                      \
    X(DEVICE_RESTART, 0x0080)                                                                      \
    X(NO_FUNC_CODE_SUPPORT, 0x0100)                                                                \
    X(OBJECT_UNKNOWN, 0x0200)                                                                      \
    X(PARAMETER_ERROR, 0x0400)                                                                     \
    X(EVENT_BUFFER_OVERFLOW, 0x0800)                                                               \
    X(ALREADY_EXECUTING, 0x1000)                                                                   \
    X(CONFIG_CORRUPT, 0x2000)

enum dnp3_iin {
#define X(name, value) DNP3_IIN_##name = (value),
    DNP3_IIN_MAP(X)
#undef X
};

/* The name of one bit ("NEED_TIME"), or NULL for the two reserved ones. */
const char *dnp3_iin_name(uint16_t bit);

/* The start of a fragment. `iin` is 0 in requests. */
struct dnp3_app_header {
    uint8_t control;
    uint8_t function;
    uint16_t iin;
};

/* Reads the header; `in` then stands at the objects. False: fewer octets than a header has, and the
 * reader has failed. Responses (function 129..131) carry the IIN. */
bool dnp3_app_read(struct dnp3_reader *in, struct dnp3_app_header *header);
/* Writes the header, the IIN in responses only; fails the writer where there is no room. */
void dnp3_app_write(struct dnp3_writer *out, const struct dnp3_app_header *header);

/* The application sequence number, 0..15. */
static inline uint8_t dnp3_app_sequence(const struct dnp3_app_header *header)
{
    return header->control & DNP3_APP_SEQUENCE;
}

#endif
