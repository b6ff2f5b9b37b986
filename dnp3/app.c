/* SPDX-License-Identifier: Apache-2.0 */
/* The two or four octets before a fragment's objects. */
#include "dnp3/app.h"

static bool has_iin(uint8_t function)
{
    return function >= DNP3_FUNCTION_RESPONSE && function <= DNP3_FUNCTION_AUTHENTICATE_RESP;
}

bool dnp3_app_read(struct dnp3_reader *in, struct dnp3_app_header *header)
{
    header->control = dnp3_reader_u8(in);
    header->function = dnp3_reader_u8(in);
    header->iin = has_iin(header->function) ? dnp3_reader_u16(in) : 0;
    return !in->failed;
}

void dnp3_app_write(struct dnp3_writer *out, const struct dnp3_app_header *header)
{
    dnp3_writer_u8(out, header->control);
    dnp3_writer_u8(out, header->function);
    if (has_iin(header->function))
        dnp3_writer_u16(out, header->iin);
}
