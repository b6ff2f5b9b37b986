/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmed data as its sender sees it: judge() says what an answer means, apply() does it. A frame
 * leaves again with its FCB only, so that a secondary that has it already acknowledges and forgets
 * it; across a reset that no longer holds, and what must not act twice ends there. */
#include "dnp3/link_primary.h"

enum dnp3_primary_step dnp3_primary_judge(enum dnp3_primary_state state,
                                          enum dnp3_primary_input input, bool full)
{
    /* ACK, NACK, STATUS, UNSUPPORTED, TIMEOUT */
    static const uint8_t steps[DNP3_PRIMARY_STATES][DNP3_PRIMARY_INPUTS] = {
        [DNP3_PRIMARY_IDLE] = {DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE,
                               DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE},
        [DNP3_PRIMARY_RESETTING] = {DNP3_PRIMARY_OPEN, DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE,
                                    DNP3_PRIMARY_GIVE_UP, DNP3_PRIMARY_REPEAT},
        [DNP3_PRIMARY_SENDING] = {DNP3_PRIMARY_ADVANCE, DNP3_PRIMARY_RENEW, DNP3_PRIMARY_IGNORE,
                                  DNP3_PRIMARY_GIVE_UP, DNP3_PRIMARY_REPEAT},
        [DNP3_PRIMARY_FULL] = {DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE,
                               DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_ASK},
        /* Who does not know link status cannot say that it has no room. */
        [DNP3_PRIMARY_ASKING] = {DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_IGNORE, DNP3_PRIMARY_GO_ON,
                                 DNP3_PRIMARY_GO_ON, DNP3_PRIMARY_REPEAT},
    };
    enum dnp3_primary_step step = (enum dnp3_primary_step)steps[state][input];
    if (full && (step == DNP3_PRIMARY_RENEW || step == DNP3_PRIMARY_GO_ON))
        return DNP3_PRIMARY_WAIT; /* it knows of the reset, but has no room for the frame */
    return step;
}

void dnp3_primary_init(struct dnp3_primary *primary, uint32_t timeout_ms)
{
    memset(primary, 0, sizeof *primary);
    primary->timeout_ms = timeout_ms;
    primary->deadline_ms = UINT64_MAX;
}

static enum dnp3_primary_outcome end(struct dnp3_primary *primary,
                                     enum dnp3_primary_outcome outcome)
{
    primary->state = DNP3_PRIMARY_IDLE;
    primary->due = false;
    primary->length = 0;
    primary->deadline_ms = UINT64_MAX;
    if (outcome == DNP3_PRIMARY_REFUSED || outcome == DNP3_PRIMARY_SILENT)
        primary->reset = false;
    return outcome;
}

void dnp3_primary_forget(struct dnp3_primary *primary)
{
    end(primary, DNP3_PRIMARY_SILENT);
}

/* The fragment may not leave any more, nor what is left of it. */
static bool expired(const struct dnp3_primary *primary, uint64_t now_ms)
{
    return primary->length && primary->terms.expires_ms && now_ms >= primary->terms.expires_ms;
}

/* Its frame leaves as soon as the host takes it, which may be late. */
static enum dnp3_primary_outcome enter(struct dnp3_primary *primary, enum dnp3_primary_state state)
{
    bool bounded = primary->length && primary->terms.expires_ms;
    primary->state = state;
    primary->due = true;
    primary->deadline_ms = bounded ? primary->terms.expires_ms : UINT64_MAX;
    return DNP3_PRIMARY_NOTHING;
}

static enum dnp3_primary_outcome wait(struct dnp3_primary *primary, uint64_t now_ms)
{
    primary->state = DNP3_PRIMARY_FULL;
    primary->deadline_ms = now_ms + primary->timeout_ms;
    return DNP3_PRIMARY_NOTHING;
}

void dnp3_primary_open(struct dnp3_primary *primary, uint8_t retries)
{
    primary->left = retries;
    enter(primary, DNP3_PRIMARY_RESETTING);
}

void dnp3_primary_send(struct dnp3_primary *primary, const uint8_t *fragment, size_t length,
                       struct dnp3_primary_terms terms)
{
    memcpy(primary->fragment, fragment, length);
    primary->length = (uint16_t)length;
    primary->done = 0;
    primary->renewed = false;
    primary->terms = terms;
    primary->left = terms.retries;
    enter(primary, primary->reset ? DNP3_PRIMARY_SENDING : DNP3_PRIMARY_RESETTING);
}

static void write_frame(struct dnp3_primary *primary, const struct dnp3_transport *transport,
                        const struct dnp3_link_frame *header, struct dnp3_writer *out)
{
    uint8_t data[DNP3_LINK_DATA_MAX];
    struct dnp3_link_frame frame = *header;
    switch (primary->state) {
    case DNP3_PRIMARY_RESETTING:
        frame.control |= DNP3_LINK_RESET_LINK_STATES;
        break;
    case DNP3_PRIMARY_ASKING:
        frame.control |= DNP3_LINK_REQUEST_LINK_STATUS;
        break;
    default:
        frame.control |= DNP3_LINK_FCV | DNP3_LINK_CONFIRMED_USER_DATA;
        if (primary->fcb)
            frame.control |= DNP3_LINK_FCB;
        frame.length = (uint16_t)dnp3_transport_segment(transport, data, primary->fragment,
                                                        primary->length, primary->done);
        frame.data = data;
        break;
    }
    dnp3_link_write(out, &frame);
}

bool dnp3_primary_write(struct dnp3_primary *primary, const struct dnp3_transport *transport,
                        struct dnp3_writer *out, uint8_t direction, uint16_t destination,
                        uint16_t source, uint64_t now_ms)
{
    if (!primary->due || expired(primary, now_ms))
        return false;
    struct dnp3_link_frame frame = {.control = (uint8_t)(direction | DNP3_LINK_PRM),
                                    .destination = destination,
                                    .source = source};
    write_frame(primary, transport, &frame, out);
    primary->due = false;
    primary->deadline_ms = now_ms + primary->timeout_ms;
    return true;
}

static enum dnp3_primary_outcome open(struct dnp3_primary *primary, bool full, uint64_t now_ms)
{
    primary->counters.resets++;
    primary->reset = true;
    primary->fcb = true; /* the first after a reset (9.2.4.1.3.2) */
    if (!primary->length)
        return end(primary, DNP3_PRIMARY_READY);
    primary->done = 0;
    primary->left = primary->terms.retries;
    return full ? wait(primary, now_ms) : enter(primary, DNP3_PRIMARY_SENDING);
}

static enum dnp3_primary_outcome
advance(struct dnp3_primary *primary, struct dnp3_transport *transport, bool full, uint64_t now_ms)
{
    size_t part = dnp3_transport_part(primary->length, primary->done);
    primary->done = (uint16_t)(primary->done + part);
    primary->fcb = !primary->fcb;
    primary->left = primary->terms.retries;
    dnp3_transport_sent(transport);
    if (primary->done == primary->length)
        return end(primary, DNP3_PRIMARY_DELIVERED);
    if (expired(primary, now_ms))
        return end(primary, DNP3_PRIMARY_REFUSED);
    return full ? wait(primary, now_ms) : enter(primary, DNP3_PRIMARY_SENDING);
}

static enum dnp3_primary_outcome repeat(struct dnp3_primary *primary, uint64_t now_ms)
{
    if (!primary->left || expired(primary, now_ms))
        return end(primary, DNP3_PRIMARY_SILENT);
    primary->left--;
    primary->counters.retries++;
    return enter(primary, primary->state);
}

static enum dnp3_primary_outcome renew(struct dnp3_primary *primary, uint64_t now_ms)
{
    if (primary->terms.once || primary->renewed || expired(primary, now_ms))
        return end(primary, DNP3_PRIMARY_REFUSED);
    primary->renewed = true;
    primary->reset = false;
    primary->left = primary->terms.retries;
    return enter(primary, DNP3_PRIMARY_RESETTING);
}

static enum dnp3_primary_outcome apply(struct dnp3_primary *primary,
                                       struct dnp3_transport *transport,
                                       enum dnp3_primary_step step, bool full, uint64_t now_ms)
{
    switch (step) {
    case DNP3_PRIMARY_OPEN:
        return open(primary, full, now_ms);
    case DNP3_PRIMARY_ADVANCE:
        return advance(primary, transport, full, now_ms);
    case DNP3_PRIMARY_REPEAT:
        return repeat(primary, now_ms);
    case DNP3_PRIMARY_RENEW:
        return renew(primary, now_ms);
    case DNP3_PRIMARY_WAIT:
        if (!primary->left)
            return end(primary, DNP3_PRIMARY_REFUSED);
        primary->left--;
        return wait(primary, now_ms);
    case DNP3_PRIMARY_ASK:
        return enter(primary, DNP3_PRIMARY_ASKING);
    case DNP3_PRIMARY_GO_ON:
        if (expired(primary, now_ms))
            return end(primary, DNP3_PRIMARY_REFUSED);
        return enter(primary, DNP3_PRIMARY_SENDING);
    case DNP3_PRIMARY_GIVE_UP:
        return end(primary, DNP3_PRIMARY_REFUSED);
    case DNP3_PRIMARY_IGNORE:
        break;
    }
    return DNP3_PRIMARY_NOTHING;
}

static bool input_of(uint8_t control, enum dnp3_primary_input *input)
{
    switch (control & DNP3_LINK_FUNCTION) {
    case DNP3_LINK_ACK:
        *input = DNP3_PRIMARY_ACK;
        return true;
    case DNP3_LINK_NACK:
        *input = DNP3_PRIMARY_NACK;
        return true;
    case DNP3_LINK_STATUS:
        *input = DNP3_PRIMARY_STATUS;
        return true;
    case DNP3_LINK_NOT_SUPPORTED:
        *input = DNP3_PRIMARY_UNSUPPORTED;
        return true;
    default:
        return false;
    }
}

enum dnp3_primary_outcome dnp3_primary_receive(struct dnp3_primary *primary,
                                               struct dnp3_transport *transport, uint8_t control,
                                               uint64_t now_ms)
{
    enum dnp3_primary_input input;
    bool full = control & DNP3_LINK_DFC;
    if (primary->due || !input_of(control, &input)) /* what is to leave cannot have an answer */
        return DNP3_PRIMARY_NOTHING;
    if (primary->state == DNP3_PRIMARY_SENDING && input == DNP3_PRIMARY_NACK)
        primary->counters.nacks++;
    return apply(primary, transport, dnp3_primary_judge(primary->state, input, full), full, now_ms);
}

void dnp3_primary_expire(struct dnp3_primary *primary, uint64_t now_ms)
{
    primary->terms.expires_ms = now_ms ? now_ms : 1;
    if (primary->due)
        primary->deadline_ms = now_ms;
}

enum dnp3_primary_outcome dnp3_primary_tick(struct dnp3_primary *primary, uint64_t now_ms)
{
    if (now_ms < primary->deadline_ms)
        return DNP3_PRIMARY_NOTHING;
    if (primary->due)
        return end(primary, DNP3_PRIMARY_SILENT);
    return apply(primary, NULL, dnp3_primary_judge(primary->state, DNP3_PRIMARY_TIMEOUT, false),
                 false, now_ms);
}
