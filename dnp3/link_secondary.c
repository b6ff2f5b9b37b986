/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmed data is delivered once and acknowledged each time: the frame count bit tells a repeat,
 * whose ACK was lost, from the next frame. */
#include "dnp3/link_secondary.h"

static struct dnp3_secondary_answer answer(enum dnp3_link_secondary reply, bool deliver)
{
    return (struct dnp3_secondary_answer){.replies = true, .reply = reply, .deliver = deliver};
}

static struct dnp3_secondary_answer confirmed(struct dnp3_secondary *secondary, bool fcb,
                                              bool lenient)
{
    if (!secondary->reset && !lenient)
        return answer(DNP3_LINK_NACK, false);
    bool fresh = !secondary->reset || fcb == secondary->fcb;
    secondary->reset = true;
    secondary->fcb = !fcb;
    return answer(DNP3_LINK_ACK, fresh);
}

static struct dnp3_secondary_answer tested(struct dnp3_secondary *secondary, bool fcb)
{
    if (!secondary->reset)
        return answer(DNP3_LINK_NACK, false);
    secondary->fcb = !fcb;
    return answer(DNP3_LINK_ACK, false);
}

struct dnp3_secondary_answer dnp3_secondary_receive(struct dnp3_secondary *secondary,
                                                    uint8_t control, bool lenient)
{
    uint8_t function = control & DNP3_LINK_FUNCTION;
    bool fcb = control & DNP3_LINK_FCB;
    if (dnp3_link_wants_fcv(function) != !!(control & DNP3_LINK_FCV))
        return (struct dnp3_secondary_answer){.ignored = true};
    switch (function) {
    case DNP3_LINK_RESET_LINK_STATES:
        *secondary = (struct dnp3_secondary){.reset = true, .fcb = true};
        return answer(DNP3_LINK_ACK, false);
    case DNP3_LINK_TEST_LINK_STATES:
        return tested(secondary, fcb);
    case DNP3_LINK_CONFIRMED_USER_DATA:
        return confirmed(secondary, fcb, lenient);
    case DNP3_LINK_UNCONFIRMED_USER_DATA:
        return (struct dnp3_secondary_answer){.deliver = true};
    case DNP3_LINK_REQUEST_LINK_STATUS:
        return answer(DNP3_LINK_STATUS, false);
    default:
        return answer(DNP3_LINK_NOT_SUPPORTED, false);
    }
}
