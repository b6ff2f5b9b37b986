/* SPDX-License-Identifier: Apache-2.0 */
/* The world of one scenario: a master on a channel, its outstations played by the script, a host
 * that does what the script says, and a clock that stands still until it is moved. Whatever the
 * master does becomes a record that the script must expect. */
#ifndef TESTS_SCENARIOS_WORLD_H
#define TESTS_SCENARIOS_WORLD_H

#include "dnp3/broadcast.h"
#include "dnp3/file_transfer.h"
#include "dnp3/master.h"
#include "dnp3/request.h"
#include "tests/lib/heap.h"

enum { SIDES_MAX = 4, POLLS_MAX = 8, TOKENS_MAX = 4096, COMMANDS_MAX = 64 };
enum { FILES_MAX = 16, FILE_OCTETS_MAX = 4096 };
enum { ASKS_MAX = 32, ASK_HEADERS_MAX = 700, ASK_POINTS_MAX = 300 };

/* What kinds of things a script expects; order matters within a kind only. */
#define RECORD_MAP(X)                                                                              \
    X(SENT, "sent")                                                                                \
    X(LINK, "sent on the link")                                                                    \
    X(EVENT, "event")                                                                              \
    X(POINTS, "points")                                                                            \
    X(PROBLEM, "problem")                                                                          \
    X(VOIDED, "voided")                                                                            \
    X(RESULT, "result")                                                                            \
    X(ANSWER, "answer")                                                                            \
    X(FILE, "file") /* octets, an entry, the result */                                             \
    X(ATTRIBUTE, "attribute")                                                                      \
    X(BROADCAST, "broadcast") /* sent, or its result */                                            \
    X(STRANGER, "stranger")                                                                        \
    X(BROKEN, "broken rule") /* an invariant that does not hold: never expected */

enum record_kind {
#define X(name, text) RECORD_##name,
    RECORD_MAP(X)
#undef X
};

struct record {
    enum record_kind kind;
    unsigned address;
    uint64_t at_ms;
    char *text;
    struct record *next;
};

/* Fragments that wait for a confirm, by UNS and sequence: what may be confirmed, and when. */
struct guard {
    bool awaited;   /* a fragment with CON came and is not confirmed yet */
    uint32_t token; /* 0: the host was not asked */
};

struct world;

struct side;

/* A request of the host's other than a control. */
struct ask {
    struct dnp3_request request;
    struct dnp3_broadcast broadcast; /* or this */
    struct dnp3_command command;
    struct dnp3_request_header headers[ASK_HEADERS_MAX];
    size_t header_count;
    struct dnp3_point points[ASK_POINTS_MAX];
    size_t point_count;
    struct dnp3_attribute attribute;
    char text[256]; /* of the attribute */
    struct side *side;
    bool busy;
};

/* One outstation and the host's view of it. */
struct side {
    struct world *world;
    unsigned address;
    struct dnp3_association_config config;
    struct dnp3_poll polls[POLLS_MAX];
    struct ask assign_class; /* headers only, for the startup step */
    struct dnp3_association *association;
    struct dnp3_transport up;   /* segments what the outstation says */
    struct dnp3_transport down; /* reassembles what the master says */
    enum dnp3_verdict verdict;
    struct guard guards[2][16];
    bool safe[TOKENS_MAX]; /* by token: the host said so */
    uint32_t last_token;   /* the last one that the host held */
    uint8_t fed_control;   /* of the fragment under way */
    bool manual;           /* the script acknowledges confirmed frames */
    bool linked;           /* a reset of the link came on this connection */
    bool fcb;              /* of the next confirmed frame */
    uint64_t frame;        /* digest of the last one */
    unsigned unacknowledged;
    bool asked; /* a request left and nothing was answered since */
    uint64_t asked_ms;
};

struct request_slot {
    struct dnp3_command_request request;
    struct dnp3_command commands[DNP3_COMMANDS_POINTS_MAX + 1];
    struct side *side;
    bool busy;
};

/* A file transfer of the host's. */
struct file_slot {
    struct dnp3_file_transfer transfer;
    char name[256];
    char user[64];
    char password[64];
    uint8_t content[FILE_OCTETS_MAX];
    size_t length;
    size_t given;
    size_t enough; /* octets or entries after which the host ends it; 0 = never */
    struct side *side;
    bool busy;
};

struct world {
    uint64_t now;
    int64_t wall_ms; /* at now = 0; negative: not to be trusted */
    bool line_busy;
    bool forbidden; /* nothing may act any more */
    bool half_duplex;
    bool connected;
    bool broadcast;   /* allowed */
    bool withholding; /* a poll of events then falls due and is passed over */
    uint16_t buffers;
    struct counted_heap heap;
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_master *master;
    struct dnp3_link_parser parser; /* of what the master writes */
    struct side sides[SIDES_MAX];
    size_t side_count;
    struct request_slot requests[COMMANDS_MAX];
    struct ask asks[ASKS_MAX];
    struct file_slot files[FILES_MAX];
    struct record *records;
    struct record **tail;
    size_t created; /* allocations when everything was created */
};

void world_init(struct world *world);
/* Creates pool, master and associations; later sides are not possible. */
void world_create(struct world *world);
/* Frees all and records what was not given back. */
void world_free(struct world *world);
struct side *world_side(struct world *world, unsigned address);

void world_connect(struct world *world);
void world_disconnect(struct world *world);
/* One outstation has another place; the connection stays. */
void world_move(struct world *world, struct side *side);
/* Octets to the master, one feed each `chunk` octets (0: in one piece). */
void world_feed(struct world *world, const uint8_t *octets, size_t length, size_t chunk);
void world_feed_datagram(struct world *world, const uint8_t *octets, size_t length);
/* Takes all that the master wants to send. */
void world_pump(struct world *world);
/* Moves the clock to `until`, stopping wherever the master wants to be called. */
void world_advance(struct world *world, uint64_t until);
/* Notes a fragment that the outstation is about to say. */
void world_say(struct side *side, const uint8_t *fragment, size_t length);

/* A rule was broken on the line of this outstation. */
void world_broken(struct side *side, const char *rule);
/* What is known of the confirm that answers a fragment of this control octet. */
struct guard *world_guard(struct side *side, uint8_t control);

struct request_slot *world_request(struct world *world, struct side *side);

struct ask *world_ask(struct world *world, struct side *side);

void world_record(struct world *world, enum record_kind kind, unsigned address, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
/* The oldest record of this kind and address, removed; the caller frees it. NULL: none. */
struct record *world_steal(struct world *world, enum record_kind kind, unsigned address);
void record_free(struct record *record);
const char *world_outcome(enum dnp3_command_outcome outcome);
const char *world_reason(enum dnp3_command_reason reason);
const char *record_kind_text(enum record_kind kind);

#endif
