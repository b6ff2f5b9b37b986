/* SPDX-License-Identifier: Apache-2.0 */
/* Strict: one text an octet string, so that what is compared as text is compared as octets. */
#include "gateway/base/base64.h"

static int digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool gw_base64_read(const char *text, size_t length, uint8_t *octets, size_t *count)
{
    size_t padding = 0;
    uint32_t bits = 0;
    *count = 0;
    if (length % 4)
        return false;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < length; i++) {
        int value = i < length - padding ? digit(text[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 3)
            continue;
        size_t last = i + 1 == length ? padding : 0;
        if (bits & ((1u << 8 * last) - 1))
            return false;
        for (size_t n = 0; n < 3 - last; n++)
            octets[(*count)++] = (uint8_t)(bits >> (16 - 8 * n));
        bits = 0;
    }
    return true;
}
