/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenarios/script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void script_fail(struct run *run, const char *what, const char *detail)
{
    if (!run->failed)
        fprintf(stderr, "%s:%d: %s%s%s%s\n", run->file, run->line, what, *detail ? ": " : "",
                detail, run->chunk ? " (fed octet by octet)" : "");
    run->failed = true;
}

char *script_word(char **text)
{
    char *start = *text + strspn(*text, " \t");
    char *end = start + strcspn(start, " \t");
    if (*end)
        *end++ = 0;
    *text = end + strspn(end, " \t");
    return start;
}

bool script_is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

double script_number(struct run *run, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end)
        script_fail(run, "a number was expected", text);
    return value;
}

size_t script_hex(struct run *run, const char *text, uint8_t *octets)
{
    size_t length = 0;
    size_t group = 0;
    while (*text && length < OCTETS_MAX) {
        unsigned value;
        if (*text == ' ') {
            text++;
        } else if (*text == '(') {
            group = length;
            text++;
        } else if (*text == ')' && text[1] == '*') {
            size_t size = length - group;
            unsigned long times = strtoul(text + 2, (char **)(uintptr_t)&text, 10);
            for (; times > 1 && length + size <= OCTETS_MAX; times--, length += size)
                memcpy(octets + length, octets + group, size);
        } else if (isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]) &&
                   sscanf(text, "%2x", &value) == 1) {
            octets[length++] = (uint8_t)value;
            text += 2;
        } else {
            script_fail(run, "hex octets were expected", text);
            return 0;
        }
    }
    return length;
}

struct side *script_side_of(struct run *run, char **text)
{
    if (**text != '@')
        return &run->world.sides[0];
    unsigned address = (unsigned)script_number(run, script_word(text) + 1);
    struct side *side = world_side(&run->world, address);
    if (!side)
        script_fail(run, "no such outstation", "");
    return side ? side : &run->world.sides[0];
}

void script_nothing_left(struct run *run)
{
    for (struct record *record = run->world.records; record; record = record->next) {
        if ((record->kind == RECORD_POINTS && run->muted[0]) ||
            (record->kind == RECORD_PROBLEM && run->muted[1]))
            continue;
        char detail[400];
        snprintf(detail, sizeof detail, "%s %.300s (of %u)", record_kind_text(record->kind),
                 record->text, record->address);
        script_fail(run, "not expected", detail);
    }
}

void script_forget_records(struct run *run)
{
    while (run->world.records) {
        struct record *record = run->world.records;
        run->world.records = record->next;
        record_free(record);
    }
    run->world.tail = &run->world.records;
}

void script_expect(struct run *run, enum record_kind kind, struct side *side, const char *text)
{
    struct record *record = world_steal(&run->world, kind, side->address);
    char detail[600];
    if (record && strcasecmp(record->text, text) == 0) {
        record_free(record);
        return;
    }
    for (const struct record *other = run->world.records; other; other = other->next)
        if (other->kind == RECORD_BROKEN)
            script_fail(run, "broken rule", other->text);
    snprintf(detail, sizeof detail, "%s \"%.250s\", came \"%.250s\"", record_kind_text(kind), text,
             record ? record->text : "nothing");
    script_fail(run, "expected", detail);
    record_free(record);
}
