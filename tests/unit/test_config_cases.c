/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong configurations and what must be said about them: every file of tests/config is a case, see
 * the README there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/config/config.h"

static const char folder[] = "config";
static const char secret[] = "hunter2hunter2";

static char *read_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char *text = calloc(1, 64 * 1024);
    assert_non_null(text);
    assert_true(fread(text, 1, 64 * 1024 - 1, in) > 0);
    fclose(in);
    return text;
}

/* The messages without the case's own name before them, one line each. */
static void messages(const struct gw_config_errors *errors, const char *name, char *out,
                     size_t size)
{
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; i < errors->count; i++) {
        char line[2048];
        gw_config_error_format(errors->items + i, line, sizeof line);
        bool own = strncmp(line, name, strlen(name)) == 0;
        used +=
            (size_t)snprintf(out + used, size - used, "%s\n",
                             own ? line + strlen(name) + 1 +
                                       (line[strlen(name)] == ':' && line[strlen(name) + 1] == ' ')
                                 : line);
        assert_true(used < size);
        assert_null(strstr(line, secret));
    }
}

static void expected(const char *text, char *out, size_t size)
{
    static const char mark[] = "// expect: ";
    size_t used = 0;
    *out = '\0';
    for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark)) {
        const char *line = at + strlen(mark);
        used += (size_t)snprintf(out + used, size - used, "%.*s\n", (int)strcspn(line, "\n"), line);
        assert_true(used < size);
    }
}

static int run_case(const char *name)
{
    char gateway[1024];
    bool is_mapping = strncmp(name, "mapping-", 8) == 0;
    char *text = read_file(name);
    char *good = read_file("mapping-good.json");
    snprintf(gateway, sizeof gateway,
             "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"outstations\":[{\"name\":"
             "\"rtu-1\",\"connect\":\"tcp://h:1\",\"address\":10,\"mapping\":\"%s\",\"vars\":{"
             "\"site\":\"hilltop\"}}]}",
             name);
    struct gw_config_text texts[] = {
        {.path = is_mapping ? "gateway.json" : name, .text = is_mapping ? gateway : text},
        {.path = "mapping-good.json", .text = good},
        {.path = name, .text = text},
    };
    for (size_t i = 0; i < 3; i++)
        texts[i].length = strlen(texts[i].text);
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    int result = gw_config_load_texts(texts, 3, &config, &errors);
    char found[32 * 1024];
    char wanted[32 * 1024];
    messages(&errors, name, found, sizeof found);
    expected(text, wanted, sizeof wanted);
    bool good_result = (result == 0) == (errors.errors == 0) && (config != NULL) == (result == 0);
    bool same = strcmp(found, wanted) == 0;
    if (!same)
        fprintf(stderr, "%s:\n-- expected\n%s-- found\n%s", name, wanted, found);
    gw_config_free(config);
    gw_config_errors_free(&errors);
    free(text);
    free(good);
    return same && good_result ? 0 : 1;
}

static void test_cases(void **state)
{
    (void)state;
    int failed = 0;
    int count = 0;
    setenv("CASE_PORT", "20000", 1);
    setenv("CASE_SECRET", secret, 1);
    unsetenv("CASE_MISSING");
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        failed += run_case(entry->d_name);
        count++;
    }
    closedir(directory);
    assert_true(count > 10);
    assert_int_equal(failed, 0);
    assert_int_equal(gw_memory_used(GW_OWNER_CONFIG), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MAPPING), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    gw_memory_adopt();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
