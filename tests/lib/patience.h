/* SPDX-License-Identifier: Apache-2.0 */
/* Waits of a test in its own loop: each is for a condition, and has an end. */
#ifndef TESTS_PATIENCE_H
#define TESTS_PATIENCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

enum { PATIENCE_MS = 20000 };

struct patience {
    uv_timer_t timer;
    bool over;
};

static inline void patience_init(struct patience *patience, uv_loop_t *loop)
{
    uv_timer_init(loop, &patience->timer);
    patience->timer.data = patience;
}

static inline void patience_on_timer(uv_timer_t *timer)
{
    ((struct patience *)timer->data)->over = true;
}

static inline void patience_start(struct patience *patience, uint64_t ms)
{
    patience->over = false;
    uv_timer_start(&patience->timer, patience_on_timer, ms, 0);
}

/* Runs the loop of `f->patience` until `condition`. */
#define wait_for(f, condition)                                                                     \
    do {                                                                                           \
        patience_start(&(f)->patience, PATIENCE_MS);                                               \
        while (!(condition) && !(f)->patience.over)                                                \
            uv_run((f)->patience.timer.loop, UV_RUN_ONCE);                                         \
        uv_timer_stop(&(f)->patience.timer);                                                       \
        assert_true(condition);                                                                    \
    } while (0)

/* Runs the loop for a while: for what must not happen. */
static inline void patience_pass(struct patience *patience, uint64_t ms)
{
    patience_start(patience, ms);
    while (!patience->over)
        uv_run(patience->timer.loop, UV_RUN_ONCE);
}

/* Runs the loop to its end, once the test has closed what it opened in it. */
static inline void patience_close(struct patience *patience)
{
    uv_loop_t *loop = patience->timer.loop;
    uv_close((uv_handle_t *)&patience->timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

#endif
