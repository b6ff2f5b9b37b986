/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as JSON text. Integer arithmetic wherever the value allows it: points are published by
 * the ten thousand a second. Each call writes into a buffer of GW_NUMBER_MAX octets and returns the
 * length; no NUL follows. */
#ifndef GW_NUMBER_H
#define GW_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GW_NUMBER_MAX = 40, /* "-1.7976931348623157e+308.0" and any integer */
    GW_NUMBER_DECIMALS_MAX = 9
};

size_t gw_number_unsigned(char *text, uint64_t value);
size_t gw_number_integer(char *text, int64_t value);
/* `decimals` digits after the point, at least one; halves away from zero. Beyond 2^53 the shortest
 * text. 0: not a finite number. */
size_t gw_number_fixed(char *text, double value, unsigned decimals);
/* The shortest text that reads back as the same double (`single`: the same float). Integers come
 * without a decimal point. 0: not a finite number. */
size_t gw_number_shortest(char *text, double value, bool single);
/* The same with a decimal point in any case: "5.0", "1.0e+22". */
size_t gw_number_shortest_point(char *text, double value, bool single);

#endif
