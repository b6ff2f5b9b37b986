/* SPDX-License-Identifier: Apache-2.0 */
/* The seam between Paho and the loop. Paho's own connect() is renamed in its archive and comes
 * here: instead of connecting, its socket becomes our end of the relay. A client is told from
 * another by its seat, which travels as the port of a numeric address that nobody dials. */
#ifndef GW_PAHO_H
#define GW_PAHO_H

#include <stddef.h>
#include <sys/socket.h>

enum { GW_PAHO_URI_MAX = 32 };

/* A seat of one's own, or -1 when all are taken. The first one starts what Paho keeps globally;
 * from any one thread. */
int gw_paho_sit(void);
/* Gives the seat back. The last one ends Paho's threads, which takes some 200 ms. */
void gw_paho_rise(int seat);

/* Lays `fd` ready for the seat's next connect; what was ready before and not taken is closed. */
void gw_paho_offer(int seat, int fd);
/* Closes what is ready and was not taken. */
void gw_paho_retract(int seat);

/* The server address that makes Paho's connect find the seat. */
void gw_paho_uri(int seat, char uri[GW_PAHO_URI_MAX]);

/* Paho calls this in place of connect(2). */
int gw_paho_connect(int fd, const struct sockaddr *address, socklen_t length);

/* Some functions of Paho are weakened in the archive's copy, and these stand in for them. Where a
 * later version has other functions in their place, nobody calls these. */

/* What its sending thread waits for, up to 1.3.12: a condition without a predicate, so that a
 * message queued just before the wait stays there until the next one or for a second; and by the
 * wall clock. These remember the signal and use the steady clock. There is only one such condition.
 */
int Thread_signal_cond(void *condition);
int Thread_wait_cond(void *condition, int timeout_ms);

#endif
