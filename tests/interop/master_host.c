/* SPDX-License-Identifier: Apache-2.0 */
/* The library's master on a TCP connection or a tty, for tests against other stacks:
 *   master_host PORT|TTY [KEY=VALUE]...
 * with time_sync=lan|non_lan|direct|none, events_on_iin=yes|no, integrity=0123, unsolicited=123
 * (- is none of them).
 * Orders are lines on standard input, what happens is JSON lines on standard output:
 *   request FUNCTION [GvV [FIRST..LAST | xLIMIT | INDEX=VALUE... | text=WORD]]...
 *   command sbo|direct|noack [crob INDEX CODE | int16|int32|float|double INDEX VALUE]...
 *   demand integrity|events|time
 *   file read|write|delete|info|directory NAME [USER PASSWORD] */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "dnp3/file_transfer.h"
#include "dnp3/master.h"
#include "dnp3/request.h"
#include "tests/lib/heap.h"

enum { OUTSTATION = 10, MASTER = 1, HEADERS_MAX = 16, POINTS_MAX = 64, LINE_OCTETS = 4096 };

/* One at a time: the tests wait for the end of each. */
static struct host {
    struct dnp3_master *master;
    struct dnp3_association *association;
    struct dnp3_association_config config;
    bool unsolicited; /* the fragment under way */
    struct dnp3_request request;
    struct dnp3_request_header headers[HEADERS_MAX];
    struct dnp3_point points[POINTS_MAX];
    size_t point_count;
    struct dnp3_attribute attribute; /* one at most */
    char text[LINE_OCTETS];          /* of it */
    struct dnp3_command_request control;
    struct dnp3_command commands[DNP3_COMMANDS_POINTS_MAX];
    struct dnp3_file_transfer file;
    char words[3][LINE_OCTETS]; /* of it: name, user, password */
} host;

static void give_up(const char *what)
{
    fprintf(stderr, "master_host: %s\n", what);
    exit(1);
}

static uint64_t clock_ms(clockid_t id)
{
    struct timespec at;
    clock_gettime(id, &at);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

static uint64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t wall_clock(void *user)
{
    (void)user;
    return (int64_t)clock_ms(CLOCK_REALTIME);
}

static void fragment(void *user, const struct dnp3_fragment *fragment)
{
    (void)user;
    host.unsolicited = fragment->unsolicited;
}

static void points(void *user, const struct dnp3_object_header *header,
                   const struct dnp3_point *points, size_t count)
{
    (void)user;
    enum dnp3_point_type type = (enum dnp3_point_type)header->row->type;
    for (size_t i = 0; i < count; i++) {
        printf("{\"point\":\"%s\",\"object\":\"g%uv%u\",\"index\":%" PRIu32 ",\"flags\":%u,"
               "\"time\":%" PRId64 ",\"unsolicited\":%s,\"value\":",
               dnp3_point_type_name(type), header->group, header->variation, points[i].index,
               points[i].flags, points[i].time_ms, host.unsolicited ? "true" : "false");
        if (type == DNP3_POINT_OCTET_STRING)
            printf("\"%.*s\"}\n", (int)points[i].length, (const char *)points[i].octets);
        else
            printf("%.17g}\n", points[i].number);
    }
}

static void problem(void *user, const struct dnp3_object_header *header, int error,
                    const uint8_t *octets, size_t length)
{
    (void)user, (void)octets, (void)length;
    printf("{\"problem\":%d,\"object\":\"g%uv%u\"}\n", error, header->group, header->variation);
}

static enum dnp3_verdict fragment_end(void *user, const struct dnp3_fragment *fragment)
{
    (void)user, (void)fragment;
    return DNP3_CONFIRM_NOW;
}

static void event(void *user, enum dnp3_association_event event, unsigned detail)
{
    (void)user;
    printf("{\"event\":\"%s\",\"detail\":%u}\n", dnp3_association_event_text(event), detail);
}

static const char *const outcomes[] = {[DNP3_OUTCOME_DONE] = "done",
                                       [DNP3_OUTCOME_REFUSED] = "refused",
                                       [DNP3_OUTCOME_FAILED] = "failed",
                                       [DNP3_OUTCOME_UNKNOWN] = "unknown"};

static void request_done(struct dnp3_request *request)
{
    printf("{\"answer\":\"%s\",\"iin\":%u,\"delay\":%" PRId64 "}\n", outcomes[request->outcome],
           request->iin, request->delay_ms == DNP3_NO_DELAY ? -1 : (int64_t)request->delay_ms);
}

static void control_done(struct dnp3_command_request *control)
{
    printf("{\"result\":\"%s\",\"stage\":%u,\"status\":[", outcomes[control->outcome],
           control->stage);
    for (size_t i = 0; i < control->count; i++)
        printf("%s%u", i ? "," : "", control->commands[i].status);
    puts("]}");
}

static uint8_t function_of(const char *name)
{
    for (unsigned function = 0; function < 128; function++) {
        const char *known = dnp3_function_name((uint8_t)function);
        if (known && strcmp(known, name) == 0)
            return (uint8_t)function;
    }
    give_up(name);
    return 0;
}

/* A word behind the function: a header, or what belongs to the last one. */
static void take_word(const char *word)
{
    unsigned first, second;
    double value;
    if (sscanf(word, "%uv%u", &first, &second) == 2 && host.request.count < HEADERS_MAX) {
        host.headers[host.request.count++] =
            (struct dnp3_request_header){.group = (uint8_t)first, .variation = (uint8_t)second};
        return;
    }
    if (!host.request.count)
        give_up(word);
    struct dnp3_request_header *header = &host.headers[host.request.count - 1];
    if (sscanf(word, "%u..%u", &first, &second) == 2) {
        header->ranged = true;
        header->start = first;
        header->stop = second;
    } else if (sscanf(word, "x%u", &first) == 1) {
        header->count = first;
    } else if (sscanf(word, "%u=%lf", &first, &value) == 2 && host.point_count < POINTS_MAX) {
        struct dnp3_point *point = &host.points[host.point_count++];
        *point = (struct dnp3_point){.index = first, .number = value, .flags = DNP3_FLAG_ONLINE};
        header->points = header->points ? header->points : point;
        header->count++;
    } else if (sscanf(word, "text=%4095s", host.text) == 1) {
        host.attribute = (struct dnp3_attribute){.type = DNP3_ATTRIBUTE_TYPE_VISIBLE_STRING,
                                                 .octets = (const uint8_t *)host.text,
                                                 .length = (uint16_t)strlen(host.text)};
        header->attribute = &host.attribute;
    } else {
        give_up(word);
    }
}

static void order_request(void)
{
    host.request = (struct dnp3_request){
        .function = function_of(strtok(NULL, " ")), .headers = host.headers, .done = request_done};
    host.point_count = 0;
    for (const char *word; (word = strtok(NULL, " ")) != NULL;)
        take_word(word);
    int error = dnp3_association_request(host.association, &host.request);
    if (error)
        printf("{\"answer\":\"error %d\"}\n", error);
}

static enum dnp3_command_type command_type(const char *word)
{
    return strcmp(word, "crob") == 0    ? DNP3_COMMAND_CROB
           : strcmp(word, "int32") == 0 ? DNP3_COMMAND_ANALOG_INT32
           : strcmp(word, "int16") == 0 ? DNP3_COMMAND_ANALOG_INT16
           : strcmp(word, "float") == 0 ? DNP3_COMMAND_ANALOG_FLOAT
                                        : DNP3_COMMAND_ANALOG_DOUBLE;
}

static void order_command(void)
{
    const char *mode = strtok(NULL, " ");
    host.control = (struct dnp3_command_request){
        .mode = strcmp(mode, "sbo") == 0      ? DNP3_SELECT_BEFORE_OPERATE
                : strcmp(mode, "direct") == 0 ? DNP3_DIRECT_OPERATE
                                              : DNP3_DIRECT_OPERATE_NO_ACK,
        .commands = host.commands,
        .done = control_done};
    for (const char *word;
         (word = strtok(NULL, " ")) != NULL && host.control.count < DNP3_COMMANDS_POINTS_MAX;) {
        struct dnp3_command *command = &host.commands[host.control.count++];
        *command = (struct dnp3_command){
            .type = command_type(word), .count = 1, .on_ms = 100, .off_ms = 200};
        const char *index = strtok(NULL, " ");
        const char *value = strtok(NULL, " ");
        if (!index || !value)
            give_up("a command without index and value");
        command->index = (uint32_t)strtoul(index, NULL, 10);
        if (command->type == DNP3_COMMAND_CROB)
            command->code = (uint8_t)strtoul(value, NULL, 0);
        else
            command->value = strtod(value, NULL);
    }
    int error = dnp3_association_command(host.association, &host.control);
    if (error)
        printf("{\"result\":\"error %d\"}\n", error);
}

static bool file_data(struct dnp3_file_transfer *file, const uint8_t *octets, size_t length)
{
    (void)file, (void)octets;
    printf("{\"data\":%zu}\n", length);
    return true;
}

static bool file_entry(struct dnp3_file_transfer *file, const struct dnp3_file_descriptor *entry)
{
    (void)file;
    printf("{\"entry\":\"%.*s\"}\n", (int)entry->name.length, (const char *)entry->name.octets);
    return true;
}

static const uint8_t *file_more(struct dnp3_file_transfer *file, size_t room, size_t *length,
                                bool *last)
{
    static const uint8_t hello[] = "hello";
    (void)file, (void)room;
    *length = sizeof hello - 1;
    *last = true;
    return hello;
}

static void file_done(struct dnp3_file_transfer *file)
{
    const char *function = dnp3_function_name(file->function);
    printf("{\"file\":\"%s\",\"reason\":%d,\"function\":\"%s\",\"iin\":%u}\n",
           outcomes[file->outcome], (int)file->reason, function ? function : "", file->iin);
}

static void order_file(void)
{
    static const char *const operations[] = {[DNP3_FILE_OPERATION_READ] = "read",
                                             [DNP3_FILE_OPERATION_WRITE] = "write",
                                             [DNP3_FILE_OPERATION_DELETE] = "delete",
                                             [DNP3_FILE_OPERATION_INFO] = "info",
                                             [DNP3_FILE_OPERATION_DIRECTORY] = "directory"};
    const char *operation = strtok(NULL, " ");
    unsigned given = 0;
    for (const char *word; given < 3 && (word = strtok(NULL, " ")) != NULL; given++)
        snprintf(host.words[given], sizeof host.words[given], "%s", word);
    host.file = (struct dnp3_file_transfer){.name = host.words[0],
                                            .user = given == 3 ? host.words[1] : NULL,
                                            .password = given == 3 ? host.words[2] : NULL,
                                            .size = 5,
                                            .data = file_data,
                                            .entry = file_entry,
                                            .more = file_more,
                                            .done = file_done};
    for (unsigned i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operation, operations[i]) == 0)
            host.file.operation = (enum dnp3_file_operation)i;
    int error = dnp3_association_file(host.association, &host.file);
    if (error)
        printf("{\"file\":\"error %d\"}\n", error);
}

static void obey(char *line)
{
    const char *verb = strtok(line, " ");
    if (!verb)
        return;
    if (strcmp(verb, "request") == 0)
        order_request();
    else if (strcmp(verb, "command") == 0)
        order_command();
    else if (strcmp(verb, "file") == 0)
        order_file();
    else if (strcmp(verb, "demand") == 0) {
        const char *what = strtok(NULL, " ");
        dnp3_association_demand(host.association, strcmp(what, "time") == 0 ? DNP3_DEMAND_TIME
                                                  : strcmp(what, "events") == 0
                                                      ? DNP3_DEMAND_EVENTS
                                                      : DNP3_DEMAND_INTEGRITY);
    } else {
        give_up(verb);
    }
}

static uint8_t classes_of(const char *digits)
{
    uint8_t classes = 0;
    for (; *digits >= '0' && *digits <= '3'; digits++)
        classes |= (uint8_t)(1u << (*digits - '0'));
    return classes;
}

static void set(const char *argument)
{
    static const char *const ways[] = {"none", "lan", "non_lan", "direct"};
    const char *value = strchr(argument, '=');
    if (!value++)
        give_up(argument);
    if (strncmp(argument, "integrity=", 10) == 0)
        host.config.integrity = classes_of(value);
    else if (strncmp(argument, "unsolicited=", 12) == 0)
        host.config.unsolicited = classes_of(value);
    else if (strncmp(argument, "events_on_iin=", 14) == 0)
        host.config.events_on_iin = strcmp(value, "yes") == 0;
    else if (strncmp(argument, "time_sync=", 10) == 0)
        for (unsigned way = 0; way < sizeof ways / sizeof ways[0]; way++)
            host.config.time_sync =
                strcmp(value, ways[way]) == 0 ? (enum dnp3_time_sync)way : host.config.time_sync;
    else
        give_up(argument);
}

/* A number is a port of 127.0.0.1, anything else a tty. */
static int open_channel(const char *name)
{
    struct termios line;
    char *end;
    unsigned long port = strtoul(name, &end, 10);
    int fd = *end ? open(name, O_RDWR | O_NOCTTY) : socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || (!*end && connect(fd, (struct sockaddr *)&to, sizeof to)))
        give_up("no connection");
    if (*end && tcgetattr(fd, &line) == 0) {
        cfmakeraw(&line);
        tcsetattr(fd, TCSANOW, &line);
    }
    return fd;
}

static void send_all(int fd)
{
    const uint8_t *out;
    for (size_t n; (n = dnp3_master_take(host.master, &out, now_ms())) > 0;)
        for (size_t sent = 0; sent < n;) {
            ssize_t written = write(fd, out + sent, n - sent);
            if (written < 0)
                give_up("the connection ended");
            sent += (size_t)written;
        }
}

/* Reads what there is of the orders; false at their end. Standard input is not buffered. */
static bool take_orders(void)
{
    static char lines[LINE_OCTETS];
    static size_t length;
    ssize_t got = read(STDIN_FILENO, lines + length, sizeof lines - 1 - length);
    if (got <= 0)
        return false;
    length += (size_t)got;
    lines[length] = '\0';
    for (char *end; (end = strchr(lines, '\n')) != NULL;) {
        *end = '\0';
        obey(lines);
        length -= (size_t)(end + 1 - lines);
        memmove(lines, end + 1, length + 1);
    }
    return true;
}

static void run(int fd)
{
    uint8_t in[4096];
    struct pollfd wanted[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        send_all(fd);
        fflush(stdout);
        uint64_t now = now_ms(), deadline = dnp3_master_deadline(host.master);
        uint64_t wait = deadline <= now ? 0 : deadline - now < 1000 ? deadline - now : 1000;
        if (poll(wanted, 2, (int)wait) < 0)
            give_up("poll");
        ssize_t got = wanted[0].revents ? read(fd, in, sizeof in) : 0;
        if (wanted[0].revents && got <= 0)
            return;
        dnp3_master_feed(host.master, in, (size_t)got, now_ms());
        if (wanted[1].revents && !take_orders())
            return;
        dnp3_master_tick(host.master, now_ms());
    }
}

int main(int argc, char **argv)
{
    static const struct dnp3_association_callbacks callbacks = {.fragment = fragment,
                                                                .points = points,
                                                                .problem = problem,
                                                                .fragment_end = fragment_end,
                                                                .event = event,
                                                                .wall_clock = wall_clock};
    if (argc < 2)
        give_up("which port or tty?");
    dnp3_association_config_default(&host.config);
    host.config.master_address = MASTER;
    for (int i = 2; i < argc; i++)
        set(argv[i]);
    struct dnp3_pool *pool = dnp3_pool_create(&heap, 1);
    host.master =
        dnp3_master_create(&(struct dnp3_master_config){.allocator = &heap, .pool = pool});
    if (dnp3_association_create(host.master, OUTSTATION, &host.config, &callbacks, NULL,
                                &host.association))
        give_up("no memory");
    int fd = open_channel(argv[1]);
    dnp3_master_connected(host.master, now_ms());
    run(fd);
    dnp3_master_disconnected(host.master, now_ms());
    dnp3_master_free(host.master);
    dnp3_pool_free(pool);
    close(fd);
    return 0;
}
