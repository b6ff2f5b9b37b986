/* SPDX-License-Identifier: Apache-2.0 */
/* The committed JSON schemas are what the tables say. After a change of the tables, write them with
 *     cd tests && GW_SCHEMA_WRITE=1 ../build/dev/bin/test_schema */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/config/schema.h"

static void check(const char *kind, const char *path)
{
    char *text = gw_schema_text(kind);
    char *committed = calloc(1, 256 * 1024);
    assert_non_null(text);
    assert_non_null(committed);
    if (getenv("GW_SCHEMA_WRITE")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
    }
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_true(fread(committed, 1, 256 * 1024 - 1, in) > 0);
    fclose(in);
    assert_string_equal(text, committed);
    free(committed);
    gw_memory_release(text);
}

static void test_committed(void **state)
{
    (void)state;
    check("gateway", "../mappings/schema/gateway.schema.json");
    check("mapping", "../mappings/schema/mapping.schema.json");
    assert_null(gw_schema_text("other"));
}

/* Every reference names a definition. */
static void check_references(const json_t *value, const json_t *definitions)
{
    const json_t *reference = json_object_get(value, "$ref");
    if (json_is_string(reference)) {
        const char *name = strrchr(json_string_value(reference), '/');
        assert_non_null(name);
        assert_non_null(json_object_get(definitions, name + 1));
    }
    for (void *i = json_object_iter((json_t *)(uintptr_t)value); i;
         i = json_object_iter_next((json_t *)(uintptr_t)value, i))
        check_references(json_object_iter_value(i), definitions);
    for (size_t i = 0; i < json_array_size(value); i++)
        check_references(json_array_get(value, i), definitions);
}

static void test_references(void **state)
{
    (void)state;
    static const char *const kinds[] = {"gateway", "mapping"};
    for (size_t i = 0; i < 2; i++) {
        char *text = gw_schema_text(kinds[i]);
        json_t *schema = json_loads(text, 0, NULL);
        assert_non_null(schema);
        check_references(schema, json_object_get(schema, "definitions"));
        json_decref(schema);
        gw_memory_release(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_committed),
                                       cmocka_unit_test(test_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
