/* SPDX-License-Identifier: Apache-2.0 */
/* A secondary station: what it answers to the frames of a primary, and which data it takes
 * (IEEE 1815-2012 clause 9; rule 20). One a pair of addresses. */
#ifndef DNP3_LINK_SECONDARY_H
#define DNP3_LINK_SECONDARY_H

#include "dnp3/link.h"

struct dnp3_secondary {
    bool reset; /* RESET_LINK_STATES came on this connection */
    bool fcb;   /* the FCB expected next */
};

struct dnp3_secondary_answer {
    bool ignored; /* FCV is not as the function wants it: neither answer nor data */
    bool deliver; /* its user data is new */
    bool replies;
    enum dnp3_link_secondary reply;
};

/* A primary frame with this control octet came. `lenient` takes confirmed data although no reset
 * came before; else that is answered with NACK. */
struct dnp3_secondary_answer dnp3_secondary_receive(struct dnp3_secondary *secondary,
                                                    uint8_t control, bool lenient);

#endif
