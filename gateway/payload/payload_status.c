/* SPDX-License-Identifier: Apache-2.0 */
/* The status messages of the gateway and its outstations, and the words in them. */
#include "gateway/payload/payload.h"

#include "dnp3/app.h"
#include "gateway/base/json_writer.h"

const char *gw_state_name(enum gw_state state)
{
    static const char *const names[] = {
#define X(name, text) [GW_STATE_##name] = text,
        GW_STATE_MAP(X)
#undef X
    };
    return state < GW_STATES ? names[state] : "unknown";
}

const char *gw_reason_name(enum gw_reason reason)
{
    static const char *const names[] = {
#define X(name, word, text) [GW_REASON_##name] = word,
        GW_REASON_MAP(X)
#undef X
    };
    return reason < GW_REASONS ? names[reason] : "unknown";
}

const char *gw_reason_detail(enum gw_reason reason)
{
    static const char *const details[] = {
#define X(name, word, text) [GW_REASON_##name] = text,
        GW_REASON_MAP(X)
#undef X
    };
    return reason < GW_REASONS ? details[reason] : "";
}

static void write_time(struct gw_json_writer *writer, const char *key, int64_t ms)
{
    gw_json_key(writer, key);
    if (ms)
        gw_json_integer(writer, ms);
    else
        gw_json_null(writer);
}

static void write_string(struct gw_json_writer *writer, const char *key, const char *text)
{
    gw_json_key(writer, key);
    gw_json_string(writer, text);
}

static void write_count(struct gw_json_writer *writer, const char *key, uint64_t count)
{
    gw_json_key(writer, key);
    gw_json_unsigned(writer, count);
}

/* What an engineer should know; which classes hold events and broadcasts come and go by themselves.
 */
static void write_indications(struct gw_json_writer *writer, uint16_t iin)
{
    const unsigned passing = DNP3_IIN_BROADCAST | DNP3_IIN_CLASS_1_EVENTS |
                             DNP3_IIN_CLASS_2_EVENTS | DNP3_IIN_CLASS_3_EVENTS;
    gw_json_key(writer, "iin");
    gw_json_begin(writer, '[');
    for (unsigned bit = 1; bit <= 0x8000; bit <<= 1) {
        const char *name = iin & bit & ~passing ? dnp3_iin_name((uint16_t)bit) : NULL;
        if (name)
            gw_json_word(writer, name);
    }
    gw_json_finish(writer, ']');
}

int gw_payload_outstation_status(char *buffer, size_t size,
                                 const struct gw_outstation_status *status)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    const char *detail = status->detail ? status->detail : gw_reason_detail(status->reason);
    gw_json_begin(&writer, '{');
    write_string(&writer, "state", gw_state_name(status->state));
    write_string(&writer, "reason", gw_reason_name(status->reason));
    write_string(&writer, "detail", *detail ? detail : NULL);
    gw_json_key(&writer, "since");
    gw_json_integer(&writer, status->since_ms);
    write_time(&writer, "last_heard", status->last_heard_ms);
    write_string(&writer, "connect", status->connect);
    write_count(&writer, "address", status->address);
    write_count(&writer, "master_address", status->master_address);
    write_indications(&writer, status->iin);
    write_string(&writer, "clock", status->clock);
    gw_json_key(&writer, "withholding");
    gw_json_bool(&writer, status->withholding);
    write_count(&writer, "event_overflows", status->event_overflows);
    write_count(&writer, "rtt_ms", status->rtt_ms);
    write_count(&writer, "timeouts", status->timeouts);
    write_count(&writer, "crc_errors", status->crc_errors);
    write_count(&writer, "rx_bytes", status->rx_bytes);
    write_count(&writer, "tx_bytes", status->tx_bytes);
    gw_json_key(&writer, "certificate_days");
    gw_json_null(&writer);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}

int gw_payload_gateway_status(char *buffer, size_t size, const struct gw_gateway_status *status)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    gw_json_begin(&writer, '{');
    write_string(&writer, "state", status->state);
    write_string(&writer, "reason", status->reason);
    write_time(&writer, "since", status->since_ms);
    write_string(&writer, "version", status->version);
    write_string(&writer, "config", status->config);
    write_string(&writer, "revision", status->revision);
    write_string(&writer, "clock", status->clock);
    write_string(&writer, "spool", status->spool);
    write_count(&writer, "spool_messages", status->spool_messages);
    write_count(&writer, "spool_bytes", status->spool_octets);
    gw_json_key(&writer, "outstations");
    gw_json_begin(&writer, '{');
    write_count(&writer, "online", status->online);
    write_count(&writer, "idle", status->idle);
    write_count(&writer, "connecting", status->connecting);
    write_count(&writer, "offline", status->offline);
    write_count(&writer, "disabled", status->disabled);
    gw_json_finish(&writer, '}');
    gw_json_key(&writer, "certificate_days");
    gw_json_null(&writer);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}

int gw_payload_will(char *buffer, size_t size)
{
    struct gw_json_writer writer = gw_json_writer_of(buffer, size);
    gw_json_begin(&writer, '{');
    write_string(&writer, "state", "offline");
    write_string(&writer, "reason", "connection_lost");
    write_time(&writer, "since", 0);
    gw_json_finish(&writer, '}');
    return gw_json_end(&writer);
}
