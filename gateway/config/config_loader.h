/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build a configuration share while they do; nobody else includes it. */
#ifndef GW_CONFIG_LOADER_H
#define GW_CONFIG_LOADER_H

#include "gateway/config/config.h"
#include "gateway/config/config_keys.h"
#include "gateway/json/keys.h"

/* An element of profiles, channels or outstations, and where it stands. */
struct gw_source {
    const struct gw_json_file *file;
    const json_t *object;
    const char *list; /* "outstations" */
    const char *key;  /* profiles: its name, else NULL: */
    size_t index;
};

/* A source's path, which needs memory for its steps. */
struct gw_source_path {
    struct gw_json_path list, element;
};
const struct gw_json_path *gw_source_path(const struct gw_source *source,
                                          struct gw_source_path *path);

struct gw_sources {
    struct gw_source *items;
    size_t count, room;
};

struct gw_mapping_file {
    struct gw_json_file json;
    bool failed; /* its errors are told: other instances are not tried */
    const struct gw_var *vars;
    size_t var_count;
    json_t *uses; /* variable's name: whether the text has it in braces */
};

struct gw_loaded_profile {
    struct gw_profile *profile;
    bool under_way, done; /* for finding circles */
};

struct gw_loader {
    struct gw_config *config;
    struct gw_arena *arena, *mapping_arena;
    struct gw_config_errors *errors;
    const struct gw_config_text *texts; /* NULL: the disk */
    size_t text_count;
    uint64_t hash;               /* of every file's text */
    struct gw_json_file **files; /* gateway.json, then what it includes */
    size_t file_count;
    struct gw_sources profile_sources, channel_sources, outstation_sources;
    struct gw_loaded_profile *profiles; /* in the order of their sources */
    json_t *profile_cache;              /* base and overrides as text: number in `all_profiles` */
    const struct gw_profile **all_profiles;
    size_t all_profile_count;
    json_t *mapping_paths; /* path: number in `mapping_files` */
    struct gw_mapping_file **mapping_files;
    size_t mapping_file_count;
    json_t *mapping_cache; /* path and used variables as text: number in `all_mappings` */
    const struct gw_mapping **all_mappings;
    size_t all_mapping_count;
    struct gw_channel_config *channels;
    struct gw_outstation_config *outstations;
    const struct gw_source **outstation_of; /* the source of each */
};

/* A reader of that file into the configuration's arena. */
struct gw_reader gw_loader_reader(struct gw_loader *loader, const struct gw_json_file *file);
/* Reads a file that `from` names at `path`; errors are added there when it is not to be had. */
bool gw_loader_open(struct gw_loader *loader, struct gw_json_file *file, const char *name,
                    const struct gw_json_file *from, const struct gw_json_path *path);
/* The one line of a password's file that `file` names at `path`, in the arena; NULL: an error was
 * added. */
const char *gw_loader_password(struct gw_loader *loader, const struct gw_json_file *file,
                               const struct gw_json_path *path, const char *name);

/* Each adds errors and goes on where it can. */
void gw_load_mqtt(struct gw_loader *loader, const struct gw_json_file *file);
void gw_load_profiles(struct gw_loader *loader);
void gw_load_channels(struct gw_loader *loader);
void gw_load_outstations(struct gw_loader *loader);
/* Compiles the templates; after outstations, whose variables may stand in them. */
void gw_load_topics(struct gw_loader *loader, const struct gw_json_file *file);
/* Refuses two things on one topic. */
void gw_check_topics(struct gw_loader *loader);

/* The profile that an outstation gets: named, or "default", with the profile keys that stand in
 * `source` itself over it. NULL: an error was added. */
const struct gw_profile *gw_loader_profile(struct gw_loader *loader, const struct gw_source *source,
                                           const char *name);
/* One endpoint with its scheme ("tcp://") from a string or list of them. False: errors. */
bool gw_loader_endpoints(struct gw_loader *loader, const struct gw_json_file *file,
                         const json_t *value, const struct gw_json_path *path, const char *scheme,
                         uint16_t default_port, const struct gw_endpoint **endpoints,
                         size_t *count);
/* The mapping instance for an outstation, and its variables over the mapping's. */
bool gw_loader_mapping(struct gw_loader *loader, const struct gw_source *source, const char *name,
                       struct gw_outstation_config *outstation);
/* Forgets what the mappings' files needed. */
void gw_loader_free_mappings(struct gw_loader *loader);

#endif
