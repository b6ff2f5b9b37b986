/* SPDX-License-Identifier: Apache-2.0 */
/* The script's words for files, and what the host is told of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scenarios/script.h"

static void record(struct file_slot *slot, const char *text)
{
    world_record(slot->side->world, RECORD_FILE, slot->side->address, "%s", text);
}

static struct file_slot *slot_of(struct dnp3_file_transfer *transfer)
{
    return transfer->context;
}

static bool on_data(struct dnp3_file_transfer *transfer, const uint8_t *octets, size_t length)
{
    struct file_slot *slot = slot_of(transfer);
    char text[128];
    size_t shown = length < 40 ? length : 40;
    int n = snprintf(text, sizeof text, "data %zu \"", length);
    for (size_t i = 0; i < shown; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%c",
                      octets[i] >= ' ' && octets[i] < 0x7F ? octets[i] : '.');
    snprintf(text + n, sizeof text - (size_t)n, "\"");
    record(slot, text);
    return !slot->enough || transfer->transferred < slot->enough;
}

static bool on_entry(struct dnp3_file_transfer *transfer, const struct dnp3_file_descriptor *entry)
{
    struct file_slot *slot = slot_of(transfer);
    char text[128];
    snprintf(text, sizeof text, "entry %.*s %s %u %o @%lld", (int)entry->name.length,
             (const char *)entry->name.octets,
             entry->type == DNP3_FILE_TYPE_DIRECTORY ? "directory" : "file", entry->size,
             entry->permissions, (long long)entry->created_ms);
    record(slot, text);
    return !slot->enough || --slot->enough;
}

static const uint8_t *on_more(struct dnp3_file_transfer *transfer, size_t room, size_t *length,
                              bool *last)
{
    struct file_slot *slot = slot_of(transfer);
    const uint8_t *at = slot->content + slot->given;
    size_t left = slot->length - slot->given;
    if (slot->enough && slot->given >= slot->enough)
        return NULL;
    *length = left < room ? left : room;
    *last = left <= room;
    slot->given += *length;
    return at;
}

static void on_done(struct dnp3_file_transfer *transfer)
{
    struct file_slot *slot = slot_of(transfer);
    char text[128];
    const char *function = transfer->function ? dnp3_function_name(transfer->function) : "-";
    snprintf(text, sizeof text, "%s %s %s %s %llu", world_outcome(transfer->outcome),
             world_reason(transfer->reason), function, dnp3_file_status_name(transfer->status),
             (unsigned long long)transfer->transferred);
    record(slot, text);
    if (!slot->busy)
        world_record(slot->side->world, RECORD_BROKEN, 0, "a file transfer has one result");
    slot->busy = false;
}

static struct file_slot *new_slot(struct run *run, struct side *side)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file_slot *slot = &run->world.files[i];
        if (slot->busy)
            continue;
        memset(slot, 0, sizeof *slot);
        slot->side = side;
        slot->busy = true;
        slot->transfer = (struct dnp3_file_transfer){.name = slot->name,
                                                     .data = on_data,
                                                     .entry = on_entry,
                                                     .more = on_more,
                                                     .done = on_done,
                                                     .context = slot};
        return slot;
    }
    script_fail(run, "too many files under way", "");
    return NULL;
}

static void cancel(struct run *run, struct side *side, const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file_slot *slot = &run->world.files[i];
        if (slot->busy && slot->side == side && script_is(slot->name, name))
            dnp3_association_file_cancel(side->association, &slot->transfer);
    }
}

static void operation(struct run *run, struct file_slot *slot, const char *word)
{
    static const char *const words[] = {"read", "write", "delete", "info", "directory"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (script_is(word, words[i])) {
            slot->transfer.operation = (enum dnp3_file_operation)i;
            return;
        }
    script_fail(run, "no such operation", word);
}

/* A word with a value: attempts N, block N, ... */
static bool option(struct run *run, struct file_slot *slot, const char *word, char **text)
{
    struct dnp3_file_transfer *transfer = &slot->transfer;
    if (script_is(word, "user")) {
        snprintf(slot->user, sizeof slot->user, "%s", script_word(text));
        snprintf(slot->password, sizeof slot->password, "%s", script_word(text));
        transfer->user = slot->user;
        transfer->password = slot->password;
        return true;
    }
    if (script_is(word, "text")) {
        slot->length =
            (size_t)snprintf((char *)slot->content, sizeof slot->content, "%s", script_word(text));
        return true;
    }
    if (script_is(word, "append")) {
        transfer->append = true;
        return true;
    }
    double value = script_number(run, script_word(text));
    if (script_is(word, "attempts"))
        transfer->attempts = (uint8_t)value;
    else if (script_is(word, "block"))
        transfer->block_size = (uint16_t)value;
    else if (script_is(word, "wait"))
        transfer->wait_ms = (uint32_t)value;
    else if (script_is(word, "expires"))
        transfer->expires_ms = run->world.now + (uint64_t)value;
    else if (script_is(word, "created"))
        transfer->created_ms = (int64_t)value;
    else if (script_is(word, "permissions"))
        transfer->permissions = (uint16_t)value;
    else if (script_is(word, "size"))
        transfer->size = (uint32_t)value;
    else if (script_is(word, "enough"))
        slot->enough = (size_t)value;
    else
        return false;
    return true;
}

/* file OPERATION NAME [user NAME PASSWORD] [text TEXT] [append] [attempts N] [block N] [wait MS]
 * [expires MS] [created MS] [permissions N] [size N] [enough N] [= ok|offline|full|invalid]
 * file cancel NAME */
void script_file(struct run *run, char *text)
{
    struct side *side = script_side_of(run, &text);
    const char *what = script_word(&text);
    if (script_is(what, "cancel")) {
        cancel(run, side, text);
        world_pump(&run->world);
        return;
    }
    struct file_slot *slot = new_slot(run, side);
    if (!slot)
        return;
    const char *wanted = "ok";
    operation(run, slot, what);
    snprintf(slot->name, sizeof slot->name, "%s", script_word(&text));
    while (*text && !run->failed) {
        const char *word = script_word(&text);
        if (script_is(word, "="))
            wanted = script_word(&text);
        else if (!option(run, slot, word, &text))
            script_fail(run, "no such option", word);
    }
    int error = dnp3_association_file(side->association, &slot->transfer);
    if (error)
        slot->busy = false;
    if (!script_is(script_error_word(error), wanted))
        script_fail(run, "file() said", script_error_word(error));
    world_pump(&run->world);
}
