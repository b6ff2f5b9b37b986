/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what they extend, what outstations override, and sharing those that come out alike. */
#include <stdio.h>
#include <string.h>

#include "gateway/config/config_loader.h"

static int find_profile(const struct gw_loader *loader, const char *name)
{
    for (size_t i = 0; i < loader->profile_sources.count; i++)
        if (strcmp(loader->profile_sources.items[i].key, name) == 0)
            return (int)i;
    return -1;
}

/* Adds an error at `path` that the profile is not there. */
static void no_profile(const struct gw_loader *loader, const struct gw_json_file *file,
                       const struct gw_json_path *path, const char *name)
{
    enum { COMPARED_MAX = 64 };
    const char *names[COMPARED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < loader->profile_sources.count && count < COMPARED_MAX; i++)
        names[count++] = loader->profile_sources.items[i].key;
    const char *nearest = gw_nearest(name, names, count);
    gw_json_error(file, path, "no profile is called \"%s\"%s%s%s", name,
                  nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Who may be silent needs a bound, and is neither polled nor asked whether it is there. */
static void check_exception(const struct gw_source *source, const struct gw_json_path *path,
                            const struct gw_profile *profile)
{
    static const char *const asking[] = {"polls", "keep_alive_s"};
    struct gw_json_path session = {.parent = path, .key = "session"};
    struct gw_json_path silence = {.parent = path, .key = "max_silence_s"};
    if (profile->session != GW_SESSION_REPORT_BY_EXCEPTION)
        return;
    bool has_silence = json_object_get(source->object, "max_silence_s") != NULL;
    if (!profile->max_silence_ms && (has_silence || json_object_get(source->object, "session")))
        gw_json_error(
            source->file, has_silence ? &silence : &session,
            "report_by_exception needs \"max_silence_s\": how long its silence is normal");
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        struct gw_json_path step = {.parent = path, .key = asking[i]};
        const json_t *value = json_object_get(source->object, asking[i]);
        if (json_array_size(value) || json_number_value(value) > 0)
            gw_json_warning(source->file, &step,
                            "a report_by_exception session asks nothing: this has no effect");
    }
}

/* Only where these keys stand themselves: what a base says was read with it. */
static void load_file_login(struct gw_loader *loader, const struct gw_source *source,
                            const struct gw_json_path *path, struct gw_profile *profile)
{
    struct gw_json_path user = {.parent = path, .key = "file_user"};
    struct gw_json_path password = {.parent = path, .key = "file_password_file"};
    bool has_password = json_object_get(source->object, password.key) != NULL;
    if (!has_password && !json_object_get(source->object, user.key))
        return;
    if (has_password && profile->file_password_file)
        profile->file_password =
            gw_loader_password(loader, source->file, &password, profile->file_password_file);
    const struct gw_json_path *at = has_password ? &password : &user;
    if (!profile->file_user)
        gw_json_warning(source->file, at, "a password without \"file_user\"");
    else if (strlen(profile->file_user) +
                 (profile->file_password ? strlen(profile->file_password) : 0) >
             GW_FILE_LOGIN_MAX)
        gw_json_error(source->file, at, "user name and password have more than %d octets together",
                      GW_FILE_LOGIN_MAX);
}

/* What is never asked is silent soon. */
static void check_silence(const struct gw_source *source, const struct gw_json_path *path,
                          const struct gw_profile *profile)
{
    struct gw_json_path silence = {.parent = path, .key = "max_silence_s"};
    uint32_t asked_ms = profile->keep_alive_ms ? profile->keep_alive_ms : UINT32_MAX;
    for (size_t i = 0; i < profile->poll_count; i++)
        if (profile->polls[i].every_ms < asked_ms)
            asked_ms = profile->polls[i].every_ms;
    if (json_object_get(source->object, silence.key) && profile->max_silence_ms &&
        profile->session == GW_SESSION_CONTINUOUS && asked_ms >= profile->max_silence_ms)
        gw_json_warning(source->file, &silence,
                        "neither keep_alive_s nor polls ask the outstation so often: a quiet one "
                        "goes offline");
}

static void check_profile(const struct gw_source *source, const struct gw_json_path *path,
                          const struct gw_profile *profile)
{
    struct gw_json_path every = {.parent = path, .key = "time_sync_every_s"};
    check_exception(source, path, profile);
    check_silence(source, path, profile);
    if (json_object_get(source->object, "time_sync_every_s") && profile->time_sync_every_ms > 0 &&
        profile->time_sync == GW_TIME_SYNC_NONE)
        gw_json_warning(source->file, &every, "time_sync is \"none\": nothing is synchronised");
}

static struct gw_profile *resolve(struct gw_loader *loader, size_t number);

/* What the profile starts from; NULL: an error was added. */
static const struct gw_profile *base_of(struct gw_loader *loader, const struct gw_source *source,
                                        const struct gw_json_path *path)
{
    struct gw_reader reader = gw_loader_reader(loader, source->file);
    struct gw_json_path step = {.parent = path, .key = "extends"};
    const json_t *extends = json_object_get(source->object, "extends");
    const char *name = json_string_value(extends);
    if (!extends)
        return loader->all_profiles[0];
    if (!name) {
        gw_keys_expected(&reader, &step, "a profile's name in double quotes");
        return NULL;
    }
    int number = find_profile(loader, name);
    if (number < 0 && strcmp(name, "default") == 0)
        return loader->all_profiles[0];
    if (number < 0) {
        no_profile(loader, source->file, &step, name);
        return NULL;
    }
    if (loader->profiles[number].under_way) {
        gw_json_error(source->file, &step, "\"%s\" and \"%s\" extend each other", source->key,
                      name);
        return NULL;
    }
    return resolve(loader, (size_t)number);
}

static struct gw_profile *resolve(struct gw_loader *loader, size_t number)
{
    static const struct gw_keys *const tables[] = {&gw_profile_keys, &gw_extends_keys};
    struct gw_loaded_profile *loaded = loader->profiles + number;
    const struct gw_source *source = loader->profile_sources.items + number;
    struct gw_reader reader = gw_loader_reader(loader, source->file);
    struct gw_source_path path;
    if (loaded->done)
        return loaded->profile;
    loaded->under_way = true;
    const struct gw_profile *base = base_of(loader, source, gw_source_path(source, &path));
    struct gw_profile *profile = gw_arena_allocate(loader->arena, sizeof *profile);
    if (profile) {
        if (base)
            *profile = *base;
        else
            gw_keys_default(loader->arena, &gw_profile_keys, profile);
        profile->name = gw_arena_string(loader->arena, source->key);
        gw_keys_check(&reader, tables, 2, source->object, &path.element);
        gw_keys_read(&reader, &gw_profile_keys, source->object, &path.element, profile);
        load_file_login(loader, source, &path.element, profile);
        check_profile(source, &path.element, profile);
    }
    loaded->profile = profile;
    loaded->under_way = false;
    loaded->done = true;
    return profile;
}

static bool add_profile(struct gw_loader *loader, const struct gw_profile *profile)
{
    const struct gw_profile **grown = gw_memory_resize(
        GW_OWNER_CONFIG, loader->all_profiles, (loader->all_profile_count + 1) * sizeof(void *));
    if (!grown)
        return false;
    loader->all_profiles = grown;
    grown[loader->all_profile_count++] = profile;
    return true;
}

/* A profile called twice in different files. */
static void check_names(const struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->profile_sources.count; i++) {
        const struct gw_source *source = loader->profile_sources.items + i;
        int first = find_profile(loader, source->key);
        struct gw_source_path path;
        char place[300];
        if ((size_t)first == i)
            continue;
        const struct gw_source *other = loader->profile_sources.items + first;
        gw_json_place_format(other->file, gw_source_path(other, &path), place, sizeof place);
        gw_json_error(source->file, gw_source_path(source, &path), "a profile \"%s\" is also at %s",
                      source->key, place);
    }
}

void gw_load_profiles(struct gw_loader *loader)
{
    struct gw_profile *builtin = gw_arena_allocate(loader->arena, sizeof *builtin);
    loader->profiles =
        gw_arena_array(loader->arena, loader->profile_sources.count, sizeof *loader->profiles);
    if (!builtin || !loader->profiles || !add_profile(loader, builtin))
        return;
    gw_keys_default(loader->arena, &gw_profile_keys, builtin);
    builtin->name = "default";
    check_names(loader);
    for (size_t i = 0; i < loader->profile_sources.count; i++) {
        const struct gw_profile *profile = resolve(loader, i);
        if (profile && !add_profile(loader, profile))
            loader->arena->failed = true;
    }
}

/* The profile keys of an outstation, as text with sorted keys, and the file in which they stand
 * where that makes a difference; NULL: there are none. */
static char *overrides_text(const struct gw_source *source)
{
    const json_t *object = source->object;
    json_t *overrides = json_object();
    if (json_object_get(object, "file_password_file"))
        json_object_set_new(overrides, "", json_string(source->file->path));
    for (size_t i = 0; i < gw_profile_keys.count; i++) {
        const char *name = gw_profile_keys.rows[i].name;
        json_t *value = json_object_get(object, name);
        if (value)
            json_object_set(overrides, name, value);
    }
    char *text =
        json_object_size(overrides) ? json_dumps(overrides, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(overrides);
    return text;
}

static void free_text(char *text)
{
    json_malloc_t allocate = NULL;
    json_free_t release = NULL;
    json_get_alloc_funcs(&allocate, &release);
    if (text)
        release(text);
}

static const struct gw_profile * override(struct gw_loader *loader, const struct gw_source *source,
                                          const struct gw_profile *base)
{
    struct gw_reader reader = gw_loader_reader(loader, source->file);
    struct gw_source_path path;
    struct gw_profile *profile = gw_arena_allocate(loader->arena, sizeof *profile);
    if (!profile)
        return NULL;
    *profile = *base;
    gw_keys_read(&reader, &gw_profile_keys, source->object, gw_source_path(source, &path), profile);
    load_file_login(loader, source, &path.element, profile);
    check_profile(source, &path.element, profile);
    return add_profile(loader, profile) ? profile : NULL;
}

const struct gw_profile *gw_loader_profile(struct gw_loader *loader, const struct gw_source *source,
                                           const char *name)
{
    struct gw_source_path path;
    gw_source_path(source, &path);
    struct gw_json_path step = {.parent = &path.element, .key = "profile"};
    int number = find_profile(loader, name ? name : "default");
    if (number < 0 && name && strcmp(name, "default") != 0) {
        no_profile(loader, source->file, &step, name);
        return NULL;
    }
    if (!loader->all_profile_count)
        return NULL;
    const struct gw_profile *base =
        number < 0 ? loader->all_profiles[0] : loader->profiles[number].profile;
    char *text = overrides_text(source);
    if (!text || !base) {
        free_text(text);
        return base;
    }
    json_t *of_base = json_object_get(loader->profile_cache, base->name);
    if (!of_base) {
        of_base = json_object();
        json_object_set_new(loader->profile_cache, base->name, of_base);
    }
    const json_t *known = json_object_get(of_base, text);
    const struct gw_profile *profile = NULL;
    if (known) {
        profile = loader->all_profiles[json_integer_value(known)];
    } else {
        profile = override(loader, source, base);
        json_int_t at = (json_int_t)loader->all_profile_count - 1;
        if (profile)
            json_object_set_new(of_base, text, json_integer(at));
    }
    free_text(text);
    return profile;
}
