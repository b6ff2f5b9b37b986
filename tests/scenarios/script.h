/* SPDX-License-Identifier: Apache-2.0 */
/* A script under way: its words, and what it expects of the world. */
#ifndef TESTS_SCENARIOS_SCRIPT_H
#define TESTS_SCENARIOS_SCRIPT_H

#include "tests/scenarios/world.h"

enum { LINE_MAX_OCTETS = 8192, OCTETS_MAX = 8192 };

struct run {
    struct world world;
    const char *file;
    int line;
    size_t chunk;
    bool failed;
    bool muted[2]; /* points and problems are not expected one by one */
};

/* Tells of the first failure, with file and line. */
void script_fail(struct run *run, const char *what, const char *detail);

/* The next word of a line; `text` moves on to what follows it. */
char *script_word(char **text);
bool script_is(const char *a, const char *b);
double script_number(struct run *run, const char *text);
/* Octets in hex, at most OCTETS_MAX; blanks do not matter, (A0 B1)*3 repeats. */
size_t script_hex(struct run *run, const char *text, uint8_t *octets);
/* "@11" at the start of what follows chooses an outstation; without it the first is meant. */
struct side *script_side_of(struct run *run, char **text);

/* set KEY VALUE, before connect */
void script_set(struct run *run, char *text);
/* poll class 123 every 10000 | poll 30v1 all every 5000 | poll 30v1 0..99 every 5000 |
 * poll class 1 x10 every 1000 | poll 2v0 x10 every 1000 */
void script_poll(struct run *run, char *text);
/* command sbo|direct|noack POINT.. [expires MS] [= ok|offline|full|invalid] */
void script_command(struct run *run, char *text);
/* request FUNCTION [attempts N] [expires MS] [at MS] [every MS] HEADER.. [=
 * ok|offline|full|invalid]
 */
void script_request(struct run *run, char *text);
/* broadcast DESTINATION FUNCTION [expires MS] [latch_on INDEX] HEADER.. [= ok|..] */
void script_broadcast(struct run *run, char *text);
/* file OPERATION NAME ..., file cancel NAME */
void script_file(struct run *run, char *text);
/* How a call's error is spelt: ok, offline, full, invalid. */
const char *script_error_word(int error);
/* assign_class HEADER.., before connect */
void script_assign_class(struct run *run, char *text);

/* Fails where something happened that the script did not ask for. */
void script_nothing_left(struct run *run);
void script_forget_records(struct run *run);
/* The oldest record of this kind must read so. */
void script_expect(struct run *run, enum record_kind kind, struct side *side, const char *text);

#endif
