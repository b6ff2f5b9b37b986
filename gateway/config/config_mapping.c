/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping files are read once and compiled once for each set of the variables that they use, so
 * that a thousand outstations of a kind share one mapping. */
#include <stdio.h>
#include <string.h>

#include "gateway/config/config_loader.h"
#include "gateway/mapping/mapping_override.h"

static struct gw_mapping_file *add_file(struct gw_loader *loader)
{
    struct gw_mapping_file **grown = gw_memory_resize(
        GW_OWNER_CONFIG, loader->mapping_files, (loader->mapping_file_count + 1) * sizeof(void *));
    if (!grown)
        return NULL;
    loader->mapping_files = grown;
    struct gw_mapping_file *file = gw_memory_allocate(GW_OWNER_CONFIG, sizeof *file);
    if (file)
        grown[loader->mapping_file_count++] = file;
    return file;
}

/* The file that an outstation names, read at its first mention. */
static struct gw_mapping_file *open_file(struct gw_loader *loader, const struct gw_source *source,
                                         const struct gw_json_path *path, const char *name)
{
    char *full = gw_json_file_sibling(source->file, name);
    if (!full)
        return NULL;
    const json_t *known = json_object_get(loader->mapping_paths, full);
    struct gw_mapping_file *file = NULL;
    if (known) {
        file = loader->mapping_files[json_integer_value(known)];
    } else if ((file = add_file(loader))) {
        json_object_set_new(loader->mapping_paths, full,
                            json_integer((json_int_t)loader->mapping_file_count - 1));
        file->uses = json_object();
        file->failed = !gw_loader_open(loader, &file->json, name, source->file, path);
        struct gw_json_path vars = {.key = "vars"};
        struct gw_reader reader = gw_loader_reader(loader, &file->json);
        if (!file->failed)
            gw_vars_read(&reader, json_object_get(file->json.root, "vars"), &vars, &file->vars,
                         &file->var_count);
    }
    gw_memory_release(full);
    return file;
}

/* Whether `{name}` stands anywhere in the file. */
static bool uses(struct gw_mapping_file *file, const char *name)
{
    const json_t *known = json_object_get(file->uses, name);
    if (known)
        return json_is_true(known);
    char text[300];
    snprintf(text, sizeof text, "{%s}", name);
    bool found = memmem(file->json.text, file->json.length, text, strlen(text)) != NULL;
    json_object_set_new(file->uses, name, json_boolean(found));
    return found;
}

/* What makes an instance: its file and the variables it uses. NULL: no memory. */
static char *instance_key(struct gw_mapping_file *file,
                          const struct gw_outstation_config *outstation)
{
    size_t size = strlen(file->json.path) + 1;
    for (size_t i = 0; i < outstation->var_count; i++)
        size += strlen(outstation->vars[i].name) + strlen(outstation->vars[i].value) + 2;
    char *key = gw_memory_allocate(GW_OWNER_CONFIG, size);
    if (!key)
        return NULL;
    size_t used = (size_t)snprintf(key, size, "%s", file->json.path);
    for (size_t i = 0; i < outstation->var_count; i++)
        if (uses(file, outstation->vars[i].name))
            used += (size_t)snprintf(key + used, size - used, "\n%s=%s", outstation->vars[i].name,
                                     outstation->vars[i].value);
    return key;
}

static const struct gw_mapping *add_mapping(struct gw_loader *loader,
                                            const struct gw_mapping *mapping)
{
    const struct gw_mapping **grown = gw_memory_resize(
        GW_OWNER_CONFIG, loader->all_mappings, (loader->all_mapping_count + 1) * sizeof(void *));
    if (!grown)
        return NULL;
    loader->all_mappings = grown;
    grown[loader->all_mapping_count++] = mapping;
    return mapping;
}

static const struct gw_mapping *instance(struct gw_loader *loader, struct gw_mapping_file *file,
                                         const struct gw_outstation_config *outstation)
{
    char *key = instance_key(file, outstation);
    const json_t *known = key ? json_object_get(loader->mapping_cache, key) : NULL;
    const struct gw_mapping *mapping = NULL;
    if (known) {
        mapping = loader->all_mappings[json_integer_value(known)];
    } else if (key) {
        size_t before = loader->errors->errors;
        mapping = gw_mapping_compile(&file->json, outstation->name, outstation->vars,
                                     outstation->var_count, loader->mapping_arena);
        file->failed = loader->errors->errors != before;
        if (mapping && (mapping = add_mapping(loader, mapping)))
            json_object_set_new(loader->mapping_cache, key,
                                json_integer((json_int_t)loader->all_mapping_count - 1));
    }
    gw_memory_release(key);
    return mapping;
}

/* Variables of the mapping that the outstation does not set stand behind its own. */
static bool add_vars(struct gw_loader *loader, const struct gw_mapping_file *file,
                     struct gw_outstation_config *outstation)
{
    const struct gw_var *own = outstation->vars;
    size_t own_count = outstation->var_count;
    struct gw_var *vars = gw_arena_array(loader->arena, own_count + file->var_count, sizeof *vars);
    size_t count = 0;
    if (!vars)
        return false;
    for (; count < own_count; count++)
        vars[count] = own[count];
    for (size_t i = 0; i < file->var_count; i++) {
        size_t j = 0;
        while (j < own_count && strcmp(own[j].name, file->vars[i].name) != 0)
            j++;
        if (j == own_count)
            vars[count++] = file->vars[i];
    }
    outstation->vars = vars;
    outstation->var_count = count;
    return true;
}

/* Its own points and controls, NULL where it has none; false: an error was added. */
static bool find_overrides(const struct gw_source *source, const struct gw_json_path *element,
                           const char *mapping, struct gw_mapping_overrides *overrides)
{
    static const char *const keys[] = {"points", "controls"};
    const json_t *lists[2];
    for (size_t i = 0; i < 2; i++) {
        struct gw_json_path step = {.parent = element, .key = keys[i]};
        lists[i] = json_object_get(source->object, keys[i]);
        if (i && !json_is_array(lists[i])) /* false: there are none; else it was told */
            lists[i] = NULL;
        if (lists[i] && !mapping) {
            gw_json_error_key(source->file, &step,
                              "they change a mapping, and this outstation has none");
            return false;
        }
    }
    *overrides = (struct gw_mapping_overrides){
        .file = source->file, .path = element, .points = lists[0], .controls = lists[1]};
    return true;
}

/* With overrides it is this outstation's alone. */
static const struct gw_mapping *own_instance(struct gw_loader *loader,
                                             const struct gw_mapping_file *file,
                                             const struct gw_mapping_overrides *overrides,
                                             const struct gw_outstation_config *outstation)
{
    const struct gw_mapping *mapping =
        gw_mapping_compile_over(&file->json, overrides, outstation->name, outstation->vars,
                                outstation->var_count, loader->mapping_arena);
    return mapping ? add_mapping(loader, mapping) : NULL;
}

bool gw_loader_mapping(struct gw_loader *loader, const struct gw_source *source, const char *name,
                       struct gw_outstation_config *outstation)
{
    struct gw_source_path path;
    struct gw_json_path step = {.parent = gw_source_path(source, &path), .key = "mapping"};
    struct gw_mapping_overrides overrides;
    outstation->mapping = gw_mapping_none();
    if (!find_overrides(source, step.parent, name, &overrides))
        return false;
    if (!name)
        return true;
    if (!loader->mapping_paths)
        loader->mapping_paths = json_object();
    if (!loader->mapping_cache)
        loader->mapping_cache = json_object();
    struct gw_mapping_file *file = open_file(loader, source, &step, name);
    if (!file || file->failed || !add_vars(loader, file, outstation))
        return false;
    bool own = overrides.points || overrides.controls;
    const struct gw_mapping *mapping = own ? own_instance(loader, file, &overrides, outstation)
                                           : instance(loader, file, outstation);
    if (mapping)
        outstation->mapping = mapping;
    return mapping != NULL;
}

void gw_loader_free_mappings(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->mapping_file_count; i++) {
        json_decref(loader->mapping_files[i]->uses);
        gw_json_file_free(&loader->mapping_files[i]->json);
        gw_memory_release(loader->mapping_files[i]);
    }
    gw_memory_release(loader->mapping_files);
    json_decref(loader->mapping_paths);
    json_decref(loader->mapping_cache);
}
