/* SPDX-License-Identifier: Apache-2.0 */
/* Segments wait, sorted, behind a gap. It is closed by what comes late, or given up: when the other
 * end has acknowledged it a while ago, when too much waits, or at the end. Where segments overlap
 * the octets that came first count. Where the beginning was not captured the first segments wait
 * too, until it is known which of them is the first. */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

void stream_init(struct stream *stream)
{
    memset(stream, 0, sizeof *stream);
}

void stream_release(struct stream *stream)
{
    free(stream->waiting);
    stream_init(stream);
}

/* How far `sequence` lies after `base`; they wrap at 2^32. */
static int64_t distance(uint32_t sequence, uint32_t base)
{
    return (int32_t)(sequence - base);
}

static void hand_out(struct stream *stream, const struct stream_segment *segment,
                     const struct stream_sink *sink)
{
    size_t whole = segment->length + segment->missing;
    int64_t old = distance(stream->next, segment->sequence);
    if (old < 0 || (uint64_t)old >= whole)
        return;
    size_t skip = (size_t)old;
    if (skip < segment->length)
        sink->octets(sink->user, segment->octets + skip, segment->length - skip, segment->number);
    if (segment->missing)
        sink->gap(sink->user, segment->missing, segment->number);
    stream->next = segment->sequence + (uint32_t)whole;
}

/* Hands out what waits and follows now without a gap. */
static void advance(struct stream *stream, const struct stream_sink *sink)
{
    size_t done = 0;
    while (done < stream->waiting_count &&
           distance(stream->waiting[done].sequence, stream->next) <= 0)
        hand_out(stream, &stream->waiting[done++], sink);
    stream->waiting_count -= done;
    if (done)
        memmove(stream->waiting, stream->waiting + done,
                stream->waiting_count * sizeof *stream->waiting);
    if (stream->waiting_count == 0)
        stream->waited_for = false;
}

static void give_up_gap(struct stream *stream, const struct stream_sink *sink)
{
    const struct stream_segment *first = &stream->waiting[0];
    sink->gap(sink->user, (size_t)distance(first->sequence, stream->next), first->number);
    stream->next = first->sequence;
    stream->waited_for = false;
    advance(stream, sink);
}

/* What waits begins with the first segment. */
static void settle(struct stream *stream, const struct stream_sink *sink)
{
    stream->settling = false;
    advance(stream, sink);
}

void stream_flush(struct stream *stream, const struct stream_sink *sink)
{
    settle(stream, sink);
    while (stream->waiting_count > 0)
        give_up_gap(stream, sink);
}

void stream_start(struct stream *stream, uint32_t sequence, const struct stream_sink *sink)
{
    stream_flush(stream, sink);
    stream->started = true;
    stream->guessed = stream->told = stream->settling = false;
    stream->first = stream->next = sequence;
}

static void guess_start(struct stream *stream, uint32_t sequence, const struct stream_sink *sink)
{
    stream_start(stream, sequence, sink);
    stream->guessed = true;
}

/* All of it lies before what was taken for the beginning. */
static bool is_early(const struct stream *stream, const struct stream_segment *segment)
{
    size_t whole = segment->length + segment->missing;
    return stream->guessed && distance(segment->sequence + (uint32_t)whole, stream->first) <= 0;
}

static bool wait_for_gap(struct stream *stream, const struct stream_segment *segment)
{
    if (stream->waiting_count == stream->waiting_size) {
        size_t size = stream->waiting_size ? stream->waiting_size * 2 : 8;
        struct stream_segment *more = realloc(stream->waiting, size * sizeof *more);
        if (!more)
            return false;
        stream->waiting = more;
        stream->waiting_size = size;
    }
    size_t at = stream->waiting_count;
    while (at > 0 && distance(stream->waiting[at - 1].sequence, segment->sequence) > 0)
        at--;
    memmove(stream->waiting + at + 1, stream->waiting + at,
            (stream->waiting_count - at) * sizeof *stream->waiting);
    stream->waiting[at] = *segment;
    stream->waiting_count++;
    return true;
}

static void be_patient(struct stream *stream, const struct stream_sink *sink)
{
    if (stream->waited_for && stream->waiting_count > 0 && stream->patience-- == 0)
        give_up_gap(stream, sink);
}

static bool wait_for_first(struct stream *stream, const struct stream_segment *segment,
                           const struct stream_sink *sink)
{
    if (!wait_for_gap(stream, segment))
        return false;
    stream->first = stream->next = stream->waiting[0].sequence;
    if (stream->waiting_count == STREAM_SETTLING)
        settle(stream, sink);
    return true;
}

bool stream_segment(struct stream *stream, const struct stream_segment *segment,
                    const struct stream_sink *sink)
{
    int64_t ahead = distance(segment->sequence, stream->next);
    bool jumps = stream->started && (ahead > STREAM_JUMP || ahead < -STREAM_JUMP);
    if (!stream->started || jumps) {
        guess_start(stream, segment->sequence, sink);
        stream->settling = true;
    }
    stream->settling |= stream->told && ahead < 0;
    stream->told = false;
    if (jumps)
        sink->gap(sink->user, 0, segment->number);
    if (stream->settling)
        return wait_for_first(stream, segment, sink);
    if (is_early(stream, segment)) {
        stream->first = segment->sequence;
        sink->early(sink->user, segment->octets, segment->length, segment->number);
    } else if (ahead > 0) {
        if (!wait_for_gap(stream, segment))
            return false;
        if (stream->waiting_count == STREAM_WAITING_MAX)
            give_up_gap(stream, sink);
    } else {
        hand_out(stream, segment, sink);
        advance(stream, sink);
    }
    be_patient(stream, sink);
    return true;
}

void stream_acknowledged(struct stream *stream, uint32_t sequence, const struct stream_sink *sink)
{
    if (!stream->started) {
        guess_start(stream, sequence, sink);
        stream->told = true;
        return;
    }
    if (stream->settling) {
        if (distance(sequence, stream->first) > 0)
            settle(stream, sink);
        return;
    }
    if (stream->waiting_count > 0 && !stream->waited_for &&
        distance(sequence, stream->waiting[0].sequence) >= 0) {
        stream->waited_for = true;
        stream->patience = STREAM_PATIENCE;
    }
    be_patient(stream, sink);
}
