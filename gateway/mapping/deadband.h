/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-bands (g34): how far an analog input must move for the outstation to make an event of it.
 * In a mapping and in commands they are in engineering units, as the point's values are. */
#ifndef GW_DEADBAND_H
#define GW_DEADBAND_H

#include "gateway/mapping/mapping.h"

/* The wire's value, 0 or more: a whole number where it is one but for rounding. DNP3_ERR_RANGE:
 * below 0, or more than any variation holds. The offset does not matter to a distance. */
int gw_deadband_raw(const struct gw_map_point *point, double value, double *raw);
/* The narrowest variation of g34 that holds it: 1 (16 bit), 2 (32 bit), 3 (float). An outstation
 * may know a wider one only. */
uint8_t gw_deadband_variation(double raw);

#endif
