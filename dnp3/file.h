/* SPDX-License-Identifier: Apache-2.0 */
/* File objects, group 70 (IEEE 1815-2012 A.26): what a file transfer carries under size prefixes,
 * and the entries of a directory. An object's strings are placed by an offset and a size; both are
 * checked against the object's octets. */
#ifndef DNP3_FILE_H
#define DNP3_FILE_H

#include "dnp3/cursor.h"

enum dnp3_file_variation {
    DNP3_FILE_AUTHENTICATION = 2,
    DNP3_FILE_COMMAND = 3,
    DNP3_FILE_COMMAND_STATUS = 4,
    DNP3_FILE_TRANSPORT = 5,
    DNP3_FILE_TRANSPORT_STATUS = 6,
    DNP3_FILE_DESCRIPTOR = 7,
    DNP3_FILE_SPECIFICATION = 8
};

/* Status of a command (v4: 0 to 9 and 255) and of a block (v6: 0, 8, 9 and 16 up). */
#define DNP3_FILE_STATUS_MAP(X)                                                                    \
    X(SUCCESS, 0)                                                                                  \
    X(PERMISSION_DENIED, 1)                                                                        \
    X(INVALID_MODE, 2)                                                                             \
    X(NOT_FOUND, 3)                                                                                \
    X(LOCKED, 4)                                                                                   \
    X(TOO_MANY_OPEN, 5)                                                                            \
    X(INVALID_HANDLE, 6)                                                                           \
    X(BLOCK_SIZE, 7)                                                                               \
    X(COMM_LOST, 8)                                                                                \
    X(CANNOT_ABORT, 9)                                                                             \
    X(NOT_OPENED, 16)                                                                              \
    X(HANDLE_EXPIRED, 17)                                                                          \
    X(BUFFER_OVERRUN, 18)                                                                          \
    X(FATAL, 19)                                                                                   \
    X(BLOCK_SEQUENCE, 20)                                                                          \
    X(UNDEFINED, 255)

enum dnp3_file_status {
#define X(name, value) DNP3_FILE_STATUS_##name = (value),
    DNP3_FILE_STATUS_MAP(X)
#undef X
};

/* The status' name ("NOT_FOUND"), or NULL for a code that the standard does not define. */
const char *dnp3_file_status_name(uint8_t status);

enum dnp3_file_mode {
    DNP3_FILE_MODE_NONE = 0, /* where the command opens nothing: delete */
    DNP3_FILE_MODE_READ = 1,
    DNP3_FILE_MODE_WRITE = 2, /* creates, or truncates */
    DNP3_FILE_MODE_APPEND = 3
};

enum dnp3_file_type { DNP3_FILE_TYPE_DIRECTORY = 0, DNP3_FILE_TYPE_FILE = 1 };

/* Permissions: execute, write, read for world, group, owner, from bit 0 up, as in POSIX. */
enum { DNP3_FILE_PERMISSIONS = 0x01FF };

/* A string within an object: not terminated, lives as long as the object's octets. */
struct dnp3_file_string {
    const uint8_t *octets;
    uint16_t length;
};

/* v2, of AUTHENTICATE_FILE: the request has user and password, the answer the key (0: refused). */
struct dnp3_file_authentication {
    struct dnp3_file_string user;
    struct dnp3_file_string password;
    uint32_t key;
};

/* v3, of OPEN_FILE and DELETE_FILE. */
struct dnp3_file_command {
    struct dnp3_file_string name;
    int64_t created_ms; /* ms since 1970; of a file that is written, else 0 */
    uint32_t key;       /* from an authentication, else 0 */
    uint32_t size;      /* of a file that is written, else 0 */
    uint16_t permissions;
    uint16_t mode;       /* enum dnp3_file_mode */
    uint16_t block_size; /* the largest that the master takes */
    uint16_t request;    /* copied into the answer */
};

/* v4, answers to OPEN_FILE, CLOSE_FILE, DELETE_FILE, ABORT_FILE; and the requests that close and
 * abort. */
struct dnp3_file_command_status {
    uint32_t handle;
    uint32_t size; /* of the file; of a directory octets or entries, devices differ */
    uint16_t block_size;
    uint16_t request;
    uint8_t status;               /* enum dnp3_file_status */
    struct dnp3_file_string text; /* optional */
};

/* v5, a block: read (without data in the request) or written. */
struct dnp3_file_transport {
    uint32_t handle;
    uint32_t block; /* from 0, 31 bits */
    bool last;
    struct dnp3_file_string data;
};

/* v6, the answer to a block that was written. */
struct dnp3_file_transport_status {
    uint32_t handle;
    uint32_t block;
    bool last;
    uint8_t status;               /* enum dnp3_file_status */
    struct dnp3_file_string text; /* optional */
};

/* v7, the answer to GET_FILE_INFO, and each entry in the data of a directory. */
struct dnp3_file_descriptor {
    struct dnp3_file_string name;
    int64_t created_ms; /* ms since 1970 */
    uint32_t size;      /* octets; of a directory its entries */
    uint16_t type;      /* enum dnp3_file_type */
    uint16_t permissions;
    uint16_t request; /* 0 within a directory */
};

/* Each reads one object, which is the whole of `object` (dnp3_items_sized). 0; TRUNCATED where the
 * fixed octets are not there; MALFORMED where a string lies outside the object or within its fixed
 * octets. v8 is its string and has no call. */
int dnp3_file_authentication_read(struct dnp3_reader object,
                                  struct dnp3_file_authentication *authentication);
int dnp3_file_command_read(struct dnp3_reader object, struct dnp3_file_command *command);
int dnp3_file_command_status_read(struct dnp3_reader object,
                                  struct dnp3_file_command_status *status);
int dnp3_file_transport_read(struct dnp3_reader object, struct dnp3_file_transport *transport);
int dnp3_file_transport_status_read(struct dnp3_reader object,
                                    struct dnp3_file_transport_status *status);
int dnp3_file_descriptor_read(struct dnp3_reader object, struct dnp3_file_descriptor *descriptor);

/* The next entry in the data of a directory: descriptors one after the other, also across blocks.
 * 1; 0 at the end; TRUNCATED where the entry goes on in the next block: `data` stays at its first
 * octet (an entry of more than a few hundred octets is a lie, not a long name); MALFORMED where an
 * entry's name overlaps its fixed octets, which ends the reading. */
int dnp3_file_entry(struct dnp3_reader *data, struct dnp3_file_descriptor *entry);

/* Each writes an object's octets, strings last and in the order of the struct; dnp3_sized_begin and
 * _end put header and size around it. RANGE for a time that is not of 48 bits or a block number
 * that is not of 31; FULL. */
int dnp3_file_authentication_write(struct dnp3_writer *out,
                                   const struct dnp3_file_authentication *authentication);
int dnp3_file_command_write(struct dnp3_writer *out, const struct dnp3_file_command *command);
int dnp3_file_command_status_write(struct dnp3_writer *out,
                                   const struct dnp3_file_command_status *status);
int dnp3_file_transport_write(struct dnp3_writer *out, const struct dnp3_file_transport *transport);
int dnp3_file_transport_status_write(struct dnp3_writer *out,
                                     const struct dnp3_file_transport_status *status);
int dnp3_file_descriptor_write(struct dnp3_writer *out,
                               const struct dnp3_file_descriptor *descriptor);

#endif
