/* SPDX-License-Identifier: Apache-2.0 */
/* A template is a list of parts: literal text, a placeholder by number, a bracket's two ends.
 * Expanding walks the list once; a bracket with an empty placeholder inside is taken back. */
#include "gateway/base/template.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dnp3/error.h"

enum part_kind { PART_LITERAL, PART_NAME, PART_OPEN, PART_CLOSE };

struct part {
    enum part_kind kind;
    bool in_bracket;
    uint16_t number; /* PART_NAME: position in the names */
    uint16_t length; /* PART_LITERAL */
    uint16_t start;  /* PART_LITERAL: offset in `text` */
};

struct gw_template {
    size_t count;
    char *text; /* behind the parts, in the same block */
    struct part parts[];
};

struct compiler {
    const char *text;
    const char *const *names;
    size_t name_count;
    struct gw_template_error *error;
    struct part parts[GW_TEMPLATE_PARTS];
    size_t count;
    size_t open; /* offset of the open bracket + 1, 0 = none */
    bool open_has_name;
};

__attribute__((format(printf, 3, 4))) static bool fail(struct compiler *c, size_t offset,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->error->message, sizeof c->error->message, format, arguments);
    va_end(arguments);
    c->error->offset = offset;
    return false;
}

static bool add(struct compiler *c, struct part part, size_t offset)
{
    if (c->count == GW_TEMPLATE_PARTS)
        return fail(c, offset, "too many placeholders");
    part.in_bracket = c->open != 0;
    c->parts[c->count++] = part;
    return true;
}

static bool unknown(struct compiler *c, size_t offset, const char *name, size_t length)
{
    char known[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < c->name_count && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s{%s}", i ? ", " : "",
                                 c->names[i]);
    if (used >= sizeof known)
        memcpy(known + sizeof known - 4, "...", 4);
    return fail(c, offset, "unknown placeholder {%.*s}; there is %s",
                (int)(length < 40 ? length : 40), name, c->name_count ? known : "none here");
}

/* The placeholder that opens at `at`; returns the offset behind it, 0 on error. */
static size_t add_name(struct compiler *c, size_t at)
{
    const char *name = c->text + at + 1;
    size_t length = strcspn(name, "{}[]/");
    if (name[length] != '}') {
        fail(c, at, "this { has no }");
        return 0;
    }
    for (size_t i = 0; i < c->name_count; i++) {
        if (strlen(c->names[i]) == length && memcmp(c->names[i], name, length) == 0) {
            c->open_has_name = true;
            struct part part = {.kind = PART_NAME, .number = (uint16_t)i};
            return add(c, part, at) ? at + length + 2 : 0;
        }
    }
    unknown(c, at, name, length);
    return 0;
}

static bool add_bracket(struct compiler *c, size_t at)
{
    if (c->text[at] == '[') {
        if (c->open)
            return fail(c, at, "brackets do not nest");
        c->open = at + 1;
        c->open_has_name = false;
        return add(c, (struct part){.kind = PART_OPEN}, at);
    }
    if (!c->open)
        return fail(c, at, "this ] has no [");
    if (!c->open_has_name)
        return fail(c, c->open - 1, "no placeholder in these brackets could be empty");
    bool added = add(c, (struct part){.kind = PART_CLOSE}, at);
    c->open = 0;
    return added;
}

static bool compile(struct compiler *c, bool brackets)
{
    const char *special = brackets ? "{}[]" : "{}";
    size_t length = strlen(c->text);
    if (length >= GW_TOPIC_MAX)
        return fail(c, 0, "longer than %d characters", GW_TOPIC_MAX - 1);
    for (size_t at = 0; at < length;) {
        size_t literal = strcspn(c->text + at, special);
        if (literal) {
            struct part part = {
                .kind = PART_LITERAL, .start = (uint16_t)at, .length = (uint16_t)literal};
            if (!add(c, part, at))
                return false;
            at += literal;
        } else if (c->text[at] == '{') {
            at = add_name(c, at);
            if (!at)
                return false;
        } else if (c->text[at] == '}') {
            return fail(c, at, "this } has no {");
        } else {
            if (!add_bracket(c, at))
                return false;
            at++;
        }
    }
    return !c->open || fail(c, c->open - 1, "this [ has no ]");
}

struct gw_template *gw_template_compile(enum gw_owner owner, const char *text,
                                        const char *const *names, size_t name_count, bool brackets,
                                        struct gw_template_error *error)
{
    struct compiler c = {.text = text, .names = names, .name_count = name_count, .error = error};
    if (!compile(&c, brackets))
        return NULL;
    size_t parts = c.count * sizeof(struct part);
    size_t size = strlen(text) + 1;
    struct gw_template *template = gw_memory_allocate(owner, sizeof *template + parts + size);
    if (!template) {
        fail(&c, 0, "out of memory");
        return NULL;
    }
    template->count = c.count;
    template->text = (char *)(template->parts + c.count);
    memcpy(template->parts, c.parts, parts);
    memcpy(template->text, text, size);
    return template;
}

void gw_template_free(struct gw_template *template)
{
    gw_memory_release(template);
}

bool gw_template_uses(const struct gw_template *template, size_t name)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->parts[i].kind == PART_NAME && template->parts[i].number == name)
            return true;
    return false;
}

bool gw_template_requires(const struct gw_template *template, size_t name)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct part *part = template->parts + i;
        if (part->kind == PART_NAME && part->number == name && !part->in_bracket)
            return true;
    }
    return false;
}

int gw_template_expand(const struct gw_template *template, const char *const *values, char *buffer,
                       size_t size)
{
    size_t used = 0;
    size_t open = 0;
    bool vanishes = false;
    for (size_t i = 0; i < template->count; i++) {
        const struct part *part = template->parts + i;
        const char *text = "";
        size_t length = 0;
        switch (part->kind) {
        case PART_OPEN:
            open = used;
            vanishes = false;
            break;
        case PART_CLOSE:
            if (vanishes)
                used = open;
            break;
        case PART_LITERAL:
            text = template->text + part->start;
            length = part->length;
            break;
        case PART_NAME:
            text = values[part->number] ? values[part->number] : "";
            length = strlen(text);
            vanishes = vanishes || length == 0;
            break;
        }
        if (used >= size || length >= size - used)
            return DNP3_ERR_FULL;
        memcpy(buffer + used, text, length);
        used += length;
    }
    if (used >= size)
        return DNP3_ERR_FULL;
    buffer[used] = '\0';
    return (int)used;
}

const char *gw_topic_problem(const char *topic)
{
    if (!*topic)
        return "an empty topic";
    if (*topic == '$')
        return "topics that begin with $ are the broker's own";
    if (strlen(topic) >= GW_TOPIC_MAX)
        return "a topic longer than 1023 octets";
    for (const char *at = topic; *at; at++) {
        if (*at == '+' || *at == '#')
            return "+ and # are for subscribers and cannot stand in a topic";
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return "a control character cannot stand in a topic";
        if (*at == '/' && (at == topic || at[1] == '/' || at[1] == '\0'))
            return "an empty level in the topic";
    }
    return NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

const char *gw_name_problem(const char *name, bool levels)
{
    bool first = true;
    for (const char *at = name; *at; at++) {
        if (*at == '/' && levels && !first && at[1]) {
            first = true;
            continue;
        }
        if (*at == '/')
            return levels ? "an empty level in the name"
                          : "a name is one topic level: no / stands in it";
        if (!is_alphanumeric(*at) && (first || (*at != '-' && *at != '_')))
            return first ? "a name begins with a letter or digit"
                         : "a name has letters, digits, - and _ only; free text goes into label";
        first = false;
    }
    if (!*name)
        return "an empty name";
    return strlen(name) < 256 ? NULL : "a name longer than 255 characters";
}
