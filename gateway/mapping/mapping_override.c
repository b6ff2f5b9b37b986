/* SPDX-License-Identifier: Apache-2.0 */
/* Merging two lists by name. An element that stands for several indexes is parted where only one of
 * them is meant. */
#include "gateway/mapping/mapping_override.h"

#include <string.h>

/* One list while it is put together. */
struct merge {
    struct gw_reader reader; /* of the mapping */
    const struct gw_mapping_overrides *overrides;
    const char *key; /* "points" */
    const char *outstation;
    const struct gw_var *vars;
    size_t var_count;
    json_t *list;
    struct gw_json_origin *origins; /* of its elements; there is room for every override */
};

static const char *text_of(const json_t *element, const char *key)
{
    return json_string_value(json_object_get(element, key));
}

/* A number of the elements, or their count: none is called so as it is written. */
static size_t find_written(const struct merge *m, const char *name)
{
    size_t i = 0;
    size_t count = json_array_size(m->list);
    while (i < count) {
        const char *known = text_of(json_array_get(m->list, i), "name");
        if (known && strcmp(known, name) == 0)
            break;
        i++;
    }
    return i;
}

/* Which of an element's indexes is called so; its count of indexes where none is. */
static size_t find_index(struct gw_expansion *x, const struct gw_json_path *name_path,
                         const char *template_text, const char *name)
{
    char text[GW_TOPIC_MAX];
    struct gw_template *template = gw_expansion_compile(x, name_path, template_text, true);
    size_t i = template ? 0 : x->count;
    for (; i < x->count; i++) {
        gw_expansion_set(x, i);
        if (!gw_expansion_text(x, template, name_path, text, sizeof text))
            i = x->count;
        else if (strcmp(text, name) == 0)
            break;
    }
    gw_template_free(template);
    return i;
}

/* Lists of an element's `vars` with the one value of `i`, or without it. */
static void narrow_vars(json_t *element, size_t i, bool only)
{
    json_t *vars = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(element, "vars"), name, value)
    {
        json_t *list = json_copy(value);
        if (only) {
            json_array_clear(list);
            json_array_append(list, json_array_get(value, i));
        } else {
            json_array_remove(list, i);
        }
        json_object_set_new(vars, name, list);
    }
    if (json_object_size(vars))
        json_object_set_new(element, "vars", vars);
    else
        json_decref(vars);
}

/* The element's copy for that one index, or for all others. */
static json_t *narrowed(const json_t *element, const struct gw_expansion *x, size_t i, bool only)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)element);
    json_t *indexes = json_array();
    for (size_t k = 0; k < x->count; k++)
        if ((k == i) == only)
            json_array_append_new(indexes, json_integer(x->indexes[k]));
    json_object_set_new(copy, "index", indexes);
    narrow_vars(copy, i, only);
    return copy;
}

/* Parts the element that stands for a point of this name and for others; false: none does. The part
 * is the last of the list then. */
static bool part(struct merge *m, const char *name)
{
    struct gw_json_path list = {.key = m->key};
    for (size_t at = 0; at < json_array_size(m->list); at++) {
        json_t *element = json_array_get(m->list, at);
        struct gw_json_path path = {.parent = &list, .index = m->origins[at].own};
        struct gw_json_path name_path = {.parent = &path, .key = "name"};
        struct gw_expansion x = {.outstation = m->outstation};
        const char *type = text_of(element, "type");
        const char *written = text_of(element, "name");
        if (m->origins[at].own == SIZE_MAX || m->origins[at].other != SIZE_MAX || !type ||
            !gw_expansion_read(&x, &m->reader, element, &path, type, m->vars, m->var_count))
            continue;
        size_t i = find_index(&x, &name_path, written ? written : "{type}/{index}", name);
        if (i == x.count)
            continue;
        size_t end = json_array_size(m->list);
        json_array_append_new(m->list, narrowed(element, &x, i, true));
        m->origins[end] = m->origins[at];
        if (x.count > 1) {
            json_array_set_new(m->list, at, narrowed(element, &x, i, false));
        } else { /* nothing is left of it */
            json_array_remove(m->list, at);
            memmove(m->origins + at, m->origins + at + 1, (end - at) * sizeof *m->origins);
        }
        return true;
    }
    return false;
}

static void override(struct merge *m, const json_t *element, size_t number)
{
    struct gw_reader reader = {.file = m->overrides->file, .arena = m->reader.arena};
    struct gw_json_path list = {.parent = m->overrides->path, .key = m->key};
    struct gw_json_path path = {.parent = &list, .index = number};
    const char *name = text_of(element, "name");
    if (!gw_keys_object(&reader, element, &path))
        return;
    if (!name) {
        gw_json_error(reader.file, &path,
                      "\"name\" is missing: which one of the mapping's it changes, or a new one");
        return;
    }
    size_t at = find_written(m, name);
    if (at == json_array_size(m->list) && part(m, name))
        at = json_array_size(m->list) - 1;
    if (at == json_array_size(m->list)) {
        json_array_append(m->list, (json_t *)(uintptr_t)element);
        m->origins[at] = (struct gw_json_origin){SIZE_MAX, number};
        return;
    }
    json_t *merged = json_copy(json_array_get(m->list, at));
    json_object_update(merged, (json_t *)(uintptr_t)element);
    json_array_set_new(m->list, at, merged);
    m->origins[at].other = number;
}

/* Puts the list of `m->key` into `root`. */
static bool merge(struct merge *m, json_t *root, const json_t *list)
{
    struct gw_reader reader = {.file = m->overrides->file, .arena = m->reader.arena};
    struct gw_json_path path = {.parent = m->overrides->path, .key = m->key};
    const json_t *own = json_object_get(root, m->key);
    if (!list || (own && !json_is_array(own)) || !gw_keys_list(&reader, list, &path))
        return true;
    m->list = own ? json_copy((json_t *)(uintptr_t)own) : json_array();
    size_t count = json_array_size(own);
    m->origins = gw_arena_array(reader.arena, count + json_array_size(list), sizeof *m->origins);
    if (!m->list || !m->origins)
        return false;
    for (size_t i = 0; i < count; i++)
        m->origins[i] = (struct gw_json_origin){i, SIZE_MAX};
    for (size_t i = 0; i < json_array_size(list); i++)
        override(m, json_array_get(list, i), i);
    return json_object_set_new(root, m->key, m->list) == 0;
}

const struct gw_mapping *gw_mapping_compile_over(const struct gw_json_file *file,
                                                 const struct gw_mapping_overrides *overrides,
                                                 const char *outstation, const struct gw_var *vars,
                                                 size_t var_count, struct gw_arena *arena)
{
    struct gw_arena scratch = {.owner = GW_OWNER_CONFIG};
    const json_t *const lists[] = {overrides->points, overrides->controls};
    struct gw_json_overlay overlay = {.file = overrides->file,
                                      .path = overrides->path,
                                      .lists = {{.key = "points"}, {.key = "controls"}}};
    struct gw_json_file merged = *file;
    size_t before = file->errors->errors;
    bool good = (merged.root = json_copy(file->root)) != NULL;
    for (size_t i = 0; good && i < 2; i++) {
        struct merge m = {.reader = {.file = file, .arena = &scratch},
                          .overrides = overrides,
                          .key = overlay.lists[i].key,
                          .outstation = outstation,
                          .vars = vars,
                          .var_count = var_count};
        good = merge(&m, merged.root, lists[i]);
        overlay.lists[i].origins = m.origins;
        overlay.lists[i].count = m.origins ? json_array_size(m.list) : 0;
    }
    merged.overlay = &overlay;
    const struct gw_mapping *mapping =
        good && file->errors->errors == before
            ? gw_mapping_compile(&merged, outstation, vars, var_count, arena)
            : NULL;
    json_decref(merged.root);
    gw_arena_free(&scratch);
    return mapping;
}
