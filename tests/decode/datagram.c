/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer and a bit an 8 octets (fragments are cut there) for each datagram under way. */
#include "datagram.h"

#include <stdlib.h>
#include <string.h>

enum { UNDER_WAY = 16, OCTETS_MAX = 65536, UNIT = 8, UNITS = OCTETS_MAX / UNIT };

struct datagram {
    struct datagram *next; /* of those handed out */
    struct datagram_piece piece;
    uint32_t number; /* of the packet with the newest piece */
    size_t length;   /* 0 until the last piece is there */
    size_t units;    /* that are there */
    uint8_t there[UNITS / 8];
    uint8_t octets[OCTETS_MAX]; /* as many as there are, once it is whole */
};

struct datagrams {
    struct datagram *under_way[UNDER_WAY]; /* oldest first, then NULL */
    struct datagram *whole;
    uint32_t lost;
};

struct datagrams *datagrams_create(void)
{
    return calloc(1, sizeof(struct datagrams));
}

void datagrams_free(struct datagrams *datagrams)
{
    if (!datagrams)
        return;
    for (size_t i = 0; i < UNDER_WAY; i++)
        free(datagrams->under_way[i]);
    struct datagram *next;
    for (struct datagram *datagram = datagrams->whole; datagram; datagram = next) {
        next = datagram->next;
        free(datagram);
    }
    free(datagrams);
}

static bool same_address(const struct packet_endpoint *a, const struct packet_endpoint *b)
{
    return a->version == b->version && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static bool is_of(const struct datagram *datagram, const struct datagram_piece *piece)
{
    return datagram->piece.id == piece->id && datagram->piece.protocol == piece->protocol &&
           same_address(&datagram->piece.source, &piece->source) &&
           same_address(&datagram->piece.destination, &piece->destination);
}

static void remove_at(struct datagrams *datagrams, size_t at)
{
    memmove(&datagrams->under_way[at], &datagrams->under_way[at + 1],
            (UNDER_WAY - at - 1) * sizeof datagrams->under_way[0]);
    datagrams->under_way[UNDER_WAY - 1] = NULL;
}

/* The place of the piece's datagram, made where there is none; UNDER_WAY without memory. */
static size_t find(struct datagrams *datagrams, const struct datagram_piece *piece)
{
    size_t at = 0;
    for (; at < UNDER_WAY && datagrams->under_way[at]; at++)
        if (is_of(datagrams->under_way[at], piece))
            return at;
    if (at == UNDER_WAY) {
        datagrams->lost = datagrams->under_way[0]->number;
        free(datagrams->under_way[0]);
        remove_at(datagrams, 0);
        at--;
    }
    struct datagram *datagram = calloc(1, sizeof *datagram);
    if (!datagram)
        return UNDER_WAY;
    datagram->piece = *piece;
    datagrams->under_way[at] = datagram;
    return at;
}

static void put(struct datagram *datagram, const struct datagram_piece *piece)
{
    size_t end = piece->offset + piece->length;
    memcpy(datagram->octets + piece->offset, piece->octets, piece->length);
    for (size_t unit = piece->offset / UNIT; unit < (end + UNIT - 1) / UNIT; unit++) {
        uint8_t bit = (uint8_t)(1u << unit % 8);
        datagram->units += !(datagram->there[unit / 8] & bit);
        datagram->there[unit / 8] |= bit;
    }
    if (!piece->more)
        datagram->length = end;
}

/* A piece of a datagram that is whole already: some captures hold every packet twice. */
static bool is_late(const struct datagrams *datagrams, const struct datagram_piece *piece)
{
    const struct datagram *whole = datagrams->whole;
    for (size_t i = 0; i < UNDER_WAY && whole; i++, whole = whole->next)
        if (is_of(whole, piece) && piece->offset + piece->length <= whole->length &&
            memcmp(whole->octets + piece->offset, piece->octets, piece->length) == 0)
            return true;
    return false;
}

const uint8_t *datagrams_add(struct datagrams *datagrams, const struct datagram_piece *piece,
                             uint32_t number, size_t *length)
{
    bool odd = piece->more && piece->length % UNIT != 0;
    if (odd || !piece->length || piece->offset + piece->length > OCTETS_MAX ||
        is_late(datagrams, piece))
        return NULL;
    size_t at = find(datagrams, piece);
    if (at == UNDER_WAY)
        return NULL;
    struct datagram *datagram = datagrams->under_way[at];
    datagram->number = number;
    put(datagram, piece);
    if (!datagram->length || datagram->units != (datagram->length + UNIT - 1) / UNIT)
        return NULL;
    remove_at(datagrams, at);
    struct datagram *fitting =
        realloc(datagram, offsetof(struct datagram, octets) + datagram->length);
    datagram = fitting ? fitting : datagram;
    datagram->next = datagrams->whole;
    datagrams->whole = datagram;
    *length = datagram->length;
    return datagram->octets;
}

uint32_t datagrams_lost(struct datagrams *datagrams, bool end)
{
    uint32_t lost = datagrams->lost;
    datagrams->lost = 0;
    if (lost || !end || !datagrams->under_way[0])
        return lost;
    lost = datagrams->under_way[0]->number;
    free(datagrams->under_way[0]);
    remove_at(datagrams, 0);
    return lost;
}
