/* SPDX-License-Identifier: Apache-2.0 */
/* What an outstation's host does with files (IEEE 1815-2012 5.3). Handles, block numbers and idle
 * times are the library's; names, rights and octets are the host's. Every call answers at once. */
#ifndef DNP3_OUTSTATION_FILE_H
#define DNP3_OUTSTATION_FILE_H

#include "dnp3/file.h"

/* So many files may be open at once. */
enum { DNP3_OPEN_FILES = 4 };

/* `user` is the outstation's. Strings live as long as the call and are what the master sent: a path
 * may lead anywhere. A status other than SUCCESS goes to the master; open, close, remove and info
 * answer with those of a command, read and write with those of a block. All but authenticate must
 * be there. */
struct dnp3_outstation_files {
    /* AUTHENTICATE_FILE: the key that opening and deleting then bear, 0 = refused. NULL: the
     * function is not supported. */
    uint32_t (*authenticate)(void *user, struct dnp3_file_string name,
                             struct dnp3_file_string password);
    /* OPEN_FILE with mode READ, WRITE or APPEND. `*file` is shown in the calls below until close();
     * `*size` becomes the octets of a file, or the entries of a directory, that is read. */
    enum dnp3_file_status (*open)(void *user, const struct dnp3_file_command *command, void **file,
                                  uint32_t *size);
    /* Writes what lies at `position` into `block`, as much as there is room for; `*last` when
     * nothing comes after it. A directory is read as its entries, one after the other
     * (dnp3_file_descriptor_write). The last position may be asked for again. */
    enum dnp3_file_status (*read)(void *user, void *file, uint64_t position,
                                  struct dnp3_writer *block, bool *last);
    /* Octets for `position`, counted from where writing began; the last ones may come again. */
    enum dnp3_file_status (*write)(void *user, void *file, uint64_t position, const uint8_t *octets,
                                   size_t length, bool last);
    /* The master closed it (`keep`); or it is given up and what was written is to be forgotten:
     * aborted, idle for too long, the outstation restarted or went. */
    enum dnp3_file_status (*close)(void *user, void *file, bool keep);
    enum dnp3_file_status (*remove)(void *user, const struct dnp3_file_command *command);
    /* Type, size, time of creation and permissions of what bears that name. */
    enum dnp3_file_status (*info)(void *user, struct dnp3_file_string name,
                                  struct dnp3_file_descriptor *descriptor);
};

#endif
