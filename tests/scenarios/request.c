/* SPDX-License-Identifier: Apache-2.0 */
/* The script's words for the host's requests: a function, then headers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnp3/error.h"
#include "tests/scenarios/script.h"

static uint8_t function_of(struct run *run, const char *name)
{
    for (unsigned function = 0; function < 128; function++) {
        const char *known = dnp3_function_name((uint8_t)function);
        if (known && script_is(known, name))
            return (uint8_t)function;
    }
    script_fail(run, "no such function", name);
    return 0;
}

/* INDEX=VALUE, a point of the last header */
static bool read_point(struct ask *ask, const char *word)
{
    unsigned index;
    double value;
    if (sscanf(word, "%u=%lf", &index, &value) != 2 || !ask->header_count)
        return false;
    struct dnp3_request_header *header = &ask->headers[ask->header_count - 1];
    if (ask->point_count == ASK_POINTS_MAX)
        return false;
    struct dnp3_point *point = &ask->points[ask->point_count++];
    *point = (struct dnp3_point){
        .index = index, .number = value, .flags = DNP3_FLAG_ONLINE, .time_ms = (int64_t)value};
    if (!header->points)
        header->points = point;
    header->count++;
    return true;
}

/* unsigned=5, float=1.5, time=0, text=HQ: the attribute that the last header writes, in set 0 or in
 * the one of the header's range. */
static bool read_attribute(struct ask *ask, const char *word)
{
    struct dnp3_attribute *attribute = &ask->attribute;
    double value;
    if (!ask->header_count)
        return false;
    if (sscanf(word, "text=%255s", ask->text) == 1) {
        attribute->type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING;
        attribute->octets = (const uint8_t *)ask->text;
        attribute->length = (uint16_t)strlen(ask->text);
    } else if (sscanf(word, "unsigned=%lf", &value) == 1) {
        attribute->type = DNP3_ATTRIBUTE_TYPE_UNSIGNED;
        attribute->natural = (uint64_t)value;
    } else if (sscanf(word, "float=%lf", &value) == 1) {
        attribute->type = DNP3_ATTRIBUTE_TYPE_FLOAT;
        attribute->real = value;
    } else if (sscanf(word, "time=%lf", &value) == 1) {
        attribute->type = DNP3_ATTRIBUTE_TYPE_TIME;
        attribute->time_ms = (int64_t)value;
    } else {
        return false;
    }
    struct dnp3_request_header *header = &ask->headers[ask->header_count - 1];
    attribute->set = header->start;
    header->attribute = attribute;
    return true;
}

/* gVARIATION, then START..STOP or xLIMIT for the same header */
static bool read_header(struct ask *ask, const char *word)
{
    unsigned first, second;
    if (sscanf(word, "%uv%u", &first, &second) == 2 && ask->header_count < ASK_HEADERS_MAX) {
        ask->headers[ask->header_count++] =
            (struct dnp3_request_header){.group = (uint8_t)first, .variation = (uint8_t)second};
        return true;
    }
    if (!ask->header_count)
        return false;
    struct dnp3_request_header *header = &ask->headers[ask->header_count - 1];
    if (sscanf(word, "%u..%u", &first, &second) == 2) {
        header->ranged = true;
        header->start = first;
        header->stop = second;
        return true;
    }
    if (sscanf(word, "x%u", &first) == 1) {
        header->count = first;
        return true;
    }
    return read_attribute(ask, word) || read_point(ask, word);
}

const char *script_error_word(int error)
{
    return error == 0                  ? "ok"
           : error == DNP3_ERR_OFFLINE ? "offline"
           : error == DNP3_ERR_FULL    ? "full"
                                       : "invalid";
}

static const char *read_request(struct run *run, struct ask *ask, char *text)
{
    const char *wanted = "ok";
    struct dnp3_request *request = &ask->request;
    request->function = function_of(run, script_word(&text));
    while (*text && !run->failed) {
        const char *word = script_word(&text);
        if (script_is(word, "attempts"))
            request->attempts = (uint8_t)script_number(run, script_word(&text));
        else if (script_is(word, "expires"))
            request->expires_ms = run->world.now + (uint64_t)script_number(run, script_word(&text));
        else if (script_is(word, "at"))
            request->freeze_at_ms = (int64_t)script_number(run, script_word(&text));
        else if (script_is(word, "every"))
            request->freeze_every_ms = (uint32_t)script_number(run, script_word(&text));
        else if (script_is(word, "="))
            wanted = script_word(&text);
        else if (!read_header(ask, word))
            script_fail(run, "no such header", word);
    }
    request->headers = ask->headers;
    request->count = ask->header_count;
    return wanted;
}

static const char *read_broadcast(struct run *run, struct ask *ask, char *text)
{
    const char *wanted = "ok";
    struct dnp3_broadcast *broadcast = &ask->broadcast;
    broadcast->source = ask->side->config.master_address;
    broadcast->destination = (uint16_t)strtoul(script_word(&text), NULL, 16);
    broadcast->function = function_of(run, script_word(&text));
    while (*text && !run->failed) {
        const char *word = script_word(&text);
        if (script_is(word, "expires"))
            broadcast->expires_ms =
                run->world.now + (uint64_t)script_number(run, script_word(&text));
        else if (script_is(word, "latch_on")) {
            ask->command = (struct dnp3_command){
                .index = (uint32_t)script_number(run, script_word(&text)),
                .code = dnp3_crob_code(DNP3_OPERATION_LATCH_ON, DNP3_TRIP_CLOSE_NONE),
                .count = 1};
            broadcast->commands = &ask->command;
            broadcast->command_count = 1;
        } else if (script_is(word, "="))
            wanted = script_word(&text);
        else if (!read_header(ask, word))
            script_fail(run, "no such header", word);
    }
    broadcast->headers = ask->headers;
    broadcast->count = ask->header_count;
    return wanted;
}

void script_broadcast(struct run *run, char *text)
{
    struct ask *ask = world_ask(&run->world, &run->world.sides[0]);
    if (!ask) {
        script_fail(run, "too many requests under way", "");
        return;
    }
    const char *wanted = read_broadcast(run, ask, text);
    int error = dnp3_master_broadcast(run->world.master, &ask->broadcast);
    if (error)
        ask->busy = false;
    if (!script_is(script_error_word(error), wanted))
        script_fail(run, "broadcast() said", script_error_word(error));
    world_pump(&run->world);
}

void script_assign_class(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    while (*text && !run->failed) {
        const char *word = script_word(&text);
        if (!read_header(&side->assign_class, word))
            script_fail(run, "no such header", word);
    }
}

void script_request(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    struct ask *ask = world_ask(&run->world, side);
    if (!ask) {
        script_fail(run, "too many requests under way", "");
        return;
    }
    const char *wanted = read_request(run, ask, text);
    int error = dnp3_association_request(side->association, &ask->request);
    if (error)
        ask->busy = false;
    if (!script_is(script_error_word(error), wanted))
        script_fail(run, "request() said", script_error_word(error));
    world_pump(&run->world);
}
