/* SPDX-License-Identifier: Apache-2.0 */
/* A profile in the words of the library. */
#ifndef GW_BEHAVIOUR_H
#define GW_BEHAVIOUR_H

#include "dnp3/association.h"
#include "gateway/config/profile.h"

/* The library's view of `profile`; owns its polls. Without `writes` no class is assigned, as while
 * controls are off. NULL without memory. */
struct dnp3_association_config *gw_behaviour_create(const struct gw_profile *profile, bool writes);
/* NULL is legal. */
void gw_behaviour_free(struct dnp3_association_config *behaviour);

#endif
