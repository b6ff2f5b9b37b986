/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks: a steady one for waiting and a wall clock for people, and whether the latter may
 * be trusted (`clock`: auto asks the kernel whether it is synchronised). */
#ifndef GW_CLOCK_H
#define GW_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum gw_clock_mode { GW_CLOCK_AUTO, GW_CLOCK_TRUSTED, GW_CLOCK_UNTRUSTED };

/* Steady ms (CLOCK_MONOTONIC). */
uint64_t gw_clock_steady_ms(void);
/* Steady ms that go on while the host is suspended (CLOCK_BOOTTIME): only for telling that this
 * process stood still, deadlines are told by the one above. */
uint64_t gw_clock_boot_ms(void);
/* Wall clock, ms since 1970 UTC. */
int64_t gw_clock_wall_ms(void);
/* May the wall clock be believed? Asks the kernel at most once a second (GW_CLOCK_AUTO). */
bool gw_clock_trusted(enum gw_clock_mode mode);

#endif
