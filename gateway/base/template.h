/* SPDX-License-Identifier: Apache-2.0 */
/* Text with placeholders: `{prefix}/{outstation}/point/{point}[/{site}]`. What stands in brackets
 * vanishes when a placeholder inside is empty. Compiled once, expanded without allocation. */
#ifndef GW_TEMPLATE_H
#define GW_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/memory.h"

enum {
    GW_TOPIC_MAX = 1024,    /* octets of a topic with its NUL; MQTT allows 65,535, brokers less */
    GW_TEMPLATE_PARTS = 64, /* literals, placeholders and brackets of one template */
};

/* A variable, which stands for its placeholder. */
struct gw_var {
    const char *name, *value;
};

struct gw_template;

/* What is wrong with a template, and where in it. */
struct gw_template_error {
    size_t offset; /* octets into the text */
    char message[240];
};

/* Compiles `text`. `names` are the placeholders that may stand in it; each is from then on known by
 * its position there. With `brackets` false, `[` and `]` are ordinary characters. Returns NULL with
 * `error` filled when a placeholder is unknown or a brace is not closed, or when there is no
 * memory.
 */
struct gw_template *gw_template_compile(enum gw_owner owner, const char *text,
                                        const char *const *names, size_t name_count, bool brackets,
                                        struct gw_template_error *error);
/* NULL is legal. */
void gw_template_free(struct gw_template *template);

/* Whether placeholder number `name` stands in it, and whether outside of brackets. */
bool gw_template_uses(const struct gw_template *template, size_t name);
bool gw_template_requires(const struct gw_template *template, size_t name);

/* Writes the text with its NUL into `buffer`; `values[i]` is what `names[i]` stands for, NULL or ""
 * is empty. Returns its length, or DNP3_ERR_FULL. Allocates nothing. */
int gw_template_expand(const struct gw_template *template, const char *const *values, char *buffer,
                       size_t size);

/* NULL when `topic` may be published to; else what is wrong: an empty level, `+` or `#`, a leading
 * `$`, a control character, too long. */
const char *gw_topic_problem(const char *topic);
/* NULL when `name` is levels of [A-Za-z0-9][A-Za-z0-9_-]* joined by `/` (one level only where
 * `levels` is false); else what is wrong. */
const char *gw_name_problem(const char *name, bool levels);

#endif
