/* SPDX-License-Identifier: Apache-2.0 */
/* What a test asks after the simulator was killed: how many events of each point were made, and how
 * many of them its master confirmed. A text file, mapped, so that the kernel has every change at
 * once; a line a point, in place. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "tests/sim/sim.h"

/* "NAME TYPE INDEX MADE CONFIRMED", padded with blanks before its line feed. */
enum { LINE = 128 };

struct row {
    const struct sim_point *point;
    uint64_t made;
    uint64_t confirmed;
};

struct sim_tally {
    char *text;
    size_t size;
    struct row *rows; /* in order of point: an outstation's lie together, each in its order */
    size_t count;
};

static void write_row(const struct sim_tally *tally, const struct row *row)
{
    char line[LINE + 1];
    const struct sim_point *point = row->point;
    int length =
        snprintf(line, sizeof line, "%s %s %u %llu %llu", point->outstation->config->name,
                 dnp3_point_type_name((enum dnp3_point_type)point->type), (unsigned)point->index,
                 (unsigned long long)row->made, (unsigned long long)row->confirmed);
    size_t used = length < LINE ? (size_t)length : LINE - 1;
    memset(line + used, ' ', LINE - used);
    line[LINE - 1] = '\n';
    memcpy(tally->text + (size_t)(row - tally->rows) * LINE, line, LINE);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    return (left->point > right->point) - (left->point < right->point);
}

static size_t list_rows(const struct sim *sim, struct row *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < sim->config->outstation_count; i++) {
        const struct sim_outstation *outstation = &sim->outstations[i];
        for (size_t p = 0; p < outstation->point_count; p++, count++)
            if (rows)
                rows[count].point = &outstation->points[p];
    }
    return count;
}

static int map_file(struct sim_tally *tally, const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        return -1;
    tally->size = (tally->count + 1) * LINE;
    void *text = ftruncate(file, (off_t)(tally->count * LINE)) == 0
                     ? mmap(NULL, tally->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                     : MAP_FAILED;
    close(file);
    if (text == MAP_FAILED)
        return -1;
    tally->text = text;
    return 0;
}

int sim_tally_start(struct sim *sim)
{
    if (!sim->options.tally)
        return 0;
    struct sim_tally *tally = gw_memory_allocate(GW_OWNER_POINTS, sizeof *tally);
    sim->tally = tally;
    if (!tally)
        return -1;
    tally->count = list_rows(sim, NULL);
    tally->rows = gw_memory_allocate(GW_OWNER_POINTS, (tally->count + 1) * sizeof *tally->rows);
    if (!tally->rows || map_file(tally, sim->options.tally)) {
        gw_log(GW_LOG_ERROR, "sim", "%s cannot be written", sim->options.tally);
        return -1;
    }
    list_rows(sim, tally->rows);
    qsort(tally->rows, tally->count, sizeof *tally->rows, compare_rows);
    for (size_t i = 0; i < tally->count; i++)
        write_row(tally, &tally->rows[i]);
    return 0;
}

static struct row *find_row(const struct sim_tally *tally, const struct sim_point *point)
{
    const struct row wanted = {.point = point};
    return tally && point ? bsearch(&wanted, tally->rows, tally->count, sizeof wanted, compare_rows)
                          : NULL;
}

void sim_tally_made(struct sim_point *point)
{
    const struct sim_tally *tally = point->outstation->sim->tally;
    struct row *row = find_row(tally, point);
    if (!row)
        return;
    row->made++;
    write_row(tally, row);
}

void sim_tally_confirmed(void *user, enum dnp3_point_type type, const struct dnp3_point *event)
{
    const struct sim_outstation *outstation = user;
    const struct sim_tally *tally = outstation->sim->tally;
    for (size_t i = 0; tally && i < outstation->point_count; i++) {
        const struct sim_point *point = &outstation->points[i];
        struct row *row =
            point->type == type && point->index == event->index ? find_row(tally, point) : NULL;
        if (!row)
            continue;
        row->confirmed++;
        write_row(tally, row);
        return;
    }
}

void sim_tally_stop(struct sim *sim)
{
    struct sim_tally *tally = sim->tally;
    if (!tally)
        return;
    if (tally->text)
        munmap(tally->text, tally->size);
    gw_memory_release(tally->rows);
    gw_memory_release(tally);
    sim->tally = NULL;
}
