/* SPDX-License-Identifier: Apache-2.0 */
/* The one error type of the library: calls return 0 or one of these, all negative. */
#ifndef DNP3_ERROR_H
#define DNP3_ERROR_H

#define DNP3_ERROR_MAP(X)                                                                          \
    X(INVALID, -1, "invalid argument")                                                             \
    X(MEMORY, -2, "out of memory")                                                                 \
    X(FULL, -3, "queue, buffer or table is full")                                                  \
    X(VOID, -4, "the confirm is void: the outstation will repeat")                                 \
    X(OFFLINE, -5, "the outstation is not online")                                                 \
    X(BUSY, -6, "already in use")                                                                  \
    X(TRUNCATED, -7, "fewer octets than the header announces")                                     \
    X(UNSUPPORTED, -8, "an object that this library does not know")                                \
    X(MALFORMED, -9, "octets that the standard does not allow here")                               \
    X(RANGE, -10, "the value does not fit the variation")                                          \
    X(UNKNOWN, -11, "no such point or address")

enum dnp3_error {
    DNP3_OK = 0,
#define X(name, value, text) DNP3_ERR_##name = (value),
    DNP3_ERROR_MAP(X)
#undef X
};

/* The text of an error code, never NULL. */
const char *dnp3_error_text(int error);

#endif
