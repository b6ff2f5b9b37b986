/* SPDX-License-Identifier: Apache-2.0 */
/* From the configured endpoints to a connection: names, addresses, fail-over, the time it may take.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/mqtt/broker_internal.h"

static enum gw_broker_reason reason_of(int error)
{
    switch (error) {
    case UV_ECONNREFUSED:
        return GW_BROKER_CONNECT_REFUSED;
    case UV_ETIMEDOUT:
        return GW_BROKER_CONNECT_TIMEOUT;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return GW_BROKER_NO_RESOURCES;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_EOF:
        return GW_BROKER_CLOSED;
    default:
        return GW_BROKER_UNREACHABLE;
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    struct gw_broker *broker = request->data;
    if (status == UV_ECANCELED || broker->state != BROKER_CONNECTING)
        return;
    if (status == 0) {
        gw_broker_relay(broker);
        return;
    }
    gw_broker_explain(broker, reason_of(status), uv_strerror(status));
    gw_broker_close_tcp(broker); /* then the next address */
}

static void on_connect_timer(uv_timer_t *timer)
{
    struct gw_broker *broker = timer->data;
    if (broker->state == BROKER_RESOLVING) {
        gw_broker_explain(broker, GW_BROKER_DNS_FAILED, "no answer from the name server in time");
        broker->resolve_wanted = false;
        uv_cancel((uv_req_t *)&broker->resolver);
        gw_broker_try_endpoint(broker);
        return;
    }
    gw_broker_explain(broker, GW_BROKER_CONNECT_TIMEOUT, "no answer in time");
    broker->address = broker->address_count;
    gw_broker_close_tcp(broker);
}

void gw_broker_try_address(struct gw_broker *broker)
{
    const struct sockaddr *address = (void *)&broker->addresses[broker->address++];
    broker->state = BROKER_CONNECTING;
    int error = uv_tcp_init(broker->loop, &broker->tcp);
    if (!error) {
        broker->tcp.data = broker;
        broker->tcp_open = true;
        error = uv_tcp_connect(&broker->connect, &broker->tcp, address, on_connected);
    }
    if (!error)
        return;
    gw_broker_explain(broker, reason_of(error), uv_strerror(error));
    if (broker->tcp_open)
        gw_broker_close_tcp(broker);
    else
        gw_broker_end(broker);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct gw_broker *broker = request->data;
    broker->resolving = false;
    if (broker->state == BROKER_FREEING) {
        uv_freeaddrinfo(found);
        if (!broker->closing)
            gw_broker_release(broker);
        return;
    }
    if (!broker->resolve_wanted) {
        uv_freeaddrinfo(found);
        return;
    }
    broker->resolve_wanted = false;
    broker->address_count = 0;
    for (struct addrinfo *i = found; i && broker->address_count < BROKER_ADDRESSES_MAX;
         i = i->ai_next)
        memcpy(&broker->addresses[broker->address_count++], i->ai_addr, i->ai_addrlen);
    uv_freeaddrinfo(found);
    if (status == 0 && broker->address_count) {
        gw_broker_try_address(broker);
        return;
    }
    gw_broker_explain(broker, GW_BROKER_DNS_FAILED, status ? uv_strerror(status) : "no address");
    gw_broker_try_endpoint(broker);
}

static void resolve(struct gw_broker *broker, const struct gw_endpoint *endpoint)
{
    char port[8];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int error = UV_EBUSY; /* an earlier question still has no answer */
    snprintf(port, sizeof port, "%u", endpoint->port);
    broker->state = BROKER_RESOLVING;
    if (!broker->resolving)
        error = uv_getaddrinfo(broker->loop, &broker->resolver, on_resolved, endpoint->host, port,
                               &hints);
    if (!error) {
        broker->resolving = true;
        broker->resolve_wanted = true;
        return;
    }
    gw_broker_explain(broker, GW_BROKER_DNS_FAILED, uv_strerror(error));
    gw_broker_try_endpoint(broker);
}

static bool is_numeric(struct gw_broker *broker, const struct gw_endpoint *endpoint)
{
    struct sockaddr_storage *address = broker->addresses;
    broker->address = 0;
    broker->address_count = 1;
    return uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)address) == 0 ||
           uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)address) == 0;
}

void gw_broker_set_name(struct gw_broker *broker)
{
    const struct gw_endpoint *endpoint = &broker->endpoints[broker->current];
    bool brackets = strchr(endpoint->host, ':') != NULL;
    snprintf(broker->name, sizeof broker->name, brackets ? "[%s]:%u" : "%s:%u", endpoint->host,
             endpoint->port);
}

void gw_broker_try_endpoint(struct gw_broker *broker)
{
    if (broker->tried == broker->endpoint_count) {
        gw_broker_end(broker);
        return;
    }
    broker->current = (broker->first + broker->tried++) % broker->endpoint_count;
    const struct gw_endpoint *endpoint = &broker->endpoints[broker->current];
    gw_broker_set_name(broker);
    uv_timer_start(&broker->timer, on_connect_timer, broker->timeout_ms, 0);
    if (is_numeric(broker, endpoint))
        gw_broker_try_address(broker);
    else
        resolve(broker, endpoint);
}
