/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mapping/deadband.h"

#include <float.h>
#include <math.h>

#include "dnp3/error.h"

static const double rounding = 1e-6; /* what a decimal scale loses in a division */

int gw_deadband_raw(const struct gw_map_point *point, double value, double *raw)
{
    double exact = point->scaled ? value / fabs(point->scale) : value;
    double whole = round(exact);
    if (!(exact >= 0 && exact <= (double)FLT_MAX))
        return DNP3_ERR_RANGE;
    *raw = fabs(exact - whole) <= rounding * fmax(1, whole) ? whole : exact;
    return 0;
}

uint8_t gw_deadband_variation(double raw)
{
    if (raw != round(raw) || raw > UINT32_MAX)
        return 3;
    return raw <= UINT16_MAX ? 1 : 2;
}
