/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an outstation as its master moves them: read, write, delete, describe, list (IEEE
 * 1815-2012 5.3; objects in file.h). A transfer is a series of requests; between any two of them
 * controls, the host's requests and polls have their turn. One transfer at a time is under way, the
 * others wait in a queue. */
#ifndef DNP3_FILE_TRANSFER_H
#define DNP3_FILE_TRANSFER_H

#include "dnp3/association.h"
#include "dnp3/file.h"

enum dnp3_file_operation {
    DNP3_FILE_OPERATION_READ,
    DNP3_FILE_OPERATION_WRITE,
    DNP3_FILE_OPERATION_DELETE,
    DNP3_FILE_OPERATION_INFO,     /* one entry: the file's own descriptor */
    DNP3_FILE_OPERATION_DIRECTORY /* an entry a file */
};

/* The longest entry of a directory that is read, name included: a longer one is a lie. */
enum { DNP3_FILE_ENTRY_MAX = 512 };

/* A transfer. The host owns it and everything it points to until `done` is called. */
struct dnp3_file_transfer {
    enum dnp3_file_operation operation;
    const char *name;     /* as the outstation spells it */
    const char *user;     /* not NULL: AUTHENTICATE_FILE comes first */
    const char *password; /* NULL: empty */
    /* Of WRITE: */
    bool append;          /* else the file is created, or cut to nothing */
    uint16_t permissions; /* of a file that is created */
    int64_t created_ms;   /* ms since 1970 UTC */
    uint32_t size;        /* octets, as far as the host knows them */

    uint16_t block_size; /* the most octets a block; 0 = what a fragment holds */
    uint8_t attempts;    /* of each block that is read; 0 = 1. Nothing else is ever repeated */
    uint32_t wait_ms;    /* for an answer that comes as an event; 0 = the response timeout */
    uint64_t expires_ms; /* on the library's clock; 0 = never. Checked when its turn comes */

    /* READ: the next octets of the file, once each and in order; they live as long as the call.
     * False: enough, the transfer ends as CANCELLED. */
    bool (*data)(struct dnp3_file_transfer *transfer, const uint8_t *octets, size_t length);
    /* INFO and DIRECTORY, as above. */
    bool (*entry)(struct dnp3_file_transfer *transfer, const struct dnp3_file_descriptor *entry);
    /* WRITE: the next 1 to `room` octets, which live until the library is called again; `*last`
     * with the last ones, of which there may be none. NULL: the transfer ends as CANCELLED. */
    const uint8_t *(*more)(struct dnp3_file_transfer *transfer, size_t room, size_t *length,
                           bool *last);
    void (*done)(struct dnp3_file_transfer *transfer);
    void *context; /* the host's */

    /* Set by the library: */
    /* DONE. FAILED: it came to no end, and nothing was changed but what `transferred` says: a file
     * opened for writing is there with so many octets of ours. UNKNOWN: something that changes a
     * file left (OPEN_FILE or a block of WRITE, its CLOSE_FILE, DELETE_FILE), and no answer came
     * that fits. REFUSED: nothing left. */
    enum dnp3_command_outcome outcome;
    enum dnp3_command_reason reason;
    uint8_t function;     /* at which it ended: OPEN_FILE, READ, ... */
    uint8_t status;       /* enum dnp3_file_status, the last that came; SUCCESS before */
    uint16_t iin;         /* of the last answer */
    uint32_t size_told;   /* by OPEN_FILE: octets; of a directory octets or entries */
    uint64_t transferred; /* octets that were read, or taken by the outstation */
    /* The library's own: */
    struct dnp3_file_transfer *next;
    bool cancelled;
    uint16_t carried; /* the start of a directory's entry that goes on in the next block */
    uint8_t carry[DNP3_FILE_ENTRY_MAX];
};

enum { DNP3_FILES_QUEUED_MAX = 8 };

/* Queues a transfer. OFFLINE unless the outstation answers now; FULL; INVALID (no name, no
 * callback, a time or strings that no request holds). On an error `done` is not called.
 * A read file is DONE with its last block, whatever CLOSE_FILE is answered; a written one only when
 * it is closed. One that fails with its file open is followed by ABORT_FILE (write) or CLOSE_FILE,
 * once, unless the connection is gone. Silence ends all that wait, but a block that has attempts
 * left. */
int dnp3_association_file(struct dnp3_association *association,
                          struct dnp3_file_transfer *transfer);

/* The host gives a transfer up that it has queued: `done` is called within, or when what is on the
 * wire for it is answered or timed out. It may have come to its end then; else it is CANCELLED. */
void dnp3_association_file_cancel(struct dnp3_association *association,
                                  struct dnp3_file_transfer *transfer);

#endif
