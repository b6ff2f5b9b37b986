/* SPDX-License-Identifier: Apache-2.0 */
/* A file object (the first octet is the variation) on any octets. Invariants: strings lie within
 * the object; what was read can be written, and reads back as the same; entries of a directory go
 * on without end, and a whole one takes its fixed octets at least. */
#include "dnp3/file.h"
#include "tests/fuzz/fuzz.h"

static uint8_t written[1 << 18];

static struct dnp3_writer rewrite(void)
{
    return dnp3_writer_of(written, sizeof written);
}

static void check_string(struct dnp3_reader object, struct dnp3_file_string string)
{
    require(string.octets >= object.at && string.length <= object.end - string.octets);
}

/* Reads, checks the strings, writes, and reads what was written. `texts` are the struct's strings.
 */
#define ROUND(kind, object, ...)                                                                   \
    do {                                                                                           \
        struct dnp3_file_##kind it = {0}, again = {0};                                             \
        if (dnp3_file_##kind##_read(object, &it))                                                  \
            return;                                                                                \
        const struct dnp3_file_string texts[] = {__VA_ARGS__};                                     \
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)                                \
            check_string(object, texts[i]);                                                        \
        struct dnp3_writer out = rewrite();                                                        \
        if (dnp3_file_##kind##_write(&out, &it))                                                   \
            return;                                                                                \
        size_t length = dnp3_writer_length(&out);                                                  \
        require(dnp3_file_##kind##_read(dnp3_reader_of(written, length), &again) == 0);            \
        out = dnp3_writer_of(written + length, sizeof written - length);                           \
        require(dnp3_file_##kind##_write(&out, &again) == 0);                                      \
        require(memcmp(written, written + length, length) == 0);                                   \
    } while (0)

static void check_directory(struct dnp3_reader data)
{
    struct dnp3_file_descriptor entry;
    const uint8_t *before = data.at;
    for (; dnp3_file_entry(&data, &entry) == 1; before = data.at) {
        require(data.at >= before + 20 && data.at <= data.end);
        require(entry.name.octets + entry.name.length <= data.at);
    }
    require(data.at == before);
}

static void check_object(uint8_t variation, struct dnp3_reader object)
{
    switch (variation) {
    case DNP3_FILE_AUTHENTICATION:
        ROUND(authentication, object, it.user, it.password);
        break;
    case DNP3_FILE_COMMAND:
        ROUND(command, object, it.name);
        break;
    case DNP3_FILE_COMMAND_STATUS:
        ROUND(command_status, object, it.text);
        break;
    case DNP3_FILE_TRANSPORT:
        ROUND(transport, object, it.data);
        break;
    case DNP3_FILE_TRANSPORT_STATUS:
        ROUND(transport_status, object, it.text);
        break;
    default:
        check_directory(object);
        ROUND(descriptor, object, it.name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        check_object(data[0], dnp3_reader_of(data + 1, size - 1));
    return 0;
}
