/* SPDX-License-Identifier: Apache-2.0 */
/* File objects (g70) as JSON. */
#ifndef TESTS_DECODE_FILE_H
#define TESTS_DECODE_FILE_H

#include <stdio.h>

#include "dnp3/file.h"

/* One object, by its variation. */
union file_object {
    struct dnp3_file_authentication authentication;
    struct dnp3_file_command command;
    struct dnp3_file_command_status command_status;
    struct dnp3_file_transport transport;
    struct dnp3_file_transport_status transport_status;
    struct dnp3_file_descriptor descriptor;
    struct dnp3_file_string specification;
};

/* 0; the errors of dnp3/file.h, UNSUPPORTED for a variation that has no reader. */
int file_read(uint8_t variation, struct dnp3_reader octets, union file_object *object);
/* The value, a JSON object; behind it `"status"` where there is one. */
void file_print(FILE *out, uint8_t variation, const union file_object *object);

#endif
