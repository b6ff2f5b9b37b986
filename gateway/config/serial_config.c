/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config/serial_config.h"

#include <stdio.h>

uint64_t gw_serial_ms(const struct gw_serial_config *config, size_t octets)
{
    unsigned bits = 1u + config->data + (config->parity != GW_PARITY_NONE) + config->stop;
    return ((uint64_t)octets * bits * 1000 + config->baud - 1) / config->baud;
}

int gw_serial_print(const struct gw_serial_config *config, char *buffer, size_t size)
{
    static const char parities[] = "NEO";
    return snprintf(buffer, size, "%s, %u %u%c%u%s", config->device, config->baud, config->data,
                    parities[config->parity], config->stop, config->rs485 ? ", RS-485" : "");
}
