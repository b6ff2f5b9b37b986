/* SPDX-License-Identifier: Apache-2.0 */
/* The table of objects in dnp3/README.md has a line for each group, with the variations that there
 * are: "| 20 counter | 1..8 |"; and each line its referees: what tshark says, and in which files of
 * vectors/ every variation stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnp3/objects.h"

enum { README_MAX = 64 * 1024 };

static void variations_of(uint8_t group, char *text, size_t size)
{
    unsigned first = 0;
    unsigned last = 0;
    for (unsigned variation = 1; variation <= UINT8_MAX; variation++) {
        if (!dnp3_object_row(group, (uint8_t)variation))
            continue;
        first = first ? first : variation;
        last = variation;
    }
    snprintf(text, size, first == last ? "%u" : "%u..%u", first, last);
}

static void every_group_has_its_line(void **state)
{
    (void)state;
    static char readme[README_MAX];
    unsigned missing = 0;
    unsigned seen = 0;
    size_t count;
    FILE *file = fopen("../dnp3/README.md", "r");
    assert_non_null(file);
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    fclose(file);
    const struct dnp3_object_row *rows = dnp3_object_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char variations[16];
        char line[128];
        if (rows[i].group == seen)
            continue;
        seen = rows[i].group;
        variations_of(rows[i].group, variations, sizeof variations);
        snprintf(line, sizeof line, "\n| %u %s | %s |", rows[i].group,
                 dnp3_group_name(rows[i].group), variations);
        if (!strstr(readme, line)) {
            print_message("dnp3/README.md has no line:%s\n", line);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

/* All of a file, or NULL; it is the caller's to free. */
static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = file ? calloc(1, README_MAX) : NULL;
    if (text)
        text[fread(text, 1, README_MAX - 1, file)] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* Cell `number` of a table's line, counted from 0, without the blanks around it. */
static void cell_of(const char *line, unsigned number, char *text, size_t size)
{
    for (; *line && *line != '\n'; line++)
        if (*line == '|' && number-- == 0)
            break;
    size_t length = *line == '|' ? strcspn(line + 1, "|\n") : 0;
    while (length && line[length] == ' ')
        length--;
    while (length && line[1] == ' ') {
        line++;
        length--;
    }
    snprintf(text, size, "%.*s", (int)length, line + 1);
}

/* Whether one of the files, "binary, time", has objects of this variation. */
static bool is_in_files(const char *files, const char *header)
{
    char names[128];
    bool found = false;
    snprintf(names, sizeof names, "%s", files);
    for (char *name = strtok(names, ", "); name; name = strtok(NULL, ", ")) {
        char path[160];
        snprintf(path, sizeof path, "vectors/%s.txt", name);
        char *text = read_whole(path);
        if (!text)
            fail_msg("dnp3/README.md names %s", path);
        found = found || (text && strstr(text, header));
        free(text);
    }
    return found;
}

static void every_group_has_its_referees(void **state)
{
    (void)state;
    enum { TSHARK = 4, VECTORS = 6 };
    char *readme = read_whole("../dnp3/README.md");
    unsigned missing = 0;
    size_t count;
    assert_non_null(readme);
    const struct dnp3_object_row *rows = dnp3_object_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char start[64];
        char tshark[128];
        char files[128];
        char header[32];
        snprintf(start, sizeof start, "\n| %u ", rows[i].group);
        const char *line = strstr(readme, start);
        if (!line || !rows[i].variation)
            continue;
        cell_of(line + 1, TSHARK, tshark, sizeof tshark);
        cell_of(line + 1, VECTORS, files, sizeof files);
        snprintf(header, sizeof header, "\nheader g%uv%u q", rows[i].group, rows[i].variation);
        if (!*tshark || !is_in_files(files, header)) {
            print_message("g%uv%u: tshark \"%s\", vectors \"%s\"\n", rows[i].group,
                          rows[i].variation, tshark, files);
            missing++;
        }
    }
    free(readme);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_group_has_its_line),
                                       cmocka_unit_test(every_group_has_its_referees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
