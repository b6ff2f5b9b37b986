/* SPDX-License-Identifier: Apache-2.0 */
/* From packets to JSON lines: keeps connections, streams and fragments under way apart. */
#ifndef TESTS_DECODE_DECODER_H
#define TESTS_DECODE_DECODER_H

#include <stdio.h>

#include "capture.h"

struct decoder;

/* Lines go to `out`. NULL without memory. */
struct decoder *decoder_create(FILE *out);
/* Forgets everything; decoder_finish() first. */
void decoder_free(struct decoder *decoder);

/* The packet's octets must live until the decoder is freed. -1 without memory, else 0. */
int decoder_packet(struct decoder *decoder, const struct capture_packet *captured);
/* The capture has ended: what still waits goes out, what is incomplete is told. */
void decoder_finish(struct decoder *decoder);

#endif
