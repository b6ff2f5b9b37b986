/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX.1 TZ strings (8.3), with the hours beyond a day that later editions allow, and the
 * proleptic Gregorian calendar. Summer time needs its rules here: without them it would be
 * somebody's guess. */
#include "gateway/base/time_zone.h"

#include <ctype.h>
#include <stddef.h>

enum { DAY_S = 86400, HOUR_S = 3600, NAME_MIN = 3, OFFSET_HOURS_MAX = 24, RULE_HOURS_MAX = 167 };

/* Days and years */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* 1 January of the year, in days since 1970. */
static int64_t year_begins(int64_t year)
{
    int64_t before = year - 1;
    return 365 * (year - 1970) + floor_divide(before, 4) - floor_divide(before, 100) +
           floor_divide(before, 400) - 477;
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + floor_divide(days * 400, 146097);
    while (year_begins(year) > days)
        year--;
    while (year_begins(year + 1) <= days)
        year++;
    return year;
}

static int64_t days_before_month(int64_t year, uint8_t month)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    return before[month] + (month >= 2 && is_leap(year)); /* months from 0 */
}

static int64_t day_of_rule(const struct gw_time_rule *rule, int64_t year)
{
    int64_t first = year_begins(year);
    if (rule->kind == 'n')
        return first + rule->of_year;
    if (rule->kind == 'J')
        return first + rule->of_year - 1 + (rule->of_year >= 60 && is_leap(year));
    int64_t next = first + days_before_month(year, rule->month);
    first += days_before_month(year, (uint8_t)(rule->month - 1));
    int64_t weekday = (first % 7 + 7 + 4) % 7; /* 1 January 1970 was a Thursday */
    int64_t day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
    return day < next ? day : day - 7;
}

/* Zones */

static int32_t ahead_at(const struct gw_time_zone *zone, int64_t utc_s)
{
    if (!zone->has_summer)
        return zone->standard_s;
    int64_t year = year_of(floor_divide(utc_s + zone->standard_s, DAY_S));
    int64_t begin = day_of_rule(&zone->begin, year) * DAY_S + zone->begin.at_s - zone->standard_s;
    int64_t end = day_of_rule(&zone->end, year) * DAY_S + zone->end.at_s - zone->summer_s;
    bool summer = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
    return summer ? zone->summer_s : zone->standard_s;
}

static int32_t ahead_ms(const struct gw_time_zone *zone, int64_t utc_ms)
{
    return ahead_at(zone, floor_divide(utc_ms, 1000)) * 1000;
}

int64_t gw_time_zone_local(const struct gw_time_zone *zone, int64_t utc_ms)
{
    return zone ? utc_ms + ahead_ms(zone, utc_ms) : utc_ms;
}

int64_t gw_time_zone_utc(const struct gw_time_zone *zone, int64_t local_ms, int64_t now_ms,
                         bool *sure)
{
    *sure = true;
    if (!zone)
        return local_ms;
    int64_t standard = local_ms - zone->standard_s * (int64_t)1000;
    int64_t summer = local_ms - zone->summer_s * (int64_t)1000;
    bool by_standard = gw_time_zone_local(zone, standard) == local_ms;
    bool by_summer = zone->has_summer && gw_time_zone_local(zone, summer) == local_ms;
    *sure = by_standard != by_summer;
    if (*sure)
        return by_standard ? standard : summer;
    if (!by_standard) /* an hour that spring leaves out: it did not follow */
        return standard;
    int64_t later = standard > summer ? standard : summer;
    return later <= now_ms ? later : standard + summer - later;
}

/* Parsing: each step moves on behind what it took; false where that is not there. */

static bool take_number(const char **at, long min, long max, long *number)
{
    long value = 0;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at) && value <= max; ++*at)
        value = value * 10 + (**at - '0');
    *number = value;
    return value >= min && value <= max;
}

static bool take(const char **at, char expected)
{
    if (**at != expected)
        return false;
    ++*at;
    return true;
}

static bool take_name(const char **at)
{
    const char *from = *at;
    if (take(at, '<')) {
        while (isalnum((unsigned char)**at) || **at == '+' || **at == '-')
            ++*at;
        return *at - from > NAME_MIN && take(at, '>');
    }
    while (isalpha((unsigned char)**at))
        ++*at;
    return *at - from >= NAME_MIN;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **at, long hours_max, int32_t *seconds)
{
    bool minus = **at == '-';
    long hours;
    long minutes = 0;
    long rest = 0;
    if (minus || **at == '+')
        ++*at;
    if (!take_number(at, 0, hours_max, &hours) ||
        (take(at, ':') &&
         (!take_number(at, 0, 59, &minutes) || (take(at, ':') && !take_number(at, 0, 59, &rest)))))
        return false;
    *seconds = (int32_t)(hours * HOUR_S + minutes * 60 + rest) * (minus ? -1 : 1);
    return true;
}

static bool take_day(const char **at, struct gw_time_rule *rule)
{
    long month;
    long week;
    long day;
    rule->kind = 'n';
    if (take(at, 'M')) {
        if (!take_number(at, 1, 12, &month) || !take(at, '.') || !take_number(at, 1, 5, &week) ||
            !take(at, '.') || !take_number(at, 0, 6, &day))
            return false;
        rule->kind = 'M';
        rule->month = (uint8_t)month;
        rule->week = (uint8_t)week;
        rule->day = (uint8_t)day;
        return true;
    }
    if (take(at, 'J'))
        rule->kind = 'J';
    if (!take_number(at, rule->kind == 'J', 365, &day))
        return false;
    rule->of_year = (uint16_t)day;
    return true;
}

/* ,day[/time] */
static bool take_rule(const char **at, struct gw_time_rule *rule)
{
    rule->at_s = 2 * HOUR_S;
    return take(at, ',') && take_day(at, rule) &&
           (!take(at, '/') || take_time(at, RULE_HOURS_MAX, &rule->at_s));
}

static const char *parse_summer(const char *at, struct gw_time_zone *zone)
{
    int32_t behind = -zone->standard_s - HOUR_S;
    if (!take_name(&at))
        return "summer time has a name of three letters or more, as in "
               "\"CET-1CEST,M3.5.0,M10.5.0/3\"";
    if (*at != ',' && *at && !take_time(&at, OFFSET_HOURS_MAX, &behind))
        return "behind the name of summer time stands its offset, or a comma";
    if (!*at)
        return "when does summer time begin and end? As in \"CET-1CEST,M3.5.0,M10.5.0/3\"";
    zone->has_summer = true;
    zone->summer_s = -behind;
    if (!take_rule(&at, &zone->begin) || !take_rule(&at, &zone->end) || *at)
        return "summer time begins and ends on a day as \",M3.5.0\" (month, week, weekday; week 5 "
               "is the last), at 2 o'clock or as \"/3\" says";
    return NULL;
}

const char *gw_time_zone_parse(const char *text, struct gw_time_zone *zone)
{
    int32_t behind;
    const char *at = text;
    *zone = (struct gw_time_zone){0};
    if (!take_name(&at))
        return "a POSIX TZ string begins with a name of three letters or more, as "
               "\"CET-1CEST,M3.5.0,M10.5.0/3\" or \"<+0530>-5:30\"";
    if (!take_time(&at, OFFSET_HOURS_MAX, &behind))
        return "behind the name stands how far it is behind UTC, as in \"UTC0\", \"EST5\" or, "
               "ahead of it, \"CET-1\"";
    zone->standard_s = zone->summer_s = -behind;
    return *at ? parse_summer(at, zone) : NULL;
}
