/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a spool's file that nobody has: a line a message, `SEQUENCE TOPIC PAYLOAD`.
 *
 *   spool_list FILE */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "gateway/spool/spool.h"
#include "gateway/spool/spool_store.h"

static void print(void *user, const struct gw_spool_record *record)
{
    const struct gw_spool_message *message = &record->message;
    (void)user;
    printf("%" PRIu64 " %.*s %.*s\n", record->sequence, (int)message->topic_len, message->topic,
           (int)message->payload_len, (const char *)message->payload);
}

int main(int argc, char **argv)
{
    struct gw_spool_store store = {0};
    struct stat file;
    if (argc != 2 || stat(argv[1], &file)) {
        fprintf(stderr, "usage: spool_list FILE\n");
        return 2;
    }
    size_t size = (size_t)file.st_size;
    int error = gw_spool_store_open(&store, argv[1],
                                    size > GW_SPOOL_MIN_OCTETS ? size : GW_SPOOL_MIN_OCTETS);
    if (!error)
        error = gw_spool_store_each_message(&store, print, NULL);
    gw_spool_store_close(&store);
    if (error)
        fprintf(stderr, "%s: %s\n", argv[1], gw_spool_store_text(error));
    return error ? 1 : 0;
}
