/* SPDX-License-Identifier: Apache-2.0 */
/* The last value of every point of one outstation: to publish changes only, to republish after a
 * broker lost them, to mark them when the outstation is lost. Mapped points have their place from
 * the start; a point that no mapping names gets one when it is first seen, up to a bound. */
#ifndef GW_POINT_STORE_H
#define GW_POINT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnp3/point.h"
#include "gateway/mapping/mapping.h"
#include "gateway/payload/payload.h"

enum { GW_UNMAPPED_MAX = 65536 }; /* points of one outstation that no mapping names */

struct gw_point_state {
    union {
        double number;
        uint8_t *octets; /* owned */
    };
    int64_t time_ms;
    int64_t received_ms;
    uint32_t carrier; /* the fragment whose messages hold it as it is now */
    uint8_t flags;
    uint8_t length;      /* octet string */
    uint8_t time_source; /* enum gw_time_source */
    bool known : 1;
    bool dirty : 1;  /* not published as it is now */
    bool forced : 1; /* the next value is published even if it is the same */
    bool floating : 1;
    bool single : 1;
    bool delta : 1; /* a counter's change, not its total: never kept, only on its way through */
};

/* Ten thousand outstations have millions of them. */
_Static_assert(sizeof(struct gw_point_state) <= 32, "a point's state has grown");

struct gw_unmapped_point {
    uint32_t index;
    uint8_t type;
    bool used;
    struct gw_point_state state;
};

struct gw_point_store {
    const struct gw_mapping *mapping;
    struct gw_point_state *mapped;      /* one a mapping point, same order */
    struct gw_unmapped_point *unmapped; /* open addressing */
    size_t unmapped_size;               /* a power of two, or 0 */
    size_t unmapped_count;
};

/* 0 or DNP3_ERR_MEMORY. */
int gw_point_store_init(struct gw_point_store *store, const struct gw_mapping *mapping);
void gw_point_store_clear(struct gw_point_store *store);

/* The place of a point that gw_mapping_point() gave; NULL where there is no more room. */
struct gw_point_state *gw_point_store_find(struct gw_point_store *store,
                                           const struct gw_map_point *point, uint32_t index);

/* Takes a value over. True when value or flags differ from what was there, or nothing was. */
bool gw_point_store_set(struct gw_point_state *state, enum dnp3_point_type type,
                        const struct dnp3_point *point);

/* Places by number, 0 .. count - 1, mapped ones first; NULL for an empty place. */
size_t gw_point_store_places(const struct gw_point_store *store);
struct gw_point_state *gw_point_store_place(const struct gw_point_store *store, size_t place,
                                            const struct gw_map_point **point,
                                            enum dnp3_point_type *type, uint32_t *index);

#endif
