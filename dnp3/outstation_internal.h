/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an outstation, shared by the files outstation*.c and by nobody else: one struct a
 * concern, and what each file offers to the others. */
#ifndef DNP3_OUTSTATION_INTERNAL_H
#define DNP3_OUTSTATION_INTERNAL_H

#include "dnp3/app.h"
#include "dnp3/deadline_internal.h"
#include "dnp3/link_primary.h"
#include "dnp3/link_secondary.h"
#include "dnp3/outstation.h"
#include "dnp3/transport.h"

/* A READ may name so many ranges of points; a list of single indexes takes one each. */
enum { DNP3_READ_RANGES = 64 };

/* Answers of the link layer that wait for take(); a master has one request under way. */
enum { DNP3_LINK_REPLIES = 4 };

/* The octets of control, function and indications before the objects of a response. */
enum { DNP3_RESPONSE_HEADER = 4 };

/* What a READ names besides points: types of ranges behind those of points. */
enum {
    DNP3_READ_ATTRIBUTES = DNP3_POINT_TYPES /* rows of the host's table */
};

/* Points of one type that a READ asked for and that are not written yet. */
struct dnp3_read_range {
    uint8_t type;      /* enum dnp3_point_type, or one of those above */
    uint8_t variation; /* 0 = each point's own */
    uint32_t next;     /* beyond `stop` when all are written */
    uint16_t stop;
};

/* What a READ still has to be answered with, besides the selected events. */
struct dnp3_read {
    struct dnp3_read_range ranges[DNP3_READ_RANGES];
    uint16_t count;
    uint16_t at;
    bool clock; /* 50v1 */
    bool file;  /* a block of a file */
    uint32_t file_handle;
    uint32_t file_block;
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
    struct dnp3_secondary secondary;
    struct dnp3_primary *primary; /* NULL: data leaves unconfirmed */
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

/* A file that the master has opened. */
struct dnp3_open_file {
    uint32_t handle; /* 0: none; without `open` one that expired */
    bool open;
    uint8_t mode; /* enum dnp3_file_mode */
    bool begun;   /* a block went over the line: */
    uint16_t block_size;
    uint16_t length;   /* octets of the last one */
    uint32_t block;    /* its number */
    uint64_t position; /* of its first octet */
    uint64_t deadline;
    void *file; /* the host's */
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
    struct dnp3_open_file files[DNP3_OPEN_FILES];
    uint32_t file_handles; /* given out so far: none comes twice */
};

/* outstation.c */
/* As dnp3_outstation_update(); an event of an analog command whose point has no variation of its
 * own gets this one. */
int dnp3_outstation_record(struct dnp3_outstation *o, enum dnp3_point_type type,
                           const struct dnp3_point *point, enum dnp3_event_mode mode,
                           uint8_t variation, uint64_t now_ms);
/* Puts the time on a point, as far as the outstation knows it. */
void dnp3_outstation_stamp(const struct dnp3_outstation *o, struct dnp3_point *point);

/* outstation_link.c: a frame from the master; delivers fragments to dnp3_outstation_request(). */
void dnp3_outstation_link_reset(struct dnp3_outstation *o);
void dnp3_outstation_link_replies(struct dnp3_outstation *o, struct dnp3_writer *out);
/* False without memory. */
bool dnp3_outstation_link_create(struct dnp3_outstation *o);
/* A fragment waits for its frames to be acknowledged: no other leaves. */
bool dnp3_outstation_link_busy(const struct dnp3_outstation *o);
void dnp3_outstation_link_go_on(struct dnp3_outstation *o, struct dnp3_writer *out,
                                uint64_t now_ms);
/* Of the fragment that was sent now; none before its last frame is acknowledged. */
uint64_t dnp3_outstation_confirm_deadline(const struct dnp3_outstation *o, uint64_t now_ms);
void dnp3_outstation_link_tick(struct dnp3_outstation *o, uint64_t now_ms);
/* Frames a fragment to the master, or its first frame where frames are confirmed. */
void dnp3_outstation_send(struct dnp3_outstation *o, struct dnp3_writer *out,
                          const uint8_t *fragment, uint16_t length, uint64_t now_ms);

/* outstation_request.c */
/* One whole fragment from the master. */
void dnp3_outstation_request(struct dnp3_outstation *o, struct dnp3_reader in, uint16_t destination,
                             uint64_t now_ms);
/* Answers the READ that was deferred. */
void dnp3_outstation_resume(struct dnp3_outstation *o, uint64_t now_ms);
/* What was written into the fragment that is confirmed leaves the buffer; the host is told. */
void dnp3_outstation_events_confirmed(struct dnp3_outstation *o);

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

/* outstation_points.c: the points that an object header names, run after run. */
struct dnp3_named_points {
    struct dnp3_items items;
    struct dnp3_time_context times;
    enum dnp3_point_type type; /* as it is stored */
    bool ended;
    uint16_t first; /* of this run */
    uint16_t last;
};
/* The type of the database that holds points of this one: dead-bands are analog inputs'. */
enum dnp3_point_type dnp3_stored_type(uint8_t type);
void dnp3_named_points_begin(struct dnp3_named_points *named,
                             const struct dnp3_object_header *header, uint8_t type);
/* The next run, and IIN2 bits for what is not there; false at the end. A reader stands behind the
 * header, which has no size prefix. */
bool dnp3_named_points_next(const struct dnp3_outstation *o, struct dnp3_named_points *named,
                            struct dnp3_reader *in, uint16_t *errors);
/* Passes over the indexes of a list that nobody wants. */
void dnp3_indexes_skip(const struct dnp3_object_header *header, struct dnp3_reader *in);

/* outstation_read.c */
/* Takes the headers of a READ apart into ranges and selected events; returns IIN2 bits. */
uint16_t dnp3_read_parse(struct dnp3_outstation *o, struct dnp3_reader in);
/* Writes events, then what else was asked for, as far as there is room. True when all is written.
 */
bool dnp3_read_write(struct dnp3_outstation *o, struct dnp3_writer *out, uint32_t *events,
                     uint64_t now_ms);
/* One more range to answer; IIN2 bits where there is no place for it. */
uint16_t dnp3_read_add(struct dnp3_read *read, uint8_t type, uint8_t variation, uint16_t first,
                       uint16_t last);

/* outstation_attribute.c */
bool dnp3_attributes_are_valid(const struct dnp3_outstation_config *config);
/* A header of group 0 in a READ, and in a WRITE; each returns IIN2 bits. */
uint16_t dnp3_attributes_read(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                              struct dnp3_reader *in);
uint16_t dnp3_attributes_written(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                                 struct dnp3_reader *in);
/* Writes the attributes of a range; false when there is no more room. */
bool dnp3_attributes_write(struct dnp3_outstation *o, struct dnp3_writer *out,
                           struct dnp3_read_range *range);

/* outstation_file.c */
/* Functions 25 to 30; returns IIN2 bits. */
uint16_t dnp3_file_request(struct dnp3_outstation *o, uint8_t function, struct dnp3_reader in,
                           struct dnp3_writer *out, uint64_t now_ms);
/* A header of group 70 in a READ, and in a WRITE (`out` NULL: no response); each returns IIN2
 * bits. */
uint16_t dnp3_file_read(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                        struct dnp3_reader *in);
uint16_t dnp3_file_written(struct dnp3_outstation *o, const struct dnp3_object_header *header,
                           struct dnp3_reader *in, struct dnp3_writer *out, uint64_t now_ms);
/* Writes the block that a READ asked for; false when there is no room for it. */
bool dnp3_file_write_block(struct dnp3_outstation *o, struct dnp3_writer *out, uint64_t now_ms);
void dnp3_files_tick(struct dnp3_outstation *o, uint64_t now_ms);
uint64_t dnp3_files_deadline(const struct dnp3_outstation *o);
/* Closes all files; nothing that was written is kept. */
void dnp3_files_give_up(struct dnp3_outstation *o);

/* outstation_control.c: SELECT to DIRECT_OPERATE_NR; echoes into `out` (NULL: no response). Returns
 * IIN2 bits. */
/* Octets of the objects of the longest request that max_controls allows. */
size_t dnp3_selection_size(const struct dnp3_outstation_config *config);
uint16_t dnp3_control_request(struct dnp3_outstation *o, uint8_t function, uint8_t sequence,
                              struct dnp3_reader in, struct dnp3_writer *out, uint64_t now_ms);

/* outstation_write.c: everything else that changes something; each returns IIN2 bits. */
/* `out` NULL: no response. */
uint16_t dnp3_write_request(struct dnp3_outstation *o, struct dnp3_reader in,
                            struct dnp3_writer *out, uint64_t now_ms);
uint16_t dnp3_assign_class_request(struct dnp3_outstation *o, struct dnp3_reader in);

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
