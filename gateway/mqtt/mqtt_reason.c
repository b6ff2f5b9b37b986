/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT 5.0, 2.4: reason codes in the words of the standard, as they stand in the log. */
#include "gateway/mqtt/mqtt.h"

#define REASON_MAP(X)                                                                              \
    X(0x00, "success")                                                                             \
    X(0x01, "granted QoS 1")                                                                       \
    X(0x02, "granted QoS 2")                                                                       \
    X(0x04, "disconnect with will message")                                                        \
    X(0x10, "no matching subscribers")                                                             \
    X(0x11, "no subscription existed")                                                             \
    X(0x18, "continue authentication")                                                             \
    X(0x19, "re-authenticate")                                                                     \
    X(0x80, "unspecified error")                                                                   \
    X(0x81, "malformed packet")                                                                    \
    X(0x82, "protocol error")                                                                      \
    X(0x83, "implementation specific error")                                                       \
    X(0x84, "unsupported protocol version")                                                        \
    X(0x85, "client identifier not valid")                                                         \
    X(0x86, "bad user name or password")                                                           \
    X(0x87, "not authorized")                                                                      \
    X(0x88, "server unavailable")                                                                  \
    X(0x89, "server busy")                                                                         \
    X(0x8a, "banned")                                                                              \
    X(0x8b, "server shutting down")                                                                \
    X(0x8c, "bad authentication method")                                                           \
    X(0x8d, "keep alive timeout")                                                                  \
    X(0x8e, "session taken over by another client of this name")                                   \
    X(0x8f, "topic filter invalid")                                                                \
    X(0x90, "topic name invalid")                                                                  \
    X(0x91, "packet identifier in use")                                                            \
    X(0x92, "packet identifier not found")                                                         \
    X(0x93, "receive maximum exceeded")                                                            \
    X(0x94, "topic alias invalid")                                                                 \
    X(0x95, "packet too large")                                                                    \
    X(0x96, "message rate too high")                                                               \
    X(0x97, "quota exceeded")                                                                      \
    X(0x98, "administrative action")                                                               \
    X(0x99, "payload format invalid")                                                              \
    X(0x9a, "retain not supported")                                                                \
    X(0x9b, "QoS not supported")                                                                   \
    X(0x9c, "use another server")                                                                  \
    X(0x9d, "server moved")                                                                        \
    X(0x9e, "shared subscriptions not supported")                                                  \
    X(0x9f, "connection rate exceeded")                                                            \
    X(0xa0, "maximum connect time")                                                                \
    X(0xa1, "subscription identifiers not supported")                                              \
    X(0xa2, "wildcard subscriptions not supported")

const char *gw_mqtt_reason_code_text(int reason_code)
{
    switch (reason_code) {
#define X(value, text)                                                                             \
    case (value):                                                                                  \
        return text;
        REASON_MAP(X)
#undef X
    default:
        return "unknown reason code";
    }
}
