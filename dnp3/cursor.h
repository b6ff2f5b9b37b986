/* SPDX-License-Identifier: Apache-2.0 */
/* The only way to touch wire octets: a bounds-checked reader and writer with a sticky failure flag.
 * After a failure every further call does nothing and yields zero; check `failed` once an object.
 * DNP3 is little-endian throughout (IEEE 1815-2012 11.3). */
#ifndef DNP3_CURSOR_H
#define DNP3_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets still to be read; they are the caller's and must stay as long as it is used. */
struct dnp3_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

/* A reader of `length` octets, which are borrowed. */
static inline struct dnp3_reader dnp3_reader_of(const void *octets, size_t length)
{
    const uint8_t *at = octets;
    return (struct dnp3_reader){.at = at, .end = at + length};
}

/* Octets not read yet, also after a failure. */
static inline size_t dnp3_reader_left(const struct dnp3_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Stands for the octets not read yet (FNV-1a), so that a repeat is told from what only bears the
 * same sequence, and nothing need be kept. */
static inline uint64_t dnp3_reader_digest(const struct dnp3_reader *r)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (const uint8_t *at = r->at; at != r->end; at++)
        digest = (digest ^ *at) * 0x100000001b3u;
    return digest;
}

/* The next `length` octets, borrowed, or NULL (and failed) where fewer are left. */
static inline const uint8_t *dnp3_reader_take(struct dnp3_reader *r, size_t length)
{
    if (r->failed || dnp3_reader_left(r) < length) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *octets = r->at;
    r->at += length;
    return octets;
}

/* Little-endian loads from octets already known to be there; compilers make one load of each. */
static inline uint16_t dnp3_load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t dnp3_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t dnp3_load_u48(const uint8_t *p)
{
    return (uint64_t)dnp3_load_u32(p) | (uint64_t)dnp3_load_u16(p + 4) << 32;
}

static inline uint64_t dnp3_load_u64(const uint8_t *p)
{
    return (uint64_t)dnp3_load_u32(p) | (uint64_t)dnp3_load_u32(p + 4) << 32;
}

/* The next unsigned integer of 1, 2, 4, 6 or 8 octets; 0 (and failed) where fewer are left. */
static inline uint8_t dnp3_reader_u8(struct dnp3_reader *r)
{
    const uint8_t *p = dnp3_reader_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t dnp3_reader_u16(struct dnp3_reader *r)
{
    const uint8_t *p = dnp3_reader_take(r, 2);
    return p ? dnp3_load_u16(p) : 0;
}

static inline uint32_t dnp3_reader_u32(struct dnp3_reader *r)
{
    const uint8_t *p = dnp3_reader_take(r, 4);
    return p ? dnp3_load_u32(p) : 0;
}

static inline uint64_t dnp3_reader_u48(struct dnp3_reader *r)
{
    const uint8_t *p = dnp3_reader_take(r, 6);
    return p ? dnp3_load_u48(p) : 0;
}

static inline uint64_t dnp3_reader_u64(struct dnp3_reader *r)
{
    const uint8_t *p = dnp3_reader_take(r, 8);
    return p ? dnp3_load_u64(p) : 0;
}

struct dnp3_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

/* A writer into `size` octets, which are borrowed. */
static inline struct dnp3_writer dnp3_writer_of(void *octets, size_t size)
{
    uint8_t *at = octets;
    return (struct dnp3_writer){.start = at, .at = at, .end = at + size};
}

/* Octets written so far; after a failure they are not a whole. */
static inline size_t dnp3_writer_length(const struct dnp3_writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Octets for which there is still room. */
static inline size_t dnp3_writer_left(const struct dnp3_writer *w)
{
    return (size_t)(w->end - w->at);
}

/* Room for `length` octets that the caller fills, or NULL (and failed). */
static inline uint8_t *dnp3_writer_reserve(struct dnp3_writer *w, size_t length)
{
    if (w->failed || dnp3_writer_left(w) < length) {
        w->failed = true;
        return NULL;
    }
    uint8_t *octets = w->at;
    w->at += length;
    return octets;
}

/* Little-endian stores into octets already known to be there. */
static inline void dnp3_store_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void dnp3_store_u32(uint8_t *p, uint32_t v)
{
    dnp3_store_u16(p, (uint16_t)v);
    dnp3_store_u16(p + 2, (uint16_t)(v >> 16));
}

/* Write an unsigned integer of 1, 2, 4, 6 or 8 octets, the low ones of `v`; fail without room. */
static inline void dnp3_writer_u8(struct dnp3_writer *w, uint8_t v)
{
    uint8_t *p = dnp3_writer_reserve(w, 1);
    if (p)
        p[0] = v;
}

static inline void dnp3_writer_u16(struct dnp3_writer *w, uint16_t v)
{
    uint8_t *p = dnp3_writer_reserve(w, 2);
    if (p)
        dnp3_store_u16(p, v);
}

static inline void dnp3_writer_u32(struct dnp3_writer *w, uint32_t v)
{
    uint8_t *p = dnp3_writer_reserve(w, 4);
    if (p)
        dnp3_store_u32(p, v);
}

static inline void dnp3_writer_u48(struct dnp3_writer *w, uint64_t v)
{
    uint8_t *p = dnp3_writer_reserve(w, 6);
    if (p) {
        dnp3_store_u32(p, (uint32_t)v);
        dnp3_store_u16(p + 4, (uint16_t)(v >> 32));
    }
}

static inline void dnp3_writer_u64(struct dnp3_writer *w, uint64_t v)
{
    dnp3_writer_u32(w, (uint32_t)v);
    dnp3_writer_u32(w, (uint32_t)(v >> 32));
}

/* Copies octets; all of them or, without room, none (and failed). NULL is legal for none. */
static inline void dnp3_writer_octets(struct dnp3_writer *w, const void *octets, size_t length)
{
    uint8_t *p = dnp3_writer_reserve(w, length);
    if (p && length)
        memcpy(p, octets, length);
}

#endif
