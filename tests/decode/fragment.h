/* SPDX-License-Identifier: Apache-2.0 */
/* Application fragments as JSON lines: one an object, one a header without objects, one for each
 * thing that could not be read. tests/decode/README.md has the keys. */
#ifndef TESTS_DECODE_FRAGMENT_H
#define TESTS_DECODE_FRAGMENT_H

#include <stdio.h>

#include "dnp3/cursor.h"

enum { FRAGMENT_NO_ADDRESS = -1 };

/* Where something was on the wire. */
struct fragment_origin {
    uint32_t frame; /* number of the packet that completed it */
    int source;     /* link addresses, or FRAGMENT_NO_ADDRESS */
    int destination;
};

void fragment_print(FILE *out, const struct fragment_origin *origin, struct dnp3_reader fragment);
/* A line for what could not be read. */
void fragment_print_problem(FILE *out, const struct fragment_origin *origin, const char *text);

#endif
