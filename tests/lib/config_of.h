/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration from texts, for tests of what stands on one. */
#ifndef TESTS_CONFIG_OF_H
#define TESTS_CONFIG_OF_H

#include <stdio.h>
#include <string.h>

#include "gateway/config/config.h"

/* `mapping` is the file that outstations name as `name`; NULL: they name none. Returns NULL, and
 * prints why, where there is a mistake in them. */
static inline struct gw_config *config_of(const char *gateway, const char *name,
                                          const char *mapping)
{
    const struct gw_config_text texts[] = {{"gateway.json", gateway, strlen(gateway)},
                                           {name, mapping, mapping ? strlen(mapping) : 0}};
    struct gw_config_errors errors = {0};
    struct gw_config *config = NULL;
    gw_config_load_texts(texts, mapping ? 2 : 1, &config, &errors);
    gw_config_errors_print(&errors, stderr);
    gw_config_errors_free(&errors);
    return config;
}

#endif
