/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values of the kinds that a line of dnp3-decode holds. */
#ifndef TESTS_DECODE_JSON_H
#define TESTS_DECODE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The shortest decimal that reads back as the same number (of single precision where `single`).
 * What JSON has no number for is a string: "NaN", "Infinity", "-Infinity". */
void json_number(FILE *out, double number, bool single);
/* True for well-formed UTF-8. */
bool json_is_text(const uint8_t *octets, size_t length);
/* UTF-8 as a string. */
void json_text(FILE *out, const uint8_t *octets, size_t length);
/* Octets as a string of hexadecimal digits. */
void json_hex(FILE *out, const uint8_t *octets, size_t length);

#endif
