/* SPDX-License-Identifier: Apache-2.0 */
/* Says in lines of text the file objects, and writes each again: the writer puts strings behind the
 * fixed octets in order, as all devices seen do. */
#ifndef TESTS_VECTORS_DESCRIBE_FILE_H
#define TESTS_VECTORS_DESCRIBE_FILE_H

#include "dnp3/file.h"
#include "tests/vectors/describe_text.h"

static inline void say_string(struct text *text, const char *what, struct dnp3_file_string string)
{
    say(text, " %s", what);
    say_octets(text, string.octets, string.length);
}

static inline void say_file_status(struct text *text, uint8_t status, struct dnp3_file_string words)
{
    const char *name = dnp3_file_status_name(status);
    if (name)
        say(text, " status %s", name);
    else
        say(text, " status %u", status);
    if (words.length)
        say_string(text, "text", words);
}

static inline int say_authentication(struct text *text, struct dnp3_reader object,
                                     struct dnp3_writer *out)
{
    struct dnp3_file_authentication it;
    int error = dnp3_file_authentication_read(object, &it);
    if (error)
        return error;
    say(text, "file_authentication");
    say_string(text, "user", it.user);
    say_string(text, "password", it.password);
    say(text, " key %u\n", it.key);
    return dnp3_file_authentication_write(out, &it);
}

static inline int say_file_command(struct text *text, struct dnp3_reader object,
                                   struct dnp3_writer *out)
{
    struct dnp3_file_command it;
    int error = dnp3_file_command_read(object, &it);
    if (error)
        return error;
    say(text, "file_command");
    say_string(text, "name", it.name);
    say(text, " created %lld permissions %03o key %u size %u mode %u block %u request %u\n",
        (long long)it.created_ms, it.permissions, it.key, it.size, it.mode, it.block_size,
        it.request);
    return dnp3_file_command_write(out, &it);
}

static inline int say_file_command_status(struct text *text, struct dnp3_reader object,
                                          struct dnp3_writer *out)
{
    struct dnp3_file_command_status it;
    int error = dnp3_file_command_status_read(object, &it);
    if (error)
        return error;
    say(text, "file_command_status handle %u size %u block %u request %u", it.handle, it.size,
        it.block_size, it.request);
    say_file_status(text, it.status, it.text);
    say(text, "\n");
    return dnp3_file_command_status_write(out, &it);
}

static inline int say_file_transport(struct text *text, struct dnp3_reader object,
                                     struct dnp3_writer *out)
{
    struct dnp3_file_transport it;
    int error = dnp3_file_transport_read(object, &it);
    if (error)
        return error;
    say(text, "file_transport handle %u block %u%s", it.handle, it.block, it.last ? " last" : "");
    say_string(text, "data", it.data);
    say(text, "\n");
    return dnp3_file_transport_write(out, &it);
}

static inline int say_file_transport_status(struct text *text, struct dnp3_reader object,
                                            struct dnp3_writer *out)
{
    struct dnp3_file_transport_status it;
    int error = dnp3_file_transport_status_read(object, &it);
    if (error)
        return error;
    say(text, "file_transport_status handle %u block %u%s", it.handle, it.block,
        it.last ? " last" : "");
    say_file_status(text, it.status, it.text);
    say(text, "\n");
    return dnp3_file_transport_status_write(out, &it);
}

static inline int say_file_descriptor(struct text *text, struct dnp3_reader object,
                                      struct dnp3_writer *out)
{
    struct dnp3_file_descriptor it;
    int error = dnp3_file_descriptor_read(object, &it);
    if (error)
        return error;
    say(text, "file_descriptor");
    say_string(text, "name", it.name);
    say(text, " type %u size %u created %lld permissions %03o request %u\n", it.type, it.size,
        (long long)it.created_ms, it.permissions, it.request);
    return dnp3_file_descriptor_write(out, &it);
}

static inline int say_file_specification(struct text *text, struct dnp3_reader object,
                                         struct dnp3_writer *out)
{
    size_t length = dnp3_reader_left(&object);
    say(text, "file_specification");
    say_octets(text, object.at, length);
    say(text, "\n");
    dnp3_writer_octets(out, object.at, length);
    return 0;
}

static inline bool is_file(const struct dnp3_object_header *header)
{
    return header->group == 70 && header->sized && header->variation >= DNP3_FILE_AUTHENTICATION &&
           header->variation <= DNP3_FILE_SPECIFICATION;
}

static inline void say_files(struct text *text, struct dnp3_items *items, struct dnp3_reader *in)
{
    static int (*const says[])(struct text *, struct dnp3_reader, struct dnp3_writer *) = {
        [DNP3_FILE_AUTHENTICATION] = say_authentication,
        [DNP3_FILE_COMMAND] = say_file_command,
        [DNP3_FILE_COMMAND_STATUS] = say_file_command_status,
        [DNP3_FILE_TRANSPORT] = say_file_transport,
        [DNP3_FILE_TRANSPORT_STATUS] = say_file_transport_status,
        [DNP3_FILE_DESCRIPTOR] = say_file_descriptor,
        [DNP3_FILE_SPECIFICATION] = say_file_specification,
    };
    static uint8_t octets[1 << 16];
    struct dnp3_reader object;
    while (dnp3_items_sized(items, in, &object)) {
        struct dnp3_writer out = dnp3_writer_of(octets, sizeof octets);
        int error = says[items->header->variation](text, object, &out);
        if (error)
            say(text, "object %s\n", error == DNP3_ERR_TRUNCATED ? "TRUNCATED" : "MALFORMED");
        else
            compare_rewritten(text, &out, object.at);
    }
}

#endif
