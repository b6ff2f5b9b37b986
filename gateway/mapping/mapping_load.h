/* SPDX-License-Identifier: Apache-2.0 */
/* From a mapping file's tree to a compiled mapping, with every error that is in it. */
#ifndef GW_MAPPING_LOAD_H
#define GW_MAPPING_LOAD_H

#include "gateway/base/arena.h"
#include "gateway/json/json_file.h"
#include "gateway/mapping/mapping_expand.h"
#include "gateway/mapping/mapping_keys.h"

/* Compiles for one set of variables: the outstation's over the mapping's own. `outstation` is named
 * in messages that depend on them. Everything of the result is in `arena`. NULL: errors were added
 * to the file's, or there is no memory. */
const struct gw_mapping *gw_mapping_compile(const struct gw_json_file *file, const char *outstation,
                                            const struct gw_var *vars, size_t var_count,
                                            struct gw_arena *arena);
/* What an outstation without a mapping has: no names, every point let out. */
const struct gw_mapping *gw_mapping_none(void);

/* Between the two files that compile a mapping. */
struct gw_mapping_compiler {
    struct gw_reader reader; /* its arena holds what only compiling needs */
    struct gw_arena *arena;  /* of the result */
    const char *outstation;
    const struct gw_var *vars;
    size_t var_count;
    struct gw_map_point *points;
    uint32_t *point_origins; /* which element of `points` each comes from; same order */
    size_t point_count, point_room;
    const struct gw_map_point **by_name;
    struct gw_map_control *controls;
    size_t control_count, control_room;
    bool points_good; /* no error in `points`: names may be missed in earnest */
};

/* Compiles `controls` after the points are complete and sorted. */
void gw_mapping_compile_controls(struct gw_mapping_compiler *compiler, const json_t *controls);
/* The point of that name, or NULL. */
const struct gw_map_point *gw_mapping_compiler_point(const struct gw_mapping_compiler *compiler,
                                                     const char *name);

#endif
