/* SPDX-License-Identifier: Apache-2.0 */
/* One buffer: what is being written stands first and does not move until it is written. */
#include "gateway/mqtt/outgoing.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/memory.h"

static void flush(struct gw_outgoing *outgoing);

void gw_outgoing_init(struct gw_outgoing *outgoing, uv_loop_t *loop, uint8_t *own,
                      const struct gw_mqtt_scan *others, uint64_t *count,
                      void (*written)(void *user), void *user)
{
    outgoing->others = others;
    outgoing->count = count;
    outgoing->written = written;
    outgoing->user = user;
    outgoing->own = own;
    outgoing->octets = own;
    outgoing->size = GW_OUTGOING_OCTETS;
    uv_prepare_init(loop, &outgoing->prepare);
    outgoing->prepare.data = outgoing;
    outgoing->write.data = outgoing;
}

void gw_outgoing_open(struct gw_outgoing *outgoing, uv_stream_t *to)
{
    assert(!outgoing->length);
    outgoing->to = to;
    outgoing->subscribes = 0;
}

void gw_outgoing_after(struct gw_outgoing *outgoing, uint32_t subscribes)
{
    outgoing->subscribes = subscribes;
}

/* Back to the own octets, once nothing stands in larger ones. */
static void shrink(struct gw_outgoing *outgoing)
{
    if (outgoing->length || outgoing->submitted || outgoing->octets == outgoing->own)
        return;
    gw_memory_release(outgoing->octets);
    outgoing->octets = outgoing->own;
    outgoing->size = GW_OUTGOING_OCTETS;
}

/* What is left moves to the front. */
static void forget(struct gw_outgoing *outgoing, size_t length)
{
    outgoing->length -= length;
    memmove(outgoing->octets, outgoing->octets + length, outgoing->length);
    shrink(outgoing);
}

static void on_written(uv_write_t *request, int status)
{
    struct gw_outgoing *outgoing = request->data;
    size_t submitted = outgoing->submitted;
    outgoing->submitted = 0;
    if (status < 0)
        gw_outgoing_stop(outgoing); /* the stream's end will be read, too */
    else if (outgoing->to)
        forget(outgoing, submitted);
    flush(outgoing);
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush(prepare->data);
}

static void submit(struct gw_outgoing *outgoing)
{
    uv_buf_t rest = uv_buf_init((char *)outgoing->octets, (unsigned)outgoing->length);
    outgoing->submitted = outgoing->length;
    if (uv_write(&outgoing->write, outgoing->to, &rest, 1, on_written) == 0)
        return;
    outgoing->submitted = 0;
    gw_outgoing_stop(outgoing);
}

/* Is it the others' turn? */
static bool others_first(const struct gw_outgoing *outgoing)
{
    const struct gw_mqtt_scan *others = outgoing->others;
    return !gw_mqtt_scan_between(others) || others->subscribes < outgoing->subscribes;
}

static void flush(struct gw_outgoing *outgoing)
{
    if (!outgoing->to || outgoing->submitted || (outgoing->length && others_first(outgoing)))
        return; /* later: when that is written; before the loop waits again */
    uv_prepare_stop(&outgoing->prepare);
    if (outgoing->length) {
        uv_buf_t all = uv_buf_init((char *)outgoing->octets, (unsigned)outgoing->length);
        int written = uv_try_write(outgoing->to, &all, 1);
        *outgoing->count += outgoing->length;
        if (written > 0)
            forget(outgoing, (size_t)written);
        if (outgoing->length) /* an error is told by that, too */
            submit(outgoing);
    }
    if (outgoing->to && !outgoing->length)
        outgoing->written(outgoing->user);
}

void gw_outgoing_stop(struct gw_outgoing *outgoing)
{
    uv_prepare_stop(&outgoing->prepare);
    outgoing->to = NULL;
    outgoing->length = 0;
    shrink(outgoing);
}

void gw_outgoing_close(struct gw_outgoing *outgoing, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&outgoing->prepare, closed);
}

static bool grow(struct gw_outgoing *outgoing, size_t size)
{
    if (outgoing->submitted)
        return false;
    uint8_t *larger = gw_memory_allocate(GW_OWNER_MQTT, size);
    if (!larger)
        return false;
    memcpy(larger, outgoing->octets, outgoing->length);
    if (outgoing->octets != outgoing->own)
        gw_memory_release(outgoing->octets);
    outgoing->octets = larger;
    outgoing->size = size;
    return true;
}

uint8_t *gw_outgoing_room(struct gw_outgoing *outgoing, size_t size)
{
    if (!outgoing->to)
        return NULL;
    if (outgoing->length + size > outgoing->size && !grow(outgoing, outgoing->length + size))
        return NULL;
    uint8_t *room = outgoing->octets + outgoing->length;
    outgoing->length += size;
    uv_prepare_start(&outgoing->prepare, on_prepare);
    return room;
}

bool gw_outgoing_waits(const struct gw_outgoing *outgoing)
{
    return outgoing->length > outgoing->submitted;
}
