/* SPDX-License-Identifier: Apache-2.0 */
/* For the object module itself: how long one object of a variation is, read or not. */
#ifndef DNP3_OBJECT_TABLE_H
#define DNP3_OBJECT_TABLE_H

#include "dnp3/objects.h"

enum dnp3_form {
    DNP3_FORM_UNKNOWN,   /* known only where a prefix says it */
    DNP3_FORM_OCTETS,    /* `size` octets */
    DNP3_FORM_BITS,      /* `size` bits, packed */
    DNP3_FORM_ATTRIBUTE, /* type, length, value: must be walked */
};

struct dnp3_object_form {
    enum dnp3_form form;
    unsigned size;
};

struct dnp3_object_form dnp3_object_form(uint8_t group, uint8_t variation);

#endif
