/* SPDX-License-Identifier: Apache-2.0 */
/* A mapping's tree with the points and controls of one outstation in it, by name: a key that stands
 * in one of those takes the place of the mapping's. */
#ifndef GW_MAPPING_OVERRIDE_H
#define GW_MAPPING_OVERRIDE_H

#include "gateway/mapping/mapping_load.h"

/* The lists of an outstation, NULL: it has none. They stand in the object at `path` of `file`. */
struct gw_mapping_overrides {
    const struct gw_json_file *file;
    const struct gw_json_path *path;
    const json_t *points, *controls;
};

/* As gw_mapping_compile(), of what both make together. Errors are placed where they stand. */
const struct gw_mapping *gw_mapping_compile_over(const struct gw_json_file *file,
                                                 const struct gw_mapping_overrides *overrides,
                                                 const char *outstation, const struct gw_var *vars,
                                                 size_t var_count, struct gw_arena *arena);

#endif
