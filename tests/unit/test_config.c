/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations that are right: what they resolve to. Wrong ones are in test_config_cases.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dnp3/error.h"
#include "gateway/base/memory.h"
#include "gateway/config/config.h"
#include "gateway/config/topic.h"

static struct gw_config *load(const char *text, const char *other)
{
    struct gw_config_text texts[] = {{"conf/gateway.json", text, strlen(text)},
                                     {"conf/more/lanes.json", other, strlen(other)}};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    int result = gw_config_load_texts(texts, 2, &config, &errors);
    gw_config_errors_print(&errors, stderr);
    assert_int_equal(result, 0);
    assert_int_equal(errors.count, strstr(text, "\"qos\": 0") ? 1 : 0); /* which is warned of */
    gw_config_errors_free(&errors);
    return config;
}

static void free_all(struct gw_config *config)
{
    gw_config_free(config);
    assert_int_equal(gw_memory_used(GW_OWNER_CONFIG), 0);
    assert_int_equal(gw_memory_used(GW_OWNER_MAPPING), 0);
}

static void test_defaults(void **state)
{
    (void)state;
    struct gw_config *config =
        load("{\"$schema\":\"x\",\"gateway\":\"north\",\"mqtt\":{\"url\":\"mqtt://broker\"},"
             "\"outstations\":[{\"name\":\"a\",\"connect\":\"tcp://10.0.0.1\",\"address\":10}]}",
             "");
    assert_string_equal(config->gateway, "north");
    assert_string_equal(config->file, "conf/gateway.json");
    assert_int_equal(strlen(config->revision), 8);
    assert_true(config->controls);
    assert_int_equal(config->clock, GW_CLOCK_AUTO);
    assert_int_equal(config->log_level, GW_LOG_INFO);
    assert_int_equal(config->mqtt.broker_count, 1);
    assert_string_equal(config->mqtt.brokers[0].host, "broker");
    assert_int_equal(config->mqtt.brokers[0].port, 1883);
    assert_string_equal(config->mqtt.client_id, "dnp3-mqtt-north");
    assert_null(config->mqtt.username);
    assert_null(config->mqtt.password);
    assert_int_equal(config->mqtt.keep_alive_s, 30);
    assert_int_equal(config->mqtt.qos, 1);
    assert_true(config->mqtt.retain);
    const struct gw_outstation_config *a = config->outstations;
    assert_string_equal(a->connect, "tcp://10.0.0.1:20000");
    assert_null(a->label);
    assert_true(a->enabled && a->controls && a->mapping->unmapped);
    const struct gw_channel_config *channel = config->channels + a->channel;
    assert_true(channel->is_private);
    assert_int_equal(channel->connect_timeout_ms, 10000);
    assert_int_equal(channel->reconnect_min_ms, 1000);
    assert_int_equal(channel->reconnect_max_ms, 60000);
    const struct gw_profile *profile = a->profile;
    assert_int_equal(profile->offline_after_ms, 30000);
    assert_int_equal(profile->master_address, 1);
    assert_int_equal(profile->response_timeout_ms, 5000);
    assert_int_equal(profile->keep_alive_ms, 60000);
    assert_int_equal(profile->max_fragment, 2048);
    assert_int_equal(profile->confirm, GW_CONFIRM_SAFE);
    assert_int_equal(profile->confirm_timeout_ms, 5000);
    assert_int_equal(profile->integrity, 0x0f);
    assert_int_equal(profile->unsolicited, 0x0e);
    assert_false(profile->unsolicited_untouched);
    assert_true(profile->clear_restart && profile->events_on_iin && profile->controls);
    assert_int_equal(profile->time_sync, GW_TIME_SYNC_LAN);
    assert_int_equal(profile->poll_count, 2);
    assert_int_equal(profile->polls[0].classes, 0x0e);
    assert_int_equal(profile->polls[0].every_ms, 60000);
    assert_int_equal(profile->polls[1].classes, 0x01);
    assert_int_equal(profile->polls[1].every_ms, 3600000);
    free_all(config);
}

static const char full[] =
    "{ \"gateway\": \"north\", \"controls\": true, \"clock\": \"trusted\", // a comment\n"
    "  \"log\": { \"level\": \"debug\", \"format\": \"json\" },\n"
    "  \"include\": [\"more/lanes.json\"],\n"
    "  \"mqtt\": { \"url\": [\"mqtt://one:1\", \"mqtt://[2001:db8::1]:2\"], \"client_id\": "
    "\"c-{gateway}\","
    "    \"version\": \"5\", \"username\": \"u\", \"keep_alive_s\": 1.5, \"qos\": 0, \"retain\": "
    "false,"
    "    \"republish\": \"never\", \"max_rate\": 12.5, \"prefix\": \"site/{gateway}\","
    "    \"topics\": { \"point\": \"{prefix}[/{area}]/{outstation}/{type}/{index}\","
    "                \"set\": \"{prefix}[/{area}]/{outstation}/do/{control}/now\" } },\n"
    "  \"profiles\": { \"default\": { \"keep_alive_s\": 0.25 },"
    "    \"fast\": { \"extends\": \"base\", \"polls\": [ { \"group\": 30, \"variation\": 5, "
    "\"index\": \"0..9\", \"every_s\": 0.5 } ] },"
    "    \"base\": { \"response_timeout_s\": 2, \"link_confirm\": true, \"unsolicited\": null, "
    "\"integrity\": [] } },\n"
    "  \"outstations\": [\n"
    "    { \"name\": \"a\", \"connect\": [\"tcp://${TEST_HOST}:1\", \"tcp://h2:2\"], \"address\": "
    "10, \"vars\": { \"area\": \"east\" } },\n"
    "    { \"name\": \"b\", \"channel\": \"lane\", \"address\": 10, \"profile\": \"fast\", "
    "\"label\": \"B\", \"enabled\": false },\n"
    "    { \"name\": \"c\", \"channel\": \"lane\", \"address\": 11, \"profile\": \"fast\", "
    "\"keep_alive_s\": 7, \"controls\": false },\n"
    "    { \"name\": \"d\", \"channel\": \"lane\", \"address\": 12, \"controls\": false, "
    "\"keep_alive_s\": 7, \"profile\": \"fast\" } ] }";
static const char lanes[] =
    "{ \"channels\": [ { \"name\": \"lane\", \"type\": \"tcp\", \"endpoints\": [\"l1:20000\", "
    "\"l2:20001\"],"
    "  \"connect_timeout_s\": 3, \"reconnect_s\": [0.5, 4] } ],"
    "  \"outstations\": [ { \"name\": \"z\", \"channel\": \"lane\", \"address\": 99 } ] }";

static void test_full(void **state)
{
    (void)state;
    setenv("TEST_HOST", "from-environment", 1);
    struct gw_config *config = load(full, lanes);
    assert_int_equal(config->clock, GW_CLOCK_TRUSTED);
    assert_int_equal(config->log_level, GW_LOG_DEBUG);
    assert_int_equal(config->log_format, GW_LOG_JSON);
    assert_int_equal(config->mqtt.broker_count, 2);
    assert_string_equal(config->mqtt.brokers[1].host, "2001:db8::1");
    assert_int_equal(config->mqtt.brokers[1].port, 2);
    assert_string_equal(config->mqtt.client_id, "c-north");
    assert_int_equal(config->mqtt.keep_alive_s, 2);
    assert_int_equal(config->mqtt.qos, 0);
    assert_false(config->mqtt.retain);
    assert_int_equal(config->mqtt.republish, GW_REPUBLISH_NEVER);
    assert_true(config->mqtt.max_rate == 12.5);
    assert_int_equal(config->outstation_count, 5);
    assert_int_equal(config->channel_count, 2);
    const struct gw_outstation_config *a = gw_config_outstation(config, "a/rest", 1);
    const struct gw_outstation_config *b = gw_config_outstation(config, "b", 1);
    const struct gw_outstation_config *c = gw_config_outstation(config, "c", 1);
    const struct gw_outstation_config *d = gw_config_outstation(config, "d", 1);
    const struct gw_outstation_config *z = gw_config_outstation(config, "z", 1);
    assert_true(a && b && c && d && z);
    assert_null(gw_config_outstation(config, "e", 1));
    assert_string_equal(a->connect, "tcp://from-environment:1");
    assert_int_equal(config->channels[a->channel].endpoint_count, 2);
    assert_int_equal(a->profile->keep_alive_ms, 250);
    assert_ptr_equal(a->profile, z->profile);
    assert_false(b->enabled);
    assert_string_equal(b->label, "B");
    assert_string_equal(b->profile->name, "fast");
    assert_int_equal(b->profile->response_timeout_ms, 2000);
    assert_true(b->profile->unsolicited_untouched);
    assert_true(b->profile->link_confirm);
    assert_false(a->profile->link_confirm);
    assert_int_equal(b->profile->integrity, 0);
    assert_int_equal(b->profile->keep_alive_ms, 60000);
    assert_int_equal(b->profile->poll_count, 1);
    assert_int_equal(b->profile->polls[0].group, 30);
    assert_int_equal(b->profile->polls[0].variation, 5);
    assert_true(b->profile->polls[0].ranged);
    assert_int_equal(b->profile->polls[0].last, 9);
    assert_int_equal(b->profile->polls[0].every_ms, 500);
    assert_true(b->controls);
    assert_false(c->controls);
    assert_int_equal(c->profile->keep_alive_ms, 7000);
    assert_ptr_equal(c->profile, d->profile);
    const struct gw_channel_config *lane = config->channels + b->channel;
    assert_false(lane->is_private);
    assert_string_equal(lane->name, "lane");
    assert_int_equal(lane->connect_timeout_ms, 3000);
    assert_int_equal(lane->reconnect_min_ms, 500);
    free_all(config);
}

static void check_match(const struct gw_config *config, const char *topic, const char *outstation,
                        const char *control)
{
    const struct gw_outstation_config *found = NULL;
    char name[64];
    int result = gw_topic_match(config, GW_TOPIC_SET, topic, &found, name, sizeof name);
    assert_int_equal(result, outstation ? 0 : DNP3_ERR_UNKNOWN);
    if (!outstation) {
        assert_null(found);
        return;
    }
    assert_string_equal(found->name, outstation);
    assert_string_equal(name, control);
}

static void test_topics(void **state)
{
    (void)state;
    struct gw_config *config = load(full, lanes);
    const struct gw_outstation_config *a = gw_config_outstation(config, "a", 1);
    const struct gw_outstation_config *b = gw_config_outstation(config, "b", 1);
    const struct gw_map_point *point = gw_mapping_point(a->mapping, DNP3_POINT_COUNTER, 7);
    char topic[GW_TOPIC_MAX];
    uint64_t calls = gw_memory_calls();
    gw_topic_gateway(config, topic, sizeof topic);
    assert_string_equal(topic, "site/north/status");
    gw_topic_outstation(config, GW_TOPIC_META, a, topic, sizeof topic);
    assert_string_equal(topic, "site/north/a/meta");
    assert_int_equal(gw_topic_point(config, a, point, 7, topic, sizeof topic),
                     strlen("site/north/east/a/counter/7"));
    assert_string_equal(topic, "site/north/east/a/counter/7");
    assert_int_equal(gw_topic_point(config, a, point, 7, topic, 10), DNP3_ERR_FULL);
    gw_topic_point(config, b, point, 7, topic, sizeof topic);
    assert_string_equal(topic, "site/north/b/counter/7");
    gw_topic_control(config, GW_TOPIC_RESULT, b, "command/integrity", topic, sizeof topic);
    assert_string_equal(topic, "site/north/b/result/command/integrity");
    gw_topic_filter(config, GW_TOPIC_COMMAND, topic, sizeof topic);
    assert_string_equal(topic, "site/north/+/command/#");
    gw_topic_filter(config, GW_TOPIC_SET, topic, sizeof topic);
    assert_string_equal(topic, "site/north/#");
    assert_int_equal(gw_topic_filter(config, GW_TOPIC_SET, topic, 5), DNP3_ERR_FULL);
    check_match(config, "site/north/east/a/do/trip/now", "a", "trip");
    check_match(config, "site/north/east/a/do/x/y/now", "a", "x/y");
    check_match(config, "site/north/b/do/trip/now", "b", "trip");
    check_match(config, "site/north/a/do/trip/now", NULL, NULL);
    check_match(config, "site/north/east/a/do/trip", NULL, NULL);
    check_match(config, "site/north/east/a/do//now", NULL, NULL);
    check_match(config, "site/north/nobody/do/trip/now", NULL, NULL);
    check_match(config, "", NULL, NULL);
    assert_true(gw_memory_calls() == calls);
    free_all(config);
}

/* The files that are shipped, as they are. */
static void test_shipped(void **state)
{
    (void)state;
    static const char *const paths[] = {"../mappings/gateway.json", "../mappings/demo.json"};
    setenv("MQTT_HOST", "broker", 1);
    setenv("DEMO_BROKER_PORT", "1883", 1);
    setenv("DEMO_PORT_1", "20001", 1);
    setenv("DEMO_PORT_2", "20002", 1);
    setenv("DEMO_PORT_3", "20003", 1);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct gw_config_errors errors = {0};
        struct gw_config *config = NULL;
        int result = gw_config_load(paths[i], &config, &errors);
        if (errors.count != 1)
            gw_config_errors_print(&errors, stderr);
        assert_int_equal(result, 0);
        assert_int_equal(errors.count, 1); /* the recloser's breaker takes a bare word */
        assert_true(config->outstation_count >= 3);
        gw_config_errors_free(&errors);
        free_all(config);
    }
}

static void test_password(void **state)
{
    (void)state;
    char path[] = "/tmp/test_config_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "s3cret\r\n", 8), 8);
    close(descriptor);
    char main_path[] = "/tmp/test_config_XXXXXX";
    descriptor = mkstemp(main_path);
    FILE *out = fdopen(descriptor, "w");
    assert_non_null(out);
    fprintf(out,
            "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\",\"username\":\"u\","
            "\"password_file\":\"%s\"}}",
            strrchr(path, '/') + 1);
    fclose(out);
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    assert_int_equal(gw_config_load(main_path, &config, &errors), 0);
    assert_string_equal(config->mqtt.password, "s3cret");
    assert_int_equal(errors.count, 0);
    gw_config_errors_free(&errors);
    free_all(config);
    unlink(path);
    unlink(main_path);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* The same name in another folder's file is another password. */
static void test_file_passwords(void **state)
{
    static const char gateway[] =
        "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"include\":[\"more/lanes.json\"],"
        "\"profiles\":{\"default\":{\"file_user\":\"us\",\"file_password_file\":\"secret\"}},"
        "\"outstations\":["
        "{\"name\":\"a\",\"connect\":\"tcp://10.0.0.1\",\"address\":10},"
        "{\"name\":\"b\",\"connect\":\"tcp://10.0.0.2\",\"address\":10,\"keep_alive_s\":5},"
        "{\"name\":\"c\",\"connect\":\"tcp://10.0.0.3\",\"address\":10,"
        "\"file_password_file\":\"secret\"}]}";
    static const char included[] =
        "{\"outstations\":["
        "{\"name\":\"d\",\"connect\":\"tcp://10.0.0.4\",\"address\":10,"
        "\"file_password_file\":\"secret\"},"
        "{\"name\":\"e\",\"connect\":\"tcp://10.0.0.5\",\"address\":10,\"file_user\":\"them\"}]}";
    static const char *const names[] = {"gateway.json", "secret", "more/lanes.json", "more/secret"};
    char folder[] = "/tmp/test_config_XXXXXX";
    char path[64];
    char longest[GW_FILE_LOGIN_MAX] = {0};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/more", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put(folder, names[0], gateway);
    put(folder, names[1], "s3cret\n");
    put(folder, names[2], included);
    memset(longest, 'x', GW_FILE_LOGIN_MAX - strlen("us"));
    put(folder, names[3], longest);
    snprintf(path, sizeof path, "%s/%s", folder, names[0]);
    assert_int_equal(gw_config_load(path, &config, &errors), 0);
    for (size_t i = 0; i < 5; i++) {
        const struct gw_profile *profile = config->outstations[i].profile;
        assert_string_equal(profile->file_user, i == 4 ? "them" : "us");
        assert_string_equal(profile->file_password, i == 3 ? longest : "s3cret");
    }
    gw_config_errors_print(&errors, stderr);
    assert_int_equal(errors.count, 0);
    gw_config_errors_free(&errors);
    free_all(config);
    longest[strlen(longest)] = 'x'; /* one octet more than there may be */
    put(folder, names[3], longest);
    assert_int_not_equal(gw_config_load(path, &config, &errors), 0);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].message,
                        "user name and password have more than 200 octets together");
    gw_config_errors_free(&errors);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/more", folder);
    rmdir(path);
    rmdir(folder);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    char line[200];
    assert_int_equal(gw_config_load("/nowhere/gateway.json", &config, &errors), DNP3_ERR_INVALID);
    assert_null(config);
    assert_int_equal(errors.count, 1);
    gw_config_error_format(errors.items, line, sizeof line);
    assert_string_equal(line, "/nowhere/gateway.json: cannot read it: No such file or directory");
    gw_config_errors_free(&errors);
    free_all(NULL);
}

/* The list is bounded; the rest is counted. */
static void test_many_errors(void **state)
{
    (void)state;
    char text[32 * 1024] = "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},\"channels\":[";
    size_t used = strlen(text);
    for (int i = 0; i < 300; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s",
                                 i ? ",{\"x\":1,\"name\":\"n\"}" : "{}");
    snprintf(text + used, sizeof text - used, "]}");
    struct gw_config_text texts[] = {{"g.json", text, strlen(text)}};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    assert_int_equal(gw_config_load_texts(texts, 1, &config, &errors), DNP3_ERR_INVALID);
    assert_int_equal(errors.count, GW_CONFIG_ERRORS_MAX);
    assert_int_equal(errors.count + errors.dropped, errors.errors);
    gw_config_errors_free(&errors);
    free_all(NULL);
}

/* Ten thousand outstations of one kind: one mapping, one profile, in a moment. */
static void test_many_outstations(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    char *text = malloc(COUNT * 160 + 200);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"gateway\":\"g\",\"mqtt\":{\"url\":\"mqtt://b\"},"
                                        "\"outstations\":[");
    for (int i = 0; i < COUNT; i++)
        used += (size_t)sprintf(text + used,
                                "%s{\"name\":\"o%d\",\"connect\":\"tcp://10.0.%d.%d:20000\","
                                "\"address\":10,\"keep_alive_s\":0,\"vars\":{\"site\":\"s%d\"}}",
                                i ? "," : "", i, i / 250, i % 250, i);
    memcpy(text + used, "]}", 3);
    struct gw_config *config = load(text, "");
    assert_int_equal(config->outstation_count, COUNT);
    assert_int_equal(config->profile_count, 2);
    assert_string_equal(gw_config_outstation(config, "o9999", 5)->vars[0].value, "s9999");
    assert_true(gw_memory_used(GW_OWNER_CONFIG) < COUNT * 400);
    free_all(config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),         cmocka_unit_test(test_full),
        cmocka_unit_test(test_topics),           cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_password),         cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_file_passwords),   cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_many_outstations),
    };
    gw_memory_adopt();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
