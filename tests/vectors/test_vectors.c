/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the text vectors: every file of this folder, or those named on the command line. Each vector
 * is one test; README.md here says what a vector is. */
#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/heap.h"
#include "tests/vectors/describe.h"

enum { VECTORS_MAX = 1024, HEX_MAX = 8192, LINE_MAX_OCTETS = 1024 };

struct vector {
    const char *file;
    int line;
    char name[128];
    bool link; /* whole frames; else the octets of one fragment */
    uint8_t octets[HEX_MAX];
    size_t length;
    char *expected;
    size_t expected_length;
};

static struct vector *vectors[VECTORS_MAX];
static size_t vector_count;
static uint8_t seen[256][32];      /* a bit a variation that some vector's header names */
static uint8_t rewritten[256][32]; /* and of which objects were read and written again */
static struct text text;

static void fatal(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    exit(1);
}

static struct vector *add_vector(const char *file, int line, const char *title)
{
    struct vector *vector = calloc(1, sizeof *vector);
    if (!vector || vector_count == VECTORS_MAX)
        fatal(file, line, "too many vectors");
    vector->file = file;
    vector->line = line;
    vector->link = strncmp(title, "link:", 5) == 0;
    if (!vector->link && strncmp(title, "fragment:", 9) != 0)
        fatal(file, line, "expected \"=== link: NAME\" or \"=== fragment: NAME\"");
    const char *base = strrchr(file, '/');
    snprintf(vector->name, sizeof vector->name, "%s:%d%s", base ? base + 1 : file, line,
             strchr(title, ':') + 1);
    vectors[vector_count++] = vector;
    return vector;
}

static void add_octets(struct vector *vector, const char *hex, int line)
{
    while (*hex) {
        if (isspace((unsigned char)*hex)) {
            hex++;
            continue;
        }
        char pair[3] = {hex[0], hex[1], 0};
        char *end;
        unsigned long octet = strtoul(pair, &end, 16);
        if (*end || !pair[1] || vector->length == HEX_MAX)
            fatal(vector->file, line, "expected pairs of hexadecimal digits");
        vector->octets[vector->length++] = (uint8_t)octet;
        hex += 2;
    }
}

static void add_expected(struct vector *vector, const char *line)
{
    size_t length = strlen(line);
    char *longer = realloc(vector->expected, vector->expected_length + length + 2);
    if (!longer)
        fatal(vector->file, vector->line, "out of memory");
    memcpy(longer + vector->expected_length, line, length);
    memcpy(longer + vector->expected_length + length, "\n", 2);
    vector->expected = longer;
    vector->expected_length += length + 1;
}

/* Without its comment and the blanks around; a # in quotes is none. */
static char *trim(char *line)
{
    bool quoted = false;
    char *end = line;
    for (; *end && *end != '\n' && (quoted || *end != '#'); end++)
        quoted ^= *end == '"';
    while (end > line && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    while (isspace((unsigned char)*line))
        line++;
    return line;
}

static void read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fatal(path, 0, "cannot be opened");
    char buffer[LINE_MAX_OCTETS];
    struct vector *vector = NULL;
    bool hex = false;
    for (int number = 1; fgets(buffer, sizeof buffer, file); number++) {
        char *line = trim(buffer);
        if (*line == 0)
            continue;
        if (strncmp(line, "=== ", 4) == 0) {
            vector = add_vector(path, number, line + 4);
            hex = true;
        } else if (!vector) {
            fatal(path, number, "expected a line \"=== ...\" first");
        } else if (strcmp(line, "---") == 0) {
            hex = false;
        } else if (hex) {
            add_octets(vector, line, number);
        } else {
            add_expected(vector, line);
        }
    }
    fclose(file);
}

/* The stream in feeds of `part` octets. */
static void describe_stream(const struct vector *vector, size_t part)
{
    struct describer describer;
    dnp3_link_parser_init(&describer.link);
    dnp3_transport_init(&describer.transport, DNP3_FRAGMENT_MAX);
    describer.pool = dnp3_pool_create(&heap, 1);
    assert_non_null(describer.pool);
    for (size_t done = 0; done < vector->length; done += part) {
        size_t left = vector->length - done;
        describe_link(&text, &describer, vector->octets + done, left < part ? left : part);
    }
    describe_counters(&text, &describer);
    dnp3_transport_reset(&describer.transport, describer.pool);
    dnp3_pool_free(describer.pool);
}

/* Compares line by line, and shows the first that differs. */
static void compare(const struct vector *vector)
{
    const char *got = text.octets;
    const char *want = vector->expected ? vector->expected : "";
    int line = 1;
    while (*got || *want) {
        size_t got_length = strcspn(got, "\n");
        size_t want_length = strcspn(want, "\n");
        if (got_length != want_length || memcmp(got, want, got_length) != 0)
            fail_msg("%s:%d: line %d of the events\n  expected: %.*s\n  got:      %.*s\n"
                     "all events:\n%s",
                     vector->file, vector->line, line, (int)want_length, want, (int)got_length, got,
                     text.octets);
        got += got_length + (got[got_length] == '\n');
        want += want_length + (want[want_length] == '\n');
        line++;
    }
}

static void clear_text(void)
{
    text.length = 0;
    text.octets[0] = 0;
}

static void note_header(const struct dnp3_object_header *header, bool written_again)
{
    uint8_t bit = (uint8_t)(1U << header->variation % 8);
    seen[header->group][header->variation / 8] |= bit;
    if (written_again)
        rewritten[header->group][header->variation / 8] |= bit;
}

static bool is_noted(uint8_t noted[256][32], uint8_t group, uint8_t variation)
{
    return noted[group][variation / 8] >> variation % 8 & 1;
}

static void test_vector(void **state)
{
    const struct vector *vector = *state;
    if (vector->link) {
        for (size_t part = 1; part <= 3; part++) {
            clear_text();
            describe_stream(vector, part == 3 ? HEX_MAX : part);
            compare(vector);
        }
        return;
    }
    /* An exact copy, so that the address sanitizer sees a read past the end. */
    uint8_t *exact = malloc(vector->length ? vector->length : 1);
    assert_non_null(exact);
    memcpy(exact, vector->octets, vector->length);
    clear_text();
    describe_fragment(&text, dnp3_reader_of(exact, vector->length), note_header);
    free(exact);
    compare(vector);
}

static void test_every_row_has_a_vector(void **state)
{
    (void)state;
    size_t count;
    const struct dnp3_object_row *row = dnp3_object_rows(&count);
    for (; count > 0; count--, row++)
        if (!is_noted(seen, row->group, row->variation))
            fail_msg("no vector has a header g%uv%u", row->group, row->variation);
}

/* Variation 0 has no objects, nor do classes; a pattern's mask is read only. */
static bool has_both_directions(const struct dnp3_object_row *row)
{
    return row->variation && row->group != 60 && !(row->group == 12 && row->variation == 3);
}

static void test_every_row_is_read_and_written(void **state)
{
    (void)state;
    unsigned missing = 0;
    size_t count;
    const struct dnp3_object_row *row = dnp3_object_rows(&count);
    for (; count > 0; count--, row++)
        if (has_both_directions(row) && !is_noted(rewritten, row->group, row->variation)) {
            print_message("no vector has objects g%uv%u that are written as read\n", row->group,
                          row->variation);
            missing++;
        }
    assert_int_equal(missing, 0);
}

static void test_every_file_object_has_a_vector(void **state)
{
    (void)state;
    for (uint8_t variation = DNP3_FILE_AUTHENTICATION; variation <= DNP3_FILE_SPECIFICATION;
         variation++)
        if (!is_noted(rewritten, 70, variation))
            fail_msg("no vector has an object g70v%u that is written as read", variation);
}

static void read_all_files(void)
{
    static glob_t found;
    if (glob("vectors/*.txt", 0, NULL, &found) != 0)
        fatal("vectors", 0, "run this in tests/, or name files");
    for (size_t i = 0; i < found.gl_pathc; i++)
        read_file(found.gl_pathv[i]);
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[VECTORS_MAX + 3];
    for (int i = 1; i < argc; i++)
        read_file(argv[i]);
    if (argc == 1)
        read_all_files();
    size_t count = 0;
    for (; count < vector_count; count++)
        tests[count] = (struct CMUnitTest){.name = vectors[count]->name,
                                           .test_func = test_vector,
                                           .initial_state = vectors[count]};
    if (argc == 1) {
        tests[count++] = (struct CMUnitTest){.name = "every row has a vector",
                                             .test_func = test_every_row_has_a_vector};
        tests[count++] = (struct CMUnitTest){.name = "every row is read and written",
                                             .test_func = test_every_row_is_read_and_written};
        tests[count++] = (struct CMUnitTest){.name = "every file object has a vector",
                                             .test_func = test_every_file_object_has_a_vector};
    }
    int failed = _cmocka_run_group_tests("vectors", tests, count, NULL, NULL);
    for (size_t i = 0; i < vector_count; i++) {
        free(vectors[i]->expected);
        free(vectors[i]);
    }
    return failed;
}
