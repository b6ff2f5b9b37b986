/* SPDX-License-Identifier: Apache-2.0 */
/* The library's outstation in virtual time, told what happens by lines on standard input. After
 * each line it prints what the outstation says, a line of hex a fragment's frames, and then a dot.
 * Of `verbs` below, `set` comes before `start`, which makes a fresh outstation, all others after
 * it. Controls of indexes below `controls` succeed and show in the output status of their index. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnp3/outstation.h"
#include "tests/lib/heap.h"

enum { LINE_MAX_OCTETS = 1 << 16, FILE_OCTETS = 1 << 14, EPOCH_S = 1500000000 };

/* One file, or a directory as its entries stand in it. */
struct file {
    char name[64];
    uint32_t size; /* as OPEN_FILE is answered */
    uint8_t octets[FILE_OCTETS];
    size_t length;
};

struct host {
    struct file file;
    struct dnp3_pool *pool;
    struct dnp3_outstation *outstation;
    struct dnp3_outstation_config config;
    uint64_t now;
    uint32_t controls;
    uint32_t restart_delay;
    bool restarts;   /* else it refuses to */
    bool restarting; /* when the answer has left */
};

static int64_t clock_of(void *user)
{
    return (int64_t)EPOCH_S * 1000 + (int64_t)((struct host *)user)->now;
}

static void write_time(void *user, int64_t time_ms)
{
    (void)user;
    (void)time_ms;
}

static int64_t restart(void *user, bool cold)
{
    struct host *host = user;
    (void)cold;
    host->restarting = host->restarts;
    return host->restarts ? (int64_t)host->restart_delay : -1;
}

static enum dnp3_status judge(void *user, const struct dnp3_command *command)
{
    return command->index < ((struct host *)user)->controls ? DNP3_STATUS_SUCCESS
                                                            : DNP3_STATUS_NOT_SUPPORTED;
}

/* What the output is after the command. */
static double outcome_of(const struct dnp3_command *command)
{
    enum { OPERATION = 0x0F, TRIP = 2 };
    if (command->type != DNP3_COMMAND_CROB)
        return command->value;
    return (command->code & OPERATION) != DNP3_OPERATION_LATCH_OFF && command->code >> 6 != TRIP;
}

static enum dnp3_status operate(void *user, const struct dnp3_command *command,
                                enum dnp3_operate_how how)
{
    struct host *host = user;
    enum dnp3_status status = judge(user, command);
    (void)how;
    if (status == DNP3_STATUS_SUCCESS)
        dnp3_outstation_update(host->outstation,
                               command->type == DNP3_COMMAND_CROB ? DNP3_POINT_BINARY_OUTPUT_STATUS
                                                                  : DNP3_POINT_ANALOG_OUTPUT_STATUS,
                               &(struct dnp3_point){.index = command->index,
                                                    .number = outcome_of(command),
                                                    .flags = DNP3_FLAG_ONLINE},
                               DNP3_EVENT_DETECT, host->now);
    return status;
}

static bool is_name(const struct host *host, struct dnp3_file_string name)
{
    return name.length == strlen(host->file.name) &&
           memcmp(name.octets, host->file.name, name.length) == 0;
}

static enum dnp3_file_status open_file(void *user, const struct dnp3_file_command *command,
                                       void **file, uint32_t *size)
{
    struct host *host = user;
    if (command->mode == DNP3_FILE_MODE_WRITE)
        snprintf(host->file.name, sizeof host->file.name, "%.*s", (int)command->name.length,
                 (const char *)command->name.octets);
    else if (!is_name(host, command->name))
        return DNP3_FILE_STATUS_NOT_FOUND;
    *file = &host->file;
    *size = command->mode == DNP3_FILE_MODE_READ ? host->file.size : 0;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status read_file(void *user, void *opened, uint64_t position,
                                       struct dnp3_writer *block, bool *last)
{
    const struct file *file = opened;
    size_t at = position < file->length ? (size_t)position : file->length;
    size_t room = dnp3_writer_left(block), left = file->length - at;
    (void)user;
    dnp3_writer_octets(block, file->octets + at, left < room ? left : room);
    *last = left <= room;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status write_file(void *user, void *opened, uint64_t position,
                                        const uint8_t *octets, size_t length, bool last)
{
    struct file *file = opened;
    (void)user, (void)last;
    if (position > FILE_OCTETS || length > FILE_OCTETS - position)
        return DNP3_FILE_STATUS_BLOCK_SIZE;
    memcpy(file->octets + position, octets, length);
    file->length = (size_t)position + length;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status close_file(void *user, void *opened, bool keep)
{
    (void)user, (void)opened, (void)keep;
    return DNP3_FILE_STATUS_SUCCESS;
}

static enum dnp3_file_status remove_file(void *user, const struct dnp3_file_command *command)
{
    return is_name(user, command->name) ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static enum dnp3_file_status file_info(void *user, struct dnp3_file_string name,
                                       struct dnp3_file_descriptor *descriptor)
{
    struct host *host = user;
    descriptor->size = host->file.size;
    return is_name(host, name) ? DNP3_FILE_STATUS_SUCCESS : DNP3_FILE_STATUS_NOT_FOUND;
}

static const struct dnp3_outstation_files files = {.open = open_file,
                                                   .read = read_file,
                                                   .write = write_file,
                                                   .close = close_file,
                                                   .remove = remove_file,
                                                   .info = file_info};

static const struct dnp3_outstation_callbacks callbacks = {.files = &files,
                                                           .select = judge,
                                                           .operate = operate,
                                                           .write_time = write_time,
                                                           .time = clock_of,
                                                           .restart = restart};

static void fail(const char *line)
{
    fprintf(stderr, "outstation_host: cannot do: %s\n", line);
    exit(1);
}

static bool set(struct host *host, const char *words)
{
    struct dnp3_outstation_config *config = &host->config;
    char key[32];
    unsigned long value;
    if (sscanf(words, "%31s %lu", key, &value) != 2)
        return false;
    if (strcmp(key, "address") == 0)
        config->address = (uint16_t)value;
    else if (strcmp(key, "master") == 0)
        config->master_address = (uint16_t)value;
    else if (strcmp(key, "confirm_timeout") == 0)
        config->confirm_timeout_ms = (uint32_t)value;
    else if (strcmp(key, "select_timeout") == 0)
        config->select_timeout_ms = (uint32_t)value;
    else if (strcmp(key, "unsolicited") == 0)
        config->unsolicited = value;
    else if (strcmp(key, "need_time") == 0)
        config->need_time = value;
    else if (strncmp(key, "events_", 7) == 0 && key[7] >= '1' && key[7] <= '3') /* of a class */
        config->event_capacity[key[7] - '1'] = (uint16_t)value;
    else if (strcmp(key, "points") == 0) /* of every type, at most */
        for (unsigned type = 0; type < DNP3_POINT_OCTET_STRING; type++) {
            config->database.count[type] = (uint32_t)value;
            config->database.setup[type].absent = true;
        }
    else if (strcmp(key, "controls") == 0)
        host->controls = (uint32_t)value;
    else if (strcmp(key, "restarts") == 0)
        host->restarts = value;
    else if (strcmp(key, "restart_delay") == 0)
        host->restart_delay = (uint32_t)value;
    else
        return false;
    return true;
}

static bool start(struct host *host, const char *words)
{
    (void)words;
    dnp3_outstation_free(host->outstation);
    host->outstation = dnp3_outstation_create(&heap, host->pool, &host->config, &callbacks, host);
    return host->outstation;
}

static bool point(struct host *host, const char *words)
{
    char name[32];
    unsigned index, event_class, static_variation, event_variation;
    if (sscanf(words, "%31s %u %u %u %u", name, &index, &event_class, &static_variation,
               &event_variation) != 5)
        return false;
    enum dnp3_point_type type = (enum dnp3_point_type)dnp3_point_type_from_name(name);
    struct dnp3_database *database = dnp3_outstation_database(host->outstation);
    struct dnp3_point_setup setup = {.event_class = (uint8_t)event_class,
                                     .static_variation = (uint8_t)static_variation,
                                     .event_variation = (uint8_t)event_variation};
    return dnp3_database_configure(database, type, index, &setup) == 0;
}

static bool update(struct host *host, const char *words, enum dnp3_event_mode mode)
{
    char name[32];
    unsigned index, flags;
    double number;
    int64_t time = 0;
    if (sscanf(words, "%31s %u %lf %u %" SCNd64, name, &index, &number, &flags, &time) < 4)
        return false;
    struct dnp3_point point = {.index = index,
                               .number = number,
                               .flags = (uint8_t)flags,
                               .time_ms = time ? time : clock_of(host),
                               .time_quality = DNP3_TIME_UNSYNCHRONIZED};
    enum dnp3_point_type type = (enum dnp3_point_type)dnp3_point_type_from_name(name);
    return dnp3_outstation_update(host->outstation, type, &point, mode, host->now) >= 0;
}

static bool from_hex(const char *hex, uint8_t *octets, size_t room, size_t *length)
{
    for (*length = 0; hex[0] && hex[1]; hex += 2)
        if (*length == room || sscanf(hex, "%2hhx", &octets[(*length)++]) != 1)
            return false;
    return true;
}

static bool octets(struct host *host, const char *hex)
{
    uint8_t octets[LINE_MAX_OCTETS / 2];
    size_t length;
    if (!from_hex(hex, octets, sizeof octets, &length))
        return false;
    dnp3_outstation_feed(host->outstation, octets, length, host->now);
    return true;
}

static bool file(struct host *host, const char *words)
{
    int used = 0;
    return sscanf(words, "%63s %" SCNu32 " %n", host->file.name, &host->file.size, &used) == 2 &&
           from_hex(words + used, host->file.octets, FILE_OCTETS, &host->file.length);
}

static bool pass(struct host *host, uint64_t until)
{
    host->now = until;
    dnp3_outstation_tick(host->outstation, host->now);
    return true;
}

static bool wait_for_deadline(struct host *host, const char *words)
{
    (void)words;
    uint64_t deadline = dnp3_outstation_deadline(host->outstation);
    if (deadline == UINT64_MAX)
        puts("never");
    return deadline == UINT64_MAX || pass(host, deadline > host->now ? deadline : host->now);
}

static bool initial(struct host *host, const char *words)
{
    return update(host, words, DNP3_EVENT_SUPPRESS);
}

static bool value(struct host *host, const char *words)
{
    return update(host, words, DNP3_EVENT_DETECT);
}

static bool event(struct host *host, const char *words)
{
    return update(host, words, DNP3_EVENT_FORCE);
}

static bool pass_ms(struct host *host, const char *words)
{
    return pass(host, host->now + strtoul(words, NULL, 10));
}

static bool indicate(struct host *host, const char *words)
{
    unsigned mask, values;
    if (sscanf(words, "%x %x", &mask, &values) != 2)
        return false;
    dnp3_outstation_indicate(host->outstation, (uint16_t)mask, (uint16_t)values);
    return true;
}

static bool connect(struct host *host, const char *words)
{
    (void)words;
    dnp3_outstation_connected(host->outstation, host->now);
    return true;
}

static bool disconnect(struct host *host, const char *words)
{
    (void)words;
    dnp3_outstation_disconnected(host->outstation);
    return true;
}

static const struct {
    const char *name;
    bool (*obey)(struct host *host, const char *words);
} verbs[] = {
    {"set", set},               /* KEY NUMBER */
    {"start", start},           /* with all points absent */
    {"point", point},           /* TYPE INDEX CLASS STATIC EVENT: there is one, so it reports */
    {"initial", initial},       /* TYPE INDEX NUMBER FLAGS: without an event */
    {"value", value},           /* the same: an event where the point has a class */
    {"event", event},           /* TYPE INDEX NUMBER FLAGS TIME: in any case; 0 = the clock's */
    {"indicate", indicate},     /* MASK VALUES: the indications that are the host's, in hex */
    {"connect", connect},       /* */
    {"disconnect", disconnect}, /* */
    {"file", file},             /* NAME SIZE HEX: the only one */
    {"octets", octets},         /* HEX: the master says */
    {"pass", pass_ms},          /* MS */
    {"wait", wait_for_deadline} /* "never" where there is none */
};

static bool obey(struct host *host, const char *verb, const char *words)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return (i < 2 || host->outstation) && verbs[i].obey(host, words);
    return false;
}

static void say(struct host *host)
{
    const uint8_t *out;
    size_t length;
    while (host->outstation &&
           (length = dnp3_outstation_take(host->outstation, &out, host->now)) > 0) {
        for (size_t i = 0; i < length; i++)
            printf("%02x", out[i]);
        puts("");
        if (host->restarting)
            dnp3_outstation_restart(host->outstation, host->now);
        host->restarting = false;
    }
    puts(".");
    fflush(stdout);
}

int main(void)
{
    static char line[LINE_MAX_OCTETS];
    static struct host host;
    host = (struct host){.pool = dnp3_pool_create(&heap, 2)};
    dnp3_outstation_config_default(&host.config);
    host.config.unsolicited_retries = DNP3_RETRY_FOREVER;
    while (fgets(line, sizeof line, stdin)) {
        char verb[16] = "";
        int used = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%15s %n", verb, &used) != 1 || !obey(&host, verb, line + used))
            fail(line);
        say(&host);
    }
    dnp3_outstation_free(host.outstation);
    dnp3_pool_free(host.pool);
    return 0;
}
