/* SPDX-License-Identifier: Apache-2.0 */
/* The table of objects in dnp3/README.md has a line for each group, with the variations that there
 * are: "| 20 counter | 1..8 |". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_group_has_its_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
