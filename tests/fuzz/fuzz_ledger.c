/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets where an entry of the ledger should be kept: what is read can be written, and reads
 * back as the same. */
#include "gateway/command/ledger_store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_ledger_entry entry;
    struct gw_ledger_entry again;
    uint8_t octets[GW_LEDGER_RECORD_MAX];
    int64_t opened = 0;
    int64_t opened_again = 0;
    if (!gw_ledger_record_read(data, size, &entry, &opened))
        return 0;
    require(entry.id.length && entry.id.length <= GW_COMMAND_TEXT_MAX);
    require(entry.value.text.length <= GW_COMMAND_TEXT_MAX);
    size_t written = gw_ledger_record_write(octets, &entry, opened);
    require(written <= sizeof octets);
    require(gw_ledger_record_read(octets, written, &again, &opened_again));
    require(opened == opened_again && entry.scope == again.scope);
    require(entry.under_way == again.under_way && gw_command_text_equal(&entry.id, &again.id));
    require(entry.result.outcome == again.result.outcome || entry.under_way);
    require(entry.result.reason == again.result.reason || entry.under_way);
    return 0;
}
