/* SPDX-License-Identifier: Apache-2.0 */
/* dnp3-decode: what DNP3 is in a capture file, a JSON line an object. Exit 0 where the file could
 * be read to its end (lines may still tell of what was unreadable in it), 1 else, 2 for usage. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder.h"

enum { READ_STEP = 1 << 20 };

static const char usage[] =
    "usage: dnp3-decode FILE\n"
    "Prints what DNP3 is in a capture file (pcap or pcapng; - is the standard input): one JSON\n"
    "line for each object, and one with \"error\" for each thing that it could not read.\n";

/* All of a file; NULL with a message where that fails. */
static uint8_t *read_all(FILE *file, const char *name, size_t *length)
{
    uint8_t *octets = NULL;
    size_t size = 0;
    *length = 0;
    do {
        if (size - *length < READ_STEP) {
            size = size ? size * 2 : READ_STEP;
            uint8_t *more = realloc(octets, size);
            if (!more) {
                fprintf(stderr, "dnp3-decode: %s: out of memory\n", name);
                free(octets);
                return NULL;
            }
            octets = more;
        }
        *length += fread(octets + *length, 1, size - *length, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        fprintf(stderr, "dnp3-decode: %s: %s\n", name, strerror(errno));
        free(octets);
        return NULL;
    }
    return octets;
}

static int decode(const char *name, const uint8_t *octets, size_t length)
{
    struct capture capture;
    struct capture_packet packet;
    struct decoder *decoder = decoder_create(stdout);
    int error = decoder ? 0 : -1;
    if (decoder && capture_open(&capture, octets, length)) {
        while (error == 0 && capture_next(&capture, &packet))
            error = decoder_packet(decoder, &packet);
        decoder_finish(decoder);
    }
    decoder_free(decoder);
    if (!error && capture.problem)
        printf("{\"frame\":%u,\"src\":null,\"dst\":null,\"error\":\"%s\"}\n", capture.number + 1,
               capture.problem);
    if (error || fflush(stdout) != 0) {
        fprintf(stderr, "dnp3-decode: %s\n", error ? "out of memory" : strerror(errno));
        return 1;
    }
    if (capture.problem) {
        fprintf(stderr, "dnp3-decode: %s: %s (after packet %u)\n", name, capture.problem,
                capture.number);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc != 2) {
        fputs(usage, stderr);
        return 2;
    }
    FILE *file = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "rb");
    if (!file) {
        fprintf(stderr, "dnp3-decode: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    size_t length;
    uint8_t *octets = read_all(file, argv[1], &length);
    if (file != stdin)
        fclose(file);
    if (!octets)
        return 1;
    int status = decode(argv[1], octets, length);
    free(octets);
    return status;
}
