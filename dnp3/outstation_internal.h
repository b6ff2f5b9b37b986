/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an outstation, shared by the files outstation*.c and by nobody else: one struct a
 * concern, and what each file offers to the others. */
#ifndef DNP3_OUTSTATION_INTERNAL_H
#define DNP3_OUTSTATION_INTERNAL_H

#include "dnp3/app.h"
#include "dnp3/outstation.h"
#include "dnp3/transport.h"

/* A READ may name so many ranges of points; a list of single indexes takes one each. */
enum { DNP3_READ_RANGES = 64 };

/* Answers of the link layer that wait for take(); a master has one request under way. */
enum { DNP3_LINK_REPLIES = 4 };

/* The octets of control, function and indications before the objects of a response. */
enum { DNP3_RESPONSE_HEADER = 4 };

/* Points of one type that a READ asked for and that are not written yet. */
struct dnp3_read_range {
    uint8_t type;
    uint8_t variation; /* 0 = each point's own */
    uint16_t next;
    uint16_t stop;
};

/* What a READ still has to be answered with, besides the selected events. */
struct dnp3_read {
    struct dnp3_read_range ranges[DNP3_READ_RANGES];
    uint16_t count;
    uint16_t at;
    bool clock; /* 50v1 */
};

enum dnp3_solicited_state {
    DNP3_SOLICITED_IDLE,
    DNP3_SOLICITED_DEFERRED, /* a READ in the buffer waits for the end of an unsolicited response */
    DNP3_SOLICITED_BUILD,    /* the next fragment of a READ's response is to be built */
    DNP3_SOLICITED_READY,    /* the fragment in the buffer is to be sent */
    DNP3_SOLICITED_AWAIT     /* it left and asks for a confirm */
};

struct dnp3_solicited {
    enum dnp3_solicited_state state;
    uint8_t *fragment;
    uint16_t length;
    uint8_t sequence;
    bool reading;    /* the response is to a READ, which owns the selected events */
    bool first;      /* the fragment is the response's first */
    bool more;       /* others follow */
    bool confirm;    /* it asks for a confirm */
    bool sent;       /* it left at least once */
    uint16_t errors; /* IIN2 bits of the request */
    bool delayed;    /* it may not leave before `not_before` */
    uint64_t not_before;
    uint64_t deadline;
};

enum dnp3_unsolicited_state {
    DNP3_UNSOLICITED_IDLE,
    DNP3_UNSOLICITED_READY, /* the fragment in the buffer is to be sent (again) */
    DNP3_UNSOLICITED_AWAIT  /* it left and asks for a confirm */
};

struct dnp3_unsolicited {
    enum dnp3_unsolicited_state state;
    uint8_t *fragment;
    uint16_t length;
    uint8_t sequence;
    uint8_t classes;   /* enabled, as a mask */
    bool null_due;     /* the null response of this connection is not confirmed yet */
    bool is_null;      /* the fragment is that one */
    bool given_up;     /* after the last retry, until something new */
    uint16_t retries;  /* left */
    uint64_t deadline; /* of the confirm */
    uint64_t hold;     /* when pending events are due, UINT64_MAX = none wait */
};

/* What the last SELECT selected: its objects, octet by octet. */
struct dnp3_selection {
    bool valid;
    uint8_t sequence;
    uint16_t length;
    uint64_t at_ms;
    uint8_t *octets;
};

/* The last request, to tell a repeat. A digest stands for its octets. */
struct dnp3_last_request {
    bool valid;
    uint16_t length;
    uint64_t digest;
};

struct dnp3_outstation_link {
    struct dnp3_link_parser parser;
    struct dnp3_transport transport;
    bool reset; /* RESET_LINK_STATES came on this connection */
    bool fcb;   /* expected next */
    uint8_t replies[DNP3_LINK_REPLIES];
    uint8_t reply_count;
};

/* So many freezes may be on order for later. */
enum { DNP3_FREEZE_ORDERS = 16 };

struct dnp3_freeze_order {
    bool waits;
    uint8_t from; /* enum dnp3_point_type */
    uint16_t first;
    uint16_t last;
    uint32_t every_ms; /* 0 = once */
    int64_t at_ms;     /* on the outstation's clock; 0 = it does not matter */
    uint64_t due_ms;
};

struct dnp3_outstation {
    struct dnp3_allocator allocator;
    struct dnp3_pool *pool;
    struct dnp3_outstation_config config;
    const struct dnp3_outstation_callbacks *callbacks;
    void *user;
    struct dnp3_database *database;
    struct dnp3_event_buffer *events;
    struct dnp3_outstation_link link;
    struct dnp3_last_request last;
    struct dnp3_solicited solicited;
    struct dnp3_read read;
    struct dnp3_unsolicited unsolicited;
    struct dnp3_selection selection;
    struct dnp3_outstation_counters counters;
    uint16_t indications;   /* those kept here: RESTART, NEED_TIME, BROADCAST and the host's */
    bool broadcast_confirm; /* IIN1.0 stays until a response with it is confirmed */
    bool connected;
    bool recorded; /* RECORD_CURRENT_TIME came, at recorded_ms */
    uint64_t recorded_ms;
    struct dnp3_freeze_order freezes[DNP3_FREEZE_ORDERS];
    uint64_t need_time_at; /* when NEED_TIME is set again, UINT64_MAX = never */
};

/* outstation_link.c: a frame from the master; delivers fragments to dnp3_outstation_request(). */
void dnp3_outstation_link_reset(struct dnp3_outstation *o);
void dnp3_outstation_link_replies(struct dnp3_outstation *o, struct dnp3_writer *out);

/* outstation_request.c */
/* One whole fragment from the master. */
void dnp3_outstation_request(struct dnp3_outstation *o, struct dnp3_reader in, uint16_t destination,
                             uint64_t now_ms);
/* Answers the READ that was deferred. */
void dnp3_outstation_resume(struct dnp3_outstation *o, uint64_t now_ms);

/* outstation_response.c: the solicited response. */
/* Forgets the response under way; its events wait again. */
void dnp3_outstation_abort(struct dnp3_outstation *o);
/* Starts a response in the buffer; the objects follow in the writer, then response_end(). */
struct dnp3_writer dnp3_response_begin(struct dnp3_outstation *o);
void dnp3_response_end(struct dnp3_outstation *o, const struct dnp3_writer *out, uint16_t errors);
/* Frames what is to be sent; false: nothing. */
bool dnp3_response_take(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms);
void dnp3_response_confirm(struct dnp3_outstation *o, uint8_t sequence);
/* The indications of a fragment built now. */
uint16_t dnp3_outstation_iin(const struct dnp3_outstation *o);
/* Frames a fragment to the master. */
void dnp3_outstation_send(struct dnp3_outstation *o, struct dnp3_writer *out,
                          const uint8_t *fragment, uint16_t length);

/* outstation_read.c */
/* Takes the headers of a READ apart into ranges and selected events; returns IIN2 bits. */
uint16_t dnp3_read_parse(struct dnp3_outstation *o, struct dnp3_reader in);
/* Writes events, then points, as far as there is room. True when all is written. */
bool dnp3_read_write(struct dnp3_outstation *o, struct dnp3_writer *out, uint32_t *events);

/* outstation_control.c: SELECT to DIRECT_OPERATE_NR; echoes into `out` (NULL: no response). Returns
 * IIN2 bits. */
/* Octets of the objects of the longest request that max_controls allows. */
size_t dnp3_selection_size(const struct dnp3_outstation_config *config);
uint16_t dnp3_control_request(struct dnp3_outstation *o, uint8_t function, uint8_t sequence,
                              struct dnp3_reader in, struct dnp3_writer *out, uint64_t now_ms);

/* outstation_write.c: everything else that changes something; each returns IIN2 bits. */
uint16_t dnp3_write_request(struct dnp3_outstation *o, struct dnp3_reader in, uint64_t now_ms);
uint16_t dnp3_assign_class_request(struct dnp3_outstation *o, struct dnp3_reader in);
/* First and last index that a header of a static group names, clipped to the points there are;
 * false with `*errors` set where it names none. */
bool dnp3_header_points(const struct dnp3_outstation *o, const struct dnp3_object_header *header,
                        enum dnp3_point_type type, uint16_t *first, uint16_t *last,
                        uint16_t *errors);

/* outstation_freeze.c */
uint16_t dnp3_freeze_request(struct dnp3_outstation *o, struct dnp3_reader in, bool clear,
                             uint64_t now_ms);
uint16_t dnp3_freeze_at_time_request(struct dnp3_outstation *o, struct dnp3_reader in,
                                     uint64_t now_ms);
void dnp3_freeze_tick(struct dnp3_outstation *o, uint64_t now_ms);
uint64_t dnp3_freeze_deadline(const struct dnp3_outstation *o);
/* The outstation's clock was set: what waits for a time waits for it by the new clock. */
void dnp3_freeze_clock_set(struct dnp3_outstation *o, uint64_t now_ms);

/* outstation_unsolicited.c */
void dnp3_unsolicited_connected(struct dnp3_outstation *o);
void dnp3_unsolicited_event(struct dnp3_outstation *o, uint8_t event_class, uint64_t now_ms);
uint16_t dnp3_unsolicited_enable(struct dnp3_outstation *o, struct dnp3_reader in, bool enable,
                                 uint64_t now_ms);
bool dnp3_unsolicited_take(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms);
void dnp3_unsolicited_confirm(struct dnp3_outstation *o, uint8_t sequence, uint64_t now_ms);
void dnp3_unsolicited_tick(struct dnp3_outstation *o, uint64_t now_ms);
uint64_t dnp3_unsolicited_deadline(const struct dnp3_outstation *o);
/* Forgets the unsolicited response under way; its events wait again. */
void dnp3_unsolicited_abort(struct dnp3_outstation *o);

#endif
