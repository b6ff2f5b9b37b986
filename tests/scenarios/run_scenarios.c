/* SPDX-License-Identifier: Apache-2.0 */
/* Runs scenario scripts: what the outstation says, what the master must say and tell, and how time
 * goes by. The words are explained in README.md. Every script runs twice, with whole frames and
 * octet by octet. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenarios/script.h"

/* The line. */

static void say_frame(struct run *run, uint8_t control, unsigned destination, unsigned source,
                      const uint8_t *data, size_t length)
{
    uint8_t wire[DNP3_LINK_FRAME_MAX];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    struct dnp3_link_frame frame = {.control = control,
                                    .destination = (uint16_t)destination,
                                    .source = (uint16_t)source,
                                    .data = data,
                                    .length = (uint16_t)length};
    dnp3_link_write(&out, &frame);
    world_feed(&run->world, wire, dnp3_writer_length(&out), run->chunk);
}

static void say_fragment(struct run *run, char *text, bool pump)
{
    static uint8_t octets[OCTETS_MAX];
    static uint8_t wire[OCTETS_MAX * 2];
    struct side *side = script_side_of(run, &text);
    size_t length = script_hex(run, text, octets);
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    dnp3_transport_write(&side->up, &out, 0x44, side->config.master_address,
                         (uint16_t)side->address, octets, length);
    world_say(side, octets, length);
    world_feed(&run->world, wire, dnp3_writer_length(&out), run->chunk);
    if (pump)
        world_pump(&run->world);
}

/* <link C [hex of user data] */
static void say_link(struct run *run, char *text)
{
    static uint8_t octets[OCTETS_MAX];
    struct side *side = script_side_of(run, &text);
    size_t length = script_hex(run, text, octets);
    if (length > 2) /* control octet, transport octet */
        world_say(side, octets + 2, length - 2);
    if (length)
        say_frame(run, octets[0], side->config.master_address, side->address, octets + 1,
                  length - 1);
    world_pump(&run->world);
}

/* <frame control destination source [hex of user data] */
static void say_any_frame(struct run *run, char *text)
{
    static uint8_t octets[OCTETS_MAX];
    unsigned control = (unsigned)strtoul(script_word(&text), NULL, 16);
    unsigned destination = (unsigned)script_number(run, script_word(&text));
    unsigned source = (unsigned)script_number(run, script_word(&text));
    size_t length = script_hex(run, text, octets);
    struct side *side = world_side(&run->world, source);
    if (side && length > 1 && octets[0] & DNP3_TRANSPORT_FIR)
        world_say(side, octets + 1, length - 1);
    say_frame(run, (uint8_t)control, destination, source, octets, length);
    world_pump(&run->world);
}

static void say_raw(struct run *run, char *text)
{
    static uint8_t octets[OCTETS_MAX];
    size_t length = script_hex(run, text, octets);
    world_feed(&run->world, octets, length, run->chunk);
    world_pump(&run->world);
}

static void say_datagram(struct run *run, char *text)
{
    static uint8_t octets[OCTETS_MAX];
    size_t length = script_hex(run, text, octets);
    world_feed_datagram(&run->world, octets, length);
    world_pump(&run->world);
}

static void heard(struct run *run, char *text)
{
    static uint8_t octets[OCTETS_MAX];
    static char plain[2 * OCTETS_MAX + 1];
    struct side *side = script_side_of(run, &text);
    if (script_is(text, "nothing")) {
        script_nothing_left(run);
        return;
    }
    size_t length = script_hex(run, text, octets);
    for (size_t i = 0; i < length; i++)
        snprintf(plain + 2 * i, 3, "%02X", octets[i]);
    script_expect(run, RECORD_SENT, side, plain);
}

/* Time. */

static void at(struct run *run, char *text)
{
    const char *step = script_word(&text);
    if (*step != '+')
        script_fail(run, "at +MILLISECONDS", step);
    world_advance(&run->world, run->world.now + (uint64_t)script_number(run, step + 1));
}

/* wait 5000: to the next deadline, which is so far away; wait: however far; wait up to 5000 */
static void wait_deadline(struct run *run, char *text)
{
    char detail[64];
    uint64_t deadline = dnp3_master_deadline(run->world.master);
    if (deadline == DNP3_NEVER) {
        script_fail(run, "there is no deadline to wait for", "");
        return;
    }
    uint64_t wait = deadline > run->world.now ? deadline - run->world.now : 0;
    const char *how = script_word(&text);
    bool at_most = script_is(how, "up");
    if (at_most)
        script_word(&text);
    const char *limit = at_most ? script_word(&text) : how;
    if (*limit) {
        uint64_t wanted = (uint64_t)script_number(run, limit);
        snprintf(detail, sizeof detail, "%llu", (unsigned long long)wait);
        if (at_most ? wait > wanted : wait != wanted)
            script_fail(run, "the next deadline is another", detail);
    }
    world_advance(&run->world, deadline);
}

/* The host. */

static void say_verdict(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    side->verdict = script_is(text, "hold")  ? DNP3_CONFIRM_HOLD
                    : script_is(text, "now") ? DNP3_CONFIRM_NOW
                                             : DNP3_CONFIRM_REFUSE;
}

static uint32_t token_of(struct run *run, const struct side *side, const char *text)
{
    if (script_is(text, "last"))
        return side->last_token;
    return (uint32_t)script_number(run, text);
}

static void confirm(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    uint32_t token = token_of(run, side, script_word(&text));
    const char *wanted = script_word(&text);
    if (token < TOKENS_MAX)
        side->safe[token] = true;
    int error = dnp3_association_confirm(side->association, token);
    if ((error == 0) != script_is(wanted, "ok"))
        script_fail(run, "confirm() said", error ? dnp3_error_text(error) : "ok");
    world_pump(&run->world);
}

static void refuse(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    dnp3_association_refuse(side->association, token_of(run, side, script_word(&text)));
    world_pump(&run->world);
}

static void demand(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    dnp3_association_demand(side->association, script_is(text, "integrity") ? DNP3_DEMAND_INTEGRITY
                                               : script_is(text, "events")  ? DNP3_DEMAND_EVENTS
                                                                            : DNP3_DEMAND_TIME);
    world_pump(&run->world);
}

static void probe(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    uint32_t within_ms = (uint32_t)script_number(run, script_word(&text));
    const char *refused = script_word(&text);
    int error = dnp3_association_probe(side->association, within_ms, run->world.now);
    int wanted = script_is(refused, "=") && script_is(text, "offline") ? DNP3_ERR_OFFLINE : 0;
    if (error != wanted)
        script_fail(run, "probe() said", error ? dnp3_error_text(error) : "ok");
    world_pump(&run->world);
}

static void withhold(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    run->world.withholding = script_is(text, "on");
    dnp3_association_withhold(side->association, run->world.withholding);
    world_pump(&run->world);
}

/* Expectations. */

static void expect_line(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    const char *kind = script_word(&text);
    for (enum record_kind k = RECORD_EVENT; k <= RECORD_STRANGER; k++)
        if (script_is(kind, record_kind_text(k))) {
            script_expect(run, k, side, text);
            return;
        }
    if (script_is(kind, "online")) {
        if (dnp3_association_online(side->association) != script_is(text, "yes"))
            script_fail(run, "online is not", text);
        return;
    }
    if (script_is(kind, "iin")) {
        char came[8];
        uint16_t iin = dnp3_association_iin(side->association);
        snprintf(came, sizeof came, "%02X%02X", iin & 0xFF, iin >> 8);
        if (!script_is(text, came))
            script_fail(run, "the indications are", came);
        return;
    }
    script_fail(run, "no such expectation", kind);
}

#define COUNTERS(X)                                                                                \
    X(rx_octets)                                                                                   \
    X(tx_octets)                                                                                   \
    X(requests)                                                                                    \
    X(responses)                                                                                   \
    X(unsolicited)                                                                                 \
    X(duplicates)                                                                                  \
    X(confirms)                                                                                    \
    X(confirm_late)                                                                                \
    X(voids)                                                                                       \
    X(refusals)                                                                                    \
    X(timeouts)                                                                                    \
    X(retries)                                                                                     \
    X(discarded)                                                                                   \
    X(malformed)                                                                                   \
    X(unsupported)                                                                                 \
    X(unprotected)                                                                                 \
    X(overflows)                                                                                   \
    X(restarts)                                                                                    \
    X(link_timeouts)                                                                               \
    X(link_discarded)                                                                              \
    X(link_retries)                                                                                \
    X(link_nacks)

static void counter(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    const struct dnp3_association_counters *counters = dnp3_association_counters(side->association);
    const struct dnp3_transport_counters *transport =
        dnp3_association_transport_counters(side->association);
    const char *name = script_word(&text);
    uint64_t value = UINT64_MAX;
    char detail[64];
#define X(field)                                                                                   \
    if (script_is(name, #field))                                                                   \
        value = counters->field;
    COUNTERS(X)
#undef X
    if (script_is(name, "no_buffer"))
        value = transport->no_buffer;
    if (script_is(name, "segments_discarded"))
        value = transport->discarded;
    if (!script_is(script_word(&text), "="))
        script_fail(run, "counter NAME = NUMBER", "");
    snprintf(detail, sizeof detail, "%s is %lld", name, (long long)value);
    if (value != (uint64_t)script_number(run, script_word(&text)))
        script_fail(run, "counter", detail);
}

/* Lines. */

static void line_state(struct run *run, char *text)
{
    run->world.line_busy = script_is(text, "busy");
    world_pump(&run->world); /* as when a socket becomes writable */
}

static void forbid(struct run *run, char *text)
{
    (void)text;
    run->world.forbidden = true;
}

static void allow(struct run *run, char *text)
{
    (void)text;
    run->world.forbidden = false;
}

static void wall(struct run *run, char *text)
{
    run->world.wall_ms = script_is(text, "unknown") ? -1 : (int64_t)script_number(run, text);
}

static void mute(struct run *run, char *text)
{
    run->muted[script_is(text, "problems")] = true;
}

static void connect_line(struct run *run, char *text)
{
    (void)text;
    if (!run->world.master)
        world_create(&run->world);
    world_connect(&run->world);
}

/* Connects, and answers startup with nothing to report, so that a script can be about what follows:
 * the next request has sequence 3. */
static void start(struct run *run, char *text)
{
    connect_line(run, text);
    for (size_t i = 0; i < run->world.side_count; i++) {
        struct side *side = &run->world.sides[i];
        struct record *record;
        while ((record = world_steal(&run->world, RECORD_SENT, side->address))) {
            char line[32];
            snprintf(line, sizeof line, "@%u %.2s810000", side->address, record->text);
            say_fragment(run, line, true);
            record_free(record);
        }
        while ((record = world_steal(&run->world, RECORD_EVENT, side->address)))
            record_free(record);
    }
}

static void disconnect_line(struct run *run, char *text)
{
    (void)text;
    world_disconnect(&run->world);
}

static void move(struct run *run, char *text)
{
    world_move(&run->world, script_side_of(run, &text));
}

static void outstation(struct run *run, char *text)
{
    if (!world_side(&run->world, (unsigned)script_number(run, text)))
        script_fail(run, "no room for an outstation", text);
}

static void buffers(struct run *run, char *text)
{
    run->world.buffers = (uint16_t)script_number(run, text);
}

static void broadcasts(struct run *run, char *text)
{
    run->world.broadcast = script_is(text, "allowed");
}

static void half_duplex(struct run *run, char *text)
{
    (void)text;
    run->world.half_duplex = true;
}

/* acks off: the script says what the link layer of an outstation says */
static void acks(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    side->manual = script_is(text, "off");
}

static void say(struct run *run, char *text)
{
    say_fragment(run, text, true);
}

static void say_more(struct run *run, char *text)
{
    say_fragment(run, text, false);
}

static void heard_link(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    script_expect(run, RECORD_LINK, side, text);
}

static const struct {
    const char *word;
    void (*run)(struct run *run, char *text);
    bool expects; /* looks at what happened; all others make something happen */
    bool before;  /* allowed before the first connect */
} lines[] = {{"outstation", outstation, false, true},
             {"buffers", buffers, false, true},
             {"half_duplex", half_duplex, false, true},
             {"set", script_set, false, true},
             {"poll", script_poll, false, true},
             {"broadcasts", broadcasts, false, true},
             {"acks", acks, false, true},
             {"assign_class", script_assign_class, false, true},
             {"wall", wall, false, true},
             {"line", line_state, false, true},
             {"forbid", forbid, false, true},
             {"allow", allow, false, true},
             {"verdict", say_verdict, false, true},
             {"mute", mute, false, true},
             {"connect", connect_line, false, true},
             {"start", start, false, true},
             {"disconnect", disconnect_line, false, false},
             {"moved", move, false, false},
             {"<", say, false, false},
             {"<+", say_more, false, false},
             {"<link", say_link, false, false},
             {"<frame", say_any_frame, false, false},
             {"<raw", say_raw, false, false},
             {"<datagram", say_datagram, false, false},
             {"at", at, false, false},
             {"wait", wait_deadline, false, false},
             {"confirm", confirm, false, false},
             {"refuse", refuse, false, false},
             {"demand", demand, false, false},
             {"probe", probe, false, false},
             {"withhold", withhold, false, false},
             {"command", script_command, false, false},
             {"request", script_request, false, false},
             {"broadcast", script_broadcast, false, false},
             {"file", script_file, false, false},
             {">", heard, true, false},
             {">link", heard_link, true, false},
             {"expect", expect_line, true, false},
             {"counter", counter, true, false}};

static void run_line(struct run *run, char *text)
{
    text[strcspn(text, "#\r\n")] = 0;
    for (size_t end = strlen(text); end > 0 && isspace((unsigned char)text[end - 1]); end--)
        text[end - 1] = 0;
    const char *first = script_word(&text);
    if (!*first)
        return;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!script_is(first, lines[i].word))
            continue;
        if (!lines[i].before && !run->world.master) {
            script_fail(run, "connect comes first", "");
            return;
        }
        if (!lines[i].expects)
            script_nothing_left(run);
        if (!run->failed)
            lines[i].run(run, text);
        return;
    }
    script_fail(run, "no such word", first);
}

static bool run_script(const char *path, size_t chunk)
{
    static char text[LINE_MAX_OCTETS];
    static struct run run;
    run = (struct run){.file = path, .chunk = chunk};
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return false;
    }
    world_init(&run.world);
    world_side(&run.world, 10);
    while (!run.failed && fgets(text, sizeof text, file)) {
        run.line++;
        run_line(&run, text);
    }
    fclose(file);
    script_nothing_left(&run);
    script_forget_records(&run);
    world_free(&run.world); /* a control under way may still get its result here */
    for (struct record *record; (record = world_steal(&run.world, RECORD_BROKEN, 0));) {
        script_fail(&run, "at the end", record->text);
        record_free(record);
    }
    script_forget_records(&run);
    return !run.failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        if (!run_script(argv[i], 0) || !run_script(argv[i], 1))
            failed++;
    printf("%d scenarios, %d failed\n", argc - 1, failed);
    return failed ? 1 : 0;
}
