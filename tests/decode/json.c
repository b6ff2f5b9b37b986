/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough JSON: the program is to need nothing but the protocol library. */
#include "json.h"

#include <stdlib.h>

enum { NUMBER_MAX = 40, PRECISION_MAX = 17 };

/* The cast to float is undefined beyond its range, but a number that came as one is within. */
static bool reads_back(const char *text, double number, bool single)
{
    double read = single ? (double)strtof(text, NULL) : strtod(text, NULL);
    return read == number;
}

void json_number(FILE *out, double number, bool single)
{
    char text[NUMBER_MAX];
    if (number != number) {
        fputs("\"NaN\"", out);
        return;
    }
    if (number - number != 0) { /* infinite */
        fputs(number > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
        return;
    }
    if (number > -1e15 && number < 1e15 && number == (double)(long long)number) {
        fprintf(out, "%lld", (long long)number);
        return;
    }
    for (int precision = 6; precision <= PRECISION_MAX; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, number);
        if (reads_back(text, number, single))
            break;
    }
    fputs(text, out);
}

/* Octets of the UTF-8 character at `at`, or 0 where there is none (RFC 3629). */
static size_t character(const uint8_t *at, size_t left)
{
    size_t length = at[0] < 0x80                    ? 1
                    : at[0] >= 0xC2 && at[0] < 0xE0 ? 2
                    : at[0] >= 0xE0 && at[0] < 0xF0 ? 3
                    : at[0] >= 0xF0 && at[0] < 0xF5 ? 4
                                                    : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool beyond = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

bool json_is_text(const uint8_t *octets, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = character(octets + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

void json_text(FILE *out, const uint8_t *octets, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (octets[i] == '"' || octets[i] == '\\')
            fprintf(out, "\\%c", octets[i]);
        else if (octets[i] < 0x20 || octets[i] == 0x7F)
            fprintf(out, "\\u%04x", octets[i]);
        else
            fputc(octets[i], out);
    }
    fputc('"', out);
}

void json_hex(FILE *out, const uint8_t *octets, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++)
        fprintf(out, "%02x", octets[i]);
    fputc('"', out);
}
