/* SPDX-License-Identifier: Apache-2.0 */
/* The text of numbers. A decimal with few digits is m / 10^d for integers that a double holds
 * exactly, and one division is correctly rounded: what compares equal after it reads back equal.
 * printf is asked only for the rest. */
#include "gateway/base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double power10[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
static const double exact_max = 9007199254740992.0; /* 2^53: every integer below is a double */

size_t gw_number_unsigned(char *text, uint64_t value)
{
    char reversed[20];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < length; i++)
        text[i] = reversed[length - 1 - i];
    return length;
}

size_t gw_number_integer(char *text, int64_t value)
{
    if (value >= 0)
        return gw_number_unsigned(text, (uint64_t)value);
    text[0] = '-';
    return 1 + gw_number_unsigned(text + 1, 0 - (uint64_t)value);
}

/* Exactly `digits` digits, zeros in front. */
static size_t write_padded(char *text, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        text[i] = (char)('0' + value % 10);
    return digits;
}

/* scaled / 10^decimals as text. */
static size_t write_decimal(char *text, bool negative, uint64_t scaled, unsigned decimals)
{
    size_t n = 0;
    if (negative)
        text[n++] = '-';
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    n += gw_number_unsigned(text + n, scaled / unit);
    if (decimals) {
        text[n++] = '.';
        n += write_padded(text + n, scaled % unit, decimals);
    }
    return n;
}

size_t gw_number_fixed(char *text, double value, unsigned decimals)
{
    if (!isfinite(value))
        return 0;
    if (decimals > GW_NUMBER_DECIMALS_MAX)
        decimals = GW_NUMBER_DECIMALS_MAX;
    double scaled = fabs(value) * power10[decimals] + 0.5;
    if (!(scaled < exact_max))
        return gw_number_shortest_point(text, value, false);
    uint64_t rounded = (uint64_t)scaled;
    bool negative = value < 0 && rounded;
    if (decimals)
        return write_decimal(text, negative, rounded, decimals);
    return write_decimal(text, negative, rounded * 10, 1);
}

static bool reads_back(double candidate, double value, bool single)
{
    return single ? (float)candidate == (float)value : candidate == value;
}

/* The fewest decimals that read back, where up to `digits` suffice. 0: they do not. For a float the
 * double in between does no harm: a decimal of at most nine places is never so near to the middle
 * of two floats that the division rounds onto it. */
static size_t shortest_decimal(char *text, double value, bool single)
{
    double magnitude = fabs(value);
    if (magnitude < 1e-5) /* an exponent is shorter than so many zeros */
        return 0;
    unsigned most = single ? 9 : 15;
    for (unsigned decimals = 0; decimals <= most; decimals++) {
        double scaled = magnitude * power10[decimals] + 0.5;
        if (!(scaled < exact_max))
            return 0;
        uint64_t rounded = (uint64_t)scaled;
        if (rounded && reads_back((double)rounded / power10[decimals], magnitude, single))
            return write_decimal(text, value < 0, rounded, decimals);
    }
    return 0;
}

static size_t shortest_printed(char *text, double value, bool single)
{
    int length = 0;
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        length = snprintf(text, GW_NUMBER_MAX, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    return (size_t)length;
}

size_t gw_number_shortest(char *text, double value, bool single)
{
    if (single && isfinite(value) && !isfinite((float)value))
        single = false; /* scaled beyond what a float holds */
    if (!isfinite(value))
        return 0;
    if (value == 0) {
        text[0] = '0';
        return 1;
    }
    size_t length = shortest_decimal(text, value, single);
    return length ? length : shortest_printed(text, value, single);
}

size_t gw_number_shortest_point(char *text, double value, bool single)
{
    size_t length = gw_number_shortest(text, value, single);
    if (!length || memchr(text, '.', length))
        return length;
    const char *exponent = memchr(text, 'e', length);
    size_t mantissa = exponent ? (size_t)(exponent - text) : length;
    memmove(text + mantissa + 2, text + mantissa, length - mantissa);
    text[mantissa] = '.';
    text[mantissa + 1] = '0';
    return length + 2;
}
