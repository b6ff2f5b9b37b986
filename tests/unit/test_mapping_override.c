/* SPDX-License-Identifier: Apache-2.0 */
/* An outstation's own points and controls over its mapping's: what changes, what stays, and where
 * mistakes are said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/config/config.h"

static const char mapping[] =
    "{\"device\":\"recloser\",\n"
    " \"points\":[\n"
    "  {\"name\":\"breaker\",\"type\":\"double_bit_input\",\"index\":0,\"label\":\"Main\"},\n"
    "  {\"name\":\"current-{phase}\",\"type\":\"analog_input\",\"index\":\"4..6\",\n"
    "   \"vars\":{\"phase\":[\"a\",\"b\",\"c\"]},\"scale\":0.1,\"unit\":\"A\"},\n"
    "  {\"type\":\"counter\",\"index\":[0,1]}],\n"
    " \"controls\":[{\"name\":\"breaker\",\"type\":\"binary_output\",\"index\":0,\n"
    "   \"require\":[\"id\",\"expires\"],\"states\":{\"open\":{\"operation\":\"pulse_on\"},\n"
    "   \"close\":{\"operation\":\"latch_on\"}}}]}";

/* Two outstations of one mapping; the second has `own` keys. */
static int load(const char *own, struct gw_config **config, struct gw_config_errors *errors)
{
    char gateway[1024];
    snprintf(
        gateway, sizeof gateway,
        "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://x\"},\"outstations\":[\n"
        "{\"name\":\"plain\",\"connect\":\"tcp://h:1\",\"address\":10,\"mapping\":\"m.json\"},\n"
        "{\"name\":\"own\",\"connect\":\"tcp://h:2\",\"address\":10,\"mapping\":\"m.json\",\n"
        "%s}]}",
        own);
    const struct gw_config_text texts[] = {{"gateway.json", gateway, strlen(gateway)},
                                           {"m.json", mapping, strlen(mapping)}};
    *errors = (struct gw_config_errors){0};
    return gw_config_load_texts(texts, 2, config, errors);
}

static const struct gw_map_point *point(const struct gw_config *config, size_t outstation,
                                        const char *name)
{
    const struct gw_mapping *of = config->outstations[outstation].mapping;
    for (size_t i = 0; i < of->point_count; i++)
        if (strcmp(of->points[i].name, name) == 0)
            return &of->points[i];
    return NULL;
}

static struct gw_config *loaded(const char *own)
{
    struct gw_config *config = NULL;
    struct gw_config_errors errors;
    int error = load(own, &config, &errors);
    gw_config_errors_print(&errors, stderr);
    gw_config_errors_free(&errors);
    assert_int_equal(error, 0);
    return config;
}

static void release(struct gw_config *config)
{
    gw_config_free(config);
    assert_int_equal(gw_memory_used(GW_OWNER_CONFIG), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MAPPING), 0);
}

static void test_points(void **unused)
{
    (void)unused;
    struct gw_config *config =
        loaded("\"points\":[{\"name\":\"breaker\",\"label\":\"Feeder\",\"invert\":true},"
               "{\"name\":\"current-b\",\"scale\":0.01,\"deadband\":5},"
               "{\"name\":\"current-c\",\"enabled\":false},"
               "{\"name\":\"counter/1\",\"label\":\"Energy\"},"
               "{\"name\":\"door\",\"type\":\"binary_input\",\"index\":7}]");
    const struct gw_map_point *breaker = point(config, 1, "breaker");
    assert_string_equal(breaker->label, "Feeder");
    assert_true(breaker->invert);
    assert_int_equal(point(config, 1, "current-a")->index, 4);
    assert_true(point(config, 1, "current-a")->scale == 0.1);
    const struct gw_map_point *current = point(config, 1, "current-b");
    assert_int_equal(current->index, 5);
    assert_true(current->scale == 0.01 && current->deadband == 5 && current->decimals == 2);
    assert_string_equal(current->unit, "A");
    assert_null(point(config, 1, "current-c"));
    assert_null(point(config, 1, "counter/0")->label);
    assert_string_equal(point(config, 1, "counter/1")->label, "Energy");
    assert_int_equal(point(config, 1, "door")->index, 7);
    assert_int_equal(config->outstations[1].mapping->point_count, 6);
    /* The mapping itself is as it was. */
    assert_int_equal(config->outstations[0].mapping->point_count, 6);
    assert_string_equal(point(config, 0, "breaker")->label, "Main");
    assert_non_null(point(config, 0, "current-c"));
    assert_int_equal(config->outstations[1].mapping->control_count, 1);
    release(config);
}

static void test_all_of_an_element(void **unused)
{
    (void)unused;
    struct gw_config *config =
        loaded("\"points\":[{\"name\":\"current-{phase}\",\"unit\":\"kA\"}]");
    assert_string_equal(point(config, 1, "current-a")->unit, "kA");
    assert_string_equal(point(config, 1, "current-c")->unit, "kA");
    release(config);
}

static void test_controls(void **unused)
{
    (void)unused;
    struct gw_config *config =
        loaded("\"controls\":[{\"name\":\"breaker\",\"mode\":\"direct_operate\","
               "\"states\":{\"open\":{\"operation\":\"latch_off\"}}}]");
    const struct gw_mapping *own = config->outstations[1].mapping;
    assert_int_equal(own->controls[0].mode, GW_CONTROL_DIRECT_OPERATE);
    assert_int_equal(own->controls[0].state_count, 1); /* what stands there takes the place */
    assert_true(own->controls[0].require_id && own->controls[0].require_expires);
    assert_true(config->outstations[1].controls);
    assert_int_equal(config->outstations[0].mapping->controls[0].state_count, 2);
    release(config);
    config = loaded("\"controls\":false");
    assert_false(config->outstations[1].controls);
    assert_ptr_equal(config->outstations[1].mapping, config->outstations[0].mapping);
    release(config);
}

static void expect(const char *own, const char *wanted)
{
    struct gw_config *config = NULL;
    struct gw_config_errors errors;
    char said[4096] = "";
    size_t used = 0;
    assert_int_not_equal(load(own, &config, &errors), 0);
    for (size_t i = 0; i < errors.count; i++) {
        char line[1024];
        gw_config_error_format(errors.items + i, line, sizeof line);
        used += (size_t)snprintf(said + used, sizeof said - used, "%s\n", line);
    }
    gw_config_errors_free(&errors);
    assert_string_equal(said, wanted);
}

static void test_where_mistakes_are(void **unused)
{
    (void)unused;
    expect("\"points\":[{\"name\":\"breaker\",\"scale\":2}]",
           "gateway.json:4:29: outstations[1].points[0].scale: a point of type double_bit_input "
           "has none\n");
    expect("\"points\":[{\"name\":\"current-a\",\"scala\":2}]",
           "gateway.json:4:31: outstations[1].points[0].scala: unknown key, did you mean "
           "\"scale\"?\n");
    expect("\"points\":[{\"name\":\"door\"}]",
           "gateway.json:4:11: outstations[1].points[0]: \"index\" is missing: A number, a list, "
           "or a range \"4..6\".\ngateway.json:4:11: outstations[1].points[0]: \"type\" is "
           "missing: The point's DNP3 type.\n");
    expect("\"points\":[{\"name\":\"door\",\"type\":\"counter\",\"index\":1}]",
           "gateway.json:4:51: outstations[1].points[0].index: counter 1 is mapped twice, also at "
           "m.json:6\n");
    expect("\"points\":[{\"name\":\"breaker\",\"index\":\"4..5\"}]",
           "gateway.json:4:19: outstations[1].points[0].name: several indexes are called "
           "\"breaker\": put {index} or a variable into the name\n");
    expect("\"points\":[{\"label\":\"x\"},5]",
           "gateway.json:4:11: outstations[1].points[0]: \"name\" is missing: which one of the "
           "mapping's it changes, or a new one\ngateway.json:4:25: outstations[1].points[1]: "
           "expected an object: { ... }, found 5\n");
    expect("\"points\":{}", "gateway.json:4:10: outstations[1].points: expected a list: [ ... ], "
                            "found {}\n");
    expect("\"controls\":{}", "gateway.json:4:12: outstations[1].controls: expected true or false, "
                              "or a list of controls, found {}\n");
    expect("\"controls\":[{\"name\":\"breaker\",\"states\":{\"open\":{\"operation\":\"no\"}}}]",
           "gateway.json:4:61: outstations[1].controls[0].states.open.operation: expected "
           "\"nul\", \"pulse_on\", \"pulse_off\", \"latch_on\" or \"latch_off\", found "
           "\"no\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points), cmocka_unit_test(test_all_of_an_element),
        cmocka_unit_test(test_controls), cmocka_unit_test(test_where_mistakes_are)};
    gw_memory_adopt();
    return cmocka_run_group_tests_name("mapping_override", tests, NULL, NULL);
}
