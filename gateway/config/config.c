/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a configuration: read every file, build every part, report all that is wrong, and hand
 * over only what is right as a whole. */
#include "gateway/config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dnp3/error.h"
#include "gateway/base/hash.h"
#include "gateway/config/config_loader.h"
#include "gateway/config/topic.h"

/* A configuration with what it is built of; `config` is what the others see. */
struct whole {
    struct gw_config config;
    struct gw_arena arena, mapping_arena;
    uint32_t *buckets; /* outstation's number + 1 by the hash of its name, 0 = free */
    size_t bucket_count;
};

/* Names */

static bool index_outstations(struct whole *whole)
{
    size_t count = 16;
    while (count < whole->config.outstation_count * 2)
        count *= 2;
    whole->buckets = gw_arena_array(&whole->arena, count, sizeof *whole->buckets);
    if (!whole->buckets)
        return false;
    whole->bucket_count = count;
    for (size_t i = 0; i < whole->config.outstation_count; i++) {
        const char *name = whole->config.outstations[i].name;
        size_t at = gw_hash_text(name) & (count - 1);
        while (whole->buckets[at])
            at = (at + 1) & (count - 1);
        whole->buckets[at] = (uint32_t)i + 1;
    }
    return true;
}

const struct gw_outstation_config *gw_config_outstation(const struct gw_config *config,
                                                        const char *name, size_t length)
{
    const struct whole *whole = (const struct whole *)config;
    size_t mask = whole->bucket_count - 1;
    if (whole->bucket_count == 0)
        return NULL;
    for (size_t at = gw_hash(GW_HASH_START, name, length) & mask; whole->buckets[at];
         at = (at + 1) & mask) {
        const struct gw_outstation_config *outstation =
            config->outstations + whole->buckets[at] - 1;
        if (strlen(outstation->name) == length && memcmp(outstation->name, name, length) == 0)
            return outstation;
    }
    return NULL;
}

/* Files */

struct gw_reader gw_loader_reader(struct gw_loader *loader, const struct gw_json_file *file)
{
    return (struct gw_reader){.file = file, .arena = loader->arena};
}

const struct gw_json_path *gw_source_path(const struct gw_source *source,
                                          struct gw_source_path *path)
{
    path->list = (struct gw_json_path){.key = source->list};
    path->element =
        (struct gw_json_path){.parent = &path->list, .key = source->key, .index = source->index};
    return &path->element;
}

static const struct gw_config_text *find_text(const struct gw_loader *loader, const char *path)
{
    for (size_t i = 0; i < loader->text_count; i++)
        if (strcmp(loader->texts[i].path, path) == 0)
            return loader->texts + i;
    return NULL;
}

/* Why a file is not to be had, or NULL. */
static const char *missing(const struct gw_loader *loader, const char *path)
{
    if (loader->texts)
        return find_text(loader, path) ? NULL : strerror(ENOENT);
    return access(path, R_OK) == 0 ? NULL : strerror(errno);
}

static bool read_file(struct gw_loader *loader, struct gw_json_file *file, const char *path)
{
    const struct gw_config_text *text = loader->texts ? find_text(loader, path) : NULL;
    bool done = text ? gw_json_file_parse(file, path, text->text, text->length, loader->errors)
                     : gw_json_file_read(file, path, loader->errors);
    if (file->text)
        loader->hash = gw_hash(loader->hash, file->text, file->length);
    return done;
}

bool gw_loader_open(struct gw_loader *loader, struct gw_json_file *file, const char *name,
                    const struct gw_json_file *from, const struct gw_json_path *path)
{
    char *full = gw_json_file_sibling(from, name);
    if (!full)
        return false;
    const char *reason = missing(loader, full);
    if (reason)
        gw_json_error(from, path, "cannot read %s: %s", full, reason);
    bool done = !reason && read_file(loader, file, full);
    gw_memory_release(full);
    return done;
}

static bool add_source(struct gw_sources *sources, struct gw_source source)
{
    if (sources->count == sources->room) {
        size_t room = sources->room ? sources->room * 2 : 32;
        struct gw_source *grown =
            gw_memory_resize(GW_OWNER_CONFIG, sources->items, room * sizeof *grown);
        if (!grown)
            return false;
        sources->items = grown;
        sources->room = room;
    }
    sources->items[sources->count++] = source;
    return true;
}

static void collect_list(struct gw_loader *loader, const struct gw_json_file *file,
                         const char *name, struct gw_sources *sources)
{
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_json_path path = {.key = name};
    const json_t *list = json_object_get(file->root, name);
    if (json_is_string(list)) {
        gw_json_error(file, &path, "a CSV file is not built yet in this version");
        return;
    }
    if (!list || !gw_keys_list(&reader, list, &path))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gw_json_path step = {.parent = &path, .index = i};
        struct gw_source source = {
            .file = file, .object = json_array_get(list, i), .list = name, .index = i};
        if (gw_keys_object(&reader, source.object, &step) && !add_source(sources, source))
            loader->arena->failed = true;
    }
}

static void collect_profiles(struct gw_loader *loader, const struct gw_json_file *file)
{
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_json_path path = {.key = "profiles"};
    json_t *profiles = json_object_get(file->root, "profiles");
    if (!profiles || !gw_keys_object(&reader, profiles, &path))
        return;
    const char *name = NULL;
    json_t *object = NULL;
    json_object_foreach(profiles, name, object)
    {
        struct gw_json_path step = {.parent = &path, .key = name};
        struct gw_source source = {.file = file, .object = object, .list = "profiles", .key = name};
        if (gw_keys_object(&reader, object, &step) && !add_source(&loader->profile_sources, source))
            loader->arena->failed = true;
    }
}

static void collect(struct gw_loader *loader, const struct gw_json_file *file)
{
    collect_profiles(loader, file);
    collect_list(loader, file, "channels", &loader->channel_sources);
    collect_list(loader, file, "outstations", &loader->outstation_sources);
}

static struct gw_json_file *add_file(struct gw_loader *loader)
{
    struct gw_json_file **grown =
        gw_memory_resize(GW_OWNER_CONFIG, loader->files, (loader->file_count + 1) * sizeof(void *));
    if (!grown)
        return NULL;
    loader->files = grown;
    struct gw_json_file *file = gw_memory_allocate(GW_OWNER_CONFIG, sizeof *file);
    if (file)
        loader->files[loader->file_count++] = file;
    return file;
}

static void include(struct gw_loader *loader, const struct gw_json_file *main_file)
{
    static const struct gw_keys *const tables[] = {&gw_include_keys};
    struct gw_reader reader = gw_loader_reader(loader, main_file);
    struct gw_json_path path = {.key = "include"};
    const json_t *list = json_object_get(main_file->root, "include");
    if (!list || !gw_keys_list(&reader, list, &path))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gw_json_path step = {.parent = &path, .index = i};
        const char *name = json_string_value(json_array_get(list, i));
        struct gw_json_file *file = name ? add_file(loader) : NULL;
        if (!name)
            gw_keys_expected(&reader, &step, "a path in double quotes");
        if (!file || !gw_loader_open(loader, file, name, main_file, &step))
            continue;
        struct gw_reader inner = gw_loader_reader(loader, file);
        gw_keys_check(&inner, tables, 1, file->root, NULL);
        collect(loader, file);
    }
}

/* The whole */

static void load_top(struct gw_loader *loader, const struct gw_json_file *file)
{
    static const struct gw_keys *const tables[] = {&gw_gateway_keys};
    static const struct gw_keys *const log_tables[] = {&gw_log_keys};
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_json_path log_path = {.key = "log"};
    struct gw_gateway_entry top = {0};
    struct gw_log_entry log = {0};
    const json_t *log_object = json_object_get(file->root, "log");
    gw_keys_check(&reader, tables, 1, file->root, NULL);
    gw_keys_default(loader->arena, &gw_gateway_keys, &top);
    gw_keys_read(&reader, &gw_gateway_keys, file->root, NULL, &top);
    gw_keys_default(loader->arena, &gw_log_keys, &log);
    if (log_object && gw_keys_object(&reader, log_object, &log_path)) {
        gw_keys_check(&reader, log_tables, 1, log_object, &log_path);
        gw_keys_read(&reader, &gw_log_keys, log_object, &log_path, &log);
    }
    loader->config->gateway = top.gateway;
    loader->config->controls = top.controls;
    loader->config->clock = top.clock;
    loader->config->log_level = (enum gw_log_level)log.level;
    loader->config->log_format = (enum gw_log_format)log.format;
}

static void load_spool(struct gw_loader *loader, const struct gw_json_file *file)
{
    static const struct gw_keys *const tables[] = {&gw_spool_keys};
    struct gw_reader reader = gw_loader_reader(loader, file);
    struct gw_json_path path = {.key = "spool"};
    const json_t *object = json_object_get(file->root, "spool");
    struct gw_spool_entry entry = {0};
    if (!object || !gw_keys_object(&reader, object, &path))
        return;
    gw_keys_check(&reader, tables, 1, object, &path);
    gw_keys_default(loader->arena, &gw_spool_keys, &entry);
    gw_keys_read(&reader, &gw_spool_keys, object, &path, &entry);
    char *full = entry.path ? gw_json_file_sibling(file, entry.path) : NULL;
    if (full)
        loader->config->spool_path = gw_arena_string(loader->arena, full);
    gw_memory_release(full);
    loader->config->spool_max_mb = entry.max_mb;
}

static void load_all(struct gw_loader *loader, const char *path)
{
    struct gw_json_file *file = add_file(loader);
    if (!file || !read_file(loader, file, path))
        return;
    load_top(loader, file);
    collect(loader, file);
    include(loader, file);
    load_spool(loader, file);
    gw_load_mqtt(loader, file);
    gw_load_profiles(loader);
    gw_load_channels(loader);
    gw_load_outstations(loader);
    gw_load_topics(loader, file);
    if (loader->errors->errors == 0 && !loader->arena->failed)
        gw_check_topics(loader);
}

static void free_loader(struct gw_loader *loader)
{
    gw_loader_free_mappings(loader);
    for (size_t i = 0; i < loader->file_count; i++) {
        gw_json_file_free(loader->files[i]);
        gw_memory_release(loader->files[i]);
    }
    gw_memory_release(loader->files);
    gw_memory_release(loader->profile_sources.items);
    gw_memory_release(loader->channel_sources.items);
    gw_memory_release(loader->outstation_sources.items);
    gw_memory_release(loader->all_profiles);
    gw_memory_release(loader->all_mappings);
    gw_memory_release(loader->outstation_of);
    json_decref(loader->profile_cache);
}

/* Moves the lists of instances that grew while loading to the arena. */
static bool finish(struct gw_loader *loader, struct whole *whole)
{
    struct gw_config *config = loader->config;
    const struct gw_profile **profiles =
        gw_arena_array(loader->arena, loader->all_profile_count, sizeof(void *));
    const struct gw_mapping **mappings =
        gw_arena_array(loader->arena, loader->all_mapping_count, sizeof(void *));
    if (!profiles || !mappings || loader->arena->failed || loader->mapping_arena->failed)
        return false;
    for (size_t i = 0; i < loader->all_profile_count; i++)
        profiles[i] = loader->all_profiles[i];
    for (size_t i = 0; i < loader->all_mapping_count; i++)
        mappings[i] = loader->all_mappings[i];
    config->profiles = profiles;
    config->profile_count = loader->all_profile_count;
    config->mappings = mappings;
    config->mapping_count = loader->all_mapping_count;
    snprintf(config->revision, sizeof config->revision, "%08" PRIx32,
             (uint32_t)(loader->hash ^ loader->hash >> 32));
    return index_outstations(whole);
}

static int load(const char *path, const struct gw_config_text *texts, size_t text_count,
                struct gw_config **out, struct gw_config_errors *errors)
{
    *out = NULL;
    struct whole *whole = gw_memory_allocate(GW_OWNER_CONFIG, sizeof *whole);
    if (!whole)
        return DNP3_ERR_MEMORY;
    whole->arena.owner = GW_OWNER_CONFIG;
    whole->mapping_arena.owner = GW_OWNER_MAPPING;
    struct gw_loader loader = {
        .config = &whole->config,
        .arena = &whole->arena,
        .mapping_arena = &whole->mapping_arena,
        .errors = errors,
        .texts = texts,
        .text_count = text_count,
        .hash = GW_HASH_START,
        .profile_cache = json_object(),
    };
    whole->config.file = gw_arena_string(&whole->arena, path);
    load_all(&loader, path);
    bool finished = errors->errors == 0 && finish(&loader, whole);
    free_loader(&loader);
    gw_config_errors_sort(errors);
    if (finished) {
        *out = &whole->config;
        return DNP3_OK;
    }
    gw_config_free(&whole->config);
    return errors->errors ? DNP3_ERR_INVALID : DNP3_ERR_MEMORY;
}

int gw_config_load(const char *path, struct gw_config **out, struct gw_config_errors *errors)
{
    return load(path, NULL, 0, out, errors);
}

int gw_config_load_texts(const struct gw_config_text *texts, size_t count, struct gw_config **out,
                         struct gw_config_errors *errors)
{
    return load(texts[0].path, texts, count, out, errors);
}

void gw_config_free(struct gw_config *config)
{
    struct whole *whole = (struct whole *)config;
    if (!whole)
        return;
    gw_topics_free(config->topics);
    gw_arena_free(&whole->arena);
    gw_arena_free(&whole->mapping_arena);
    gw_memory_release(whole);
}
