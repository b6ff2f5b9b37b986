/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks that show local time, by a POSIX TZ string: "CET-1CEST,M3.5.0,M10.5.0/3". Times are
 * milliseconds since 1970, UTC's or those of a clock in the zone read as if they were. Pure: no
 * environment, no files of zones. */
#ifndef GW_TIME_ZONE_H
#define GW_TIME_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* When summer time begins or ends in a year. */
struct gw_time_rule {
    char kind;                /* 'M': month, week, day; 'J': day 1..365, no 29 Feb; 'n': 0..365 */
    uint8_t month, week, day; /* week 5: the last; day 0: Sunday */
    uint16_t of_year;
    int32_t at_s; /* after midnight, by the clock as it is until then */
};

struct gw_time_zone {
    int32_t standard_s, summer_s; /* ahead of UTC */
    bool has_summer;
    struct gw_time_rule begin, end; /* of summer time */
};

/* NULL with `zone` set; else what is wrong with `text`, a sentence. */
const char *gw_time_zone_parse(const char *text, struct gw_time_zone *zone);
/* What a clock in the zone shows then; without a zone (NULL) UTC. */
int64_t gw_time_zone_local(const struct gw_time_zone *zone, int64_t utc_ms);
/* When a clock in the zone showed that, or `local_ms` without a zone. `*sure` becomes false where
 * it showed it twice, and the later time is taken unless that is after `now_ms`; or never. */
int64_t gw_time_zone_utc(const struct gw_time_zone *zone, int64_t local_ms, int64_t now_ms,
                         bool *sure);

#endif
