/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks from the kernel, and its own opinion of the wall clock. */
#include "gateway/base/clock.h"

#include <sys/timex.h>
#include <time.h>

enum { ASK_AGAIN_MS = 1000 };

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t gw_clock_steady_ms(void)
{
    return (uint64_t)read_ms(CLOCK_MONOTONIC);
}

uint64_t gw_clock_boot_ms(void)
{
    return (uint64_t)read_ms(CLOCK_BOOTTIME);
}

int64_t gw_clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

static bool kernel_says_synchronized(void)
{
    struct timex state = {.modes = 0};
    int answer = adjtimex(&state);
    return answer >= 0 && answer != TIME_ERROR && !(state.status & STA_UNSYNC);
}

bool gw_clock_trusted(enum gw_clock_mode mode)
{
    static bool synchronized;
    static uint64_t asked_ms;
    if (mode != GW_CLOCK_AUTO)
        return mode == GW_CLOCK_TRUSTED;
    uint64_t now = gw_clock_steady_ms();
    if (!asked_ms || now - asked_ms >= ASK_AGAIN_MS) {
        synchronized = kernel_says_synchronized();
        asked_ms = now;
    }
    return synchronized;
}
