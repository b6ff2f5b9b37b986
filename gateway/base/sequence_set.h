/* SPDX-License-Identifier: Apache-2.0 */
/* A set of sequence numbers, none of them 0, of fixed size. Numbers that were given out near one
 * another lie near one another, so that a small set touches little memory. */
#ifndef GW_SEQUENCE_SET_H
#define GW_SEQUENCE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/memory.h"

struct gw_sequence_set {
    uint64_t *slots; /* 0: free */
    size_t mask;
    size_t count;
    size_t most;
};

/* For `most` numbers at a time. False without memory. */
bool gw_sequence_set_init(struct gw_sequence_set *set, enum gw_owner owner, size_t most);
/* Gives the memory back. */
void gw_sequence_set_clear(struct gw_sequence_set *set);
/* Takes all numbers out. */
void gw_sequence_set_empty(struct gw_sequence_set *set);
/* False where the set is full; a number that is there already stays once. */
bool gw_sequence_set_add(struct gw_sequence_set *set, uint64_t number);
bool gw_sequence_set_has(const struct gw_sequence_set *set, uint64_t number);
/* True where it was there. */
bool gw_sequence_set_remove(struct gw_sequence_set *set, uint64_t number);
/* Octets that gw_sequence_set_init allocates. */
size_t gw_sequence_set_memory(size_t most);

#endif
