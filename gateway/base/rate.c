/* SPDX-License-Identifier: Apache-2.0 */
/* A flood must not fill a disk: the first lines say what there is to say. */
#include "gateway/base/rate.h"

#include "gateway/base/log.h"

bool gw_rate_allows(struct gw_rate *rate, const char *subject, uint64_t now_ms)
{
    if (!rate->lines || now_ms - rate->from_ms >= GW_RATE_WINDOW_MS) {
        if (rate->untold)
            gw_log(GW_LOG_WARNING, subject, "%u more lines of the kind that follows were left out",
                   rate->untold);
        *rate = (struct gw_rate){.from_ms = now_ms};
    }
    if (rate->lines == GW_RATE_LINES) {
        rate->untold++;
        return false;
    }
    rate->lines++;
    return true;
}
