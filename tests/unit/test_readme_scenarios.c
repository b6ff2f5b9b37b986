/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of tests/scenarios/README.md, under "What is covered", name what is there, and every
 * script is named in one of them. */
#include <fnmatch.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { README_MAX = 64 * 1024, NAMES_MAX = 512, NAME_MAX_OCTETS = 80 };

static char names[NAMES_MAX][NAME_MAX_OCTETS];
static size_t name_count;

/* What stands between backticks in the second column of the tables. */
static void read_names(char *text)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *at = *line == '|' ? strchr(line + 1, '|') : NULL;
        while (at && (at = strchr(at, '`'))) {
            char *end = strchr(++at, '`');
            assert_non_null(end);
            assert_true((size_t)(end - at) < NAME_MAX_OCTETS && name_count < NAMES_MAX);
            memcpy(names[name_count++], at, (size_t)(end - at));
            at = end + 1;
        }
    }
}

static int setup(void **state)
{
    static char readme[README_MAX];
    (void)state;
    FILE *file = fopen("scenarios/README.md", "r");
    assert_non_null(file);
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    fclose(file);
    char *tables = strstr(readme, "## What is covered");
    assert_non_null(tables);
    read_names(tables);
    return 0;
}

static void pattern_of(const char *name, char *pattern, size_t size)
{
    snprintf(pattern, size, strchr(name, '/') ? "%s" : "scenarios/%s.txt", name);
}

static void every_name_is_there(void **state)
{
    unsigned missing = 0;
    (void)state;
    assert_true(name_count > 100);
    for (size_t i = 0; i < name_count; i++) {
        char pattern[NAME_MAX_OCTETS + 16];
        glob_t found;
        pattern_of(names[i], pattern, sizeof pattern);
        if (glob(pattern, 0, NULL, &found)) {
            print_message("scenarios/README.md: nothing is called %s\n", pattern);
            missing++;
            continue;
        }
        globfree(&found);
    }
    assert_int_equal(missing, 0);
}

static int is_named(const char *path)
{
    for (size_t i = 0; i < name_count; i++) {
        char pattern[NAME_MAX_OCTETS + 16];
        pattern_of(names[i], pattern, sizeof pattern);
        if (fnmatch(pattern, path, 0) == 0)
            return 1;
    }
    return 0;
}

static void every_script_is_named(void **state)
{
    unsigned missing = 0;
    glob_t scripts;
    (void)state;
    assert_int_equal(glob("scenarios/*.txt", 0, NULL, &scripts), 0);
    for (size_t i = 0; i < scripts.gl_pathc; i++)
        if (!is_named(scripts.gl_pathv[i])) {
            print_message("no table of scenarios/README.md names %s\n", scripts.gl_pathv[i]);
            missing++;
        }
    globfree(&scripts);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_name_is_there),
                                       cmocka_unit_test(every_script_is_named)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
