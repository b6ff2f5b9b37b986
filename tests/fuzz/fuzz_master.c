/* SPDX-License-Identifier: Apache-2.0 */
/* A master with two associations against arbitrary outstations and hosts: the input is a script of
 * octets, answers, controls, files and time. Nothing unsafe is confirmed, no control leaves twice
 * or against its result, no block is written twice, time goes on, and everything comes back. */
#include "tests/fuzz/fuzz_master_world.h"

static void say(struct world *world, size_t which, const uint8_t *fragment, size_t length)
{
    uint8_t wire[DNP3_WIRE_MAX];
    struct side *side = &world->sides[which];
    struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
    dnp3_transport_write(&side->up, &out, 0x44, 1, (uint16_t)(10 + which), fragment, length);
    dnp3_master_feed(world->master, wire, dnp3_writer_length(&out), world->now);
}

/* A fragment whose sequence fits where the input says so. */
static void say_fragment(struct world *world, size_t which)
{
    uint8_t fragment[1024];
    size_t length = (size_t)next(world) * 4 % sizeof fragment;
    bool fits = next(world) & 1;
    for (size_t i = 0; i < length; i++)
        fragment[i] = world->at < world->end ? *world->at++ : (uint8_t)i;
    if (fits && length > 4) {
        fragment[1] = fragment[1] & 1 ? DNP3_FUNCTION_RESPONSE : DNP3_FUNCTION_UNSOLICITED_RESPONSE;
        if (fragment[1] == DNP3_FUNCTION_RESPONSE)
            fragment[0] = (uint8_t)((fragment[0] & 0xE0) | (world->sides[which].request[0] & 0x0F));
        else
            fragment[0] |= 0xD0;
    }
    say(world, which, fragment, length);
}

/* The last request's echo, good or a little wrong. */
static void say_echo(struct world *world, size_t which)
{
    uint8_t fragment[DNP3_FRAGMENT_MAX + 2];
    struct side *side = &world->sides[which];
    uint8_t wrong = next(world);
    if (side->request_length < 2)
        return;
    size_t length = side->request_length + 2;
    fragment[0] = side->request[0];
    fragment[1] = DNP3_FUNCTION_RESPONSE;
    fragment[2] = 0;
    fragment[3] = 0;
    memcpy(fragment + 4, side->request + 2, length - 4);
    if (wrong & 0x80)
        fragment[wrong % length] ^= (uint8_t)(1u << (wrong & 7));
    if (wrong & 0x40)
        length -= wrong % length;
    say(world, which, fragment, length);
}

static void send_control(struct world *world, size_t which)
{
    if (world->control_count == CONTROLS)
        return;
    struct control *control = &world->controls[world->control_count];
    uint8_t mode = next(world);
    control->command = (struct dnp3_command){.index = (uint32_t)world->control_count,
                                             .code = 0x41,
                                             .count = 1,
                                             .on_ms = 100,
                                             .off_ms = 100};
    control->request = (struct dnp3_command_request){
        .mode = (enum dnp3_command_mode)(mode % 3),
        .commands = &control->command,
        .count = 1,
        .expires_ms = mode & 0x80 ? world->now + next(world) * 16u : 0,
        .done = on_done,
        .user = control};
    if (dnp3_association_command(world->sides[which].association, &control->request) == 0)
        world->control_count++;
}

static void on_answer(struct dnp3_request *request)
{
    struct ask *ask = request->user;
    require(++ask->results == 1);
    if (request->outcome == DNP3_OUTCOME_DONE)
        require(request->reason == DNP3_REASON_OK);
    if (request->outcome == DNP3_OUTCOME_UNKNOWN)
        require(request->function != DNP3_FUNCTION_READ);
}

static void on_broadcast(struct dnp3_broadcast *broadcast)
{
    struct ask *ask = broadcast->user;
    require(++ask->results == 1);
}

static struct ask *new_ask(struct world *world)
{
    if (world->ask_count == ASKS)
        return NULL;
    struct ask *ask = &world->asks[world->ask_count];
    uint8_t group = next(world);
    ask->headers[0] = (struct dnp3_request_header){.group = 60, .variation = 2};
    ask->headers[1] = (struct dnp3_request_header){
        .group = group, .ranged = group & 1, .start = 3, .stop = next(world)};
    return ask;
}

static void send_request(struct world *world, size_t which)
{
    struct ask *ask = new_ask(world);
    if (!ask)
        return;
    uint8_t how = next(world);
    ask->request = (struct dnp3_request){.function = how & 0x40 ? DNP3_FUNCTION_READ : how % 32,
                                         .attempts = how % 4,
                                         .headers = ask->headers,
                                         .count = how & 0x20 ? 2 : 1,
                                         .freeze_at_ms = 5000,
                                         .expires_ms = how & 0x80 ? world->now + 2000 : 0,
                                         .done = on_answer,
                                         .user = ask};
    if (dnp3_association_request(world->sides[which].association, &ask->request) == 0)
        world->ask_count++;
}

static bool on_data(struct dnp3_file_transfer *transfer, const uint8_t *octets, size_t length)
{
    struct file *file = transfer->context;
    unsigned sum = 0;
    require(length && !file->results && transfer->operation == DNP3_FILE_OPERATION_READ);
    for (size_t i = 0; i < length; i++)
        sum += octets[i];
    require(sum <= 255 * length);
    file->read += length;
    require(transfer->transferred == file->read);
    return !file->stops;
}

static bool on_entry(struct dnp3_file_transfer *transfer, const struct dnp3_file_descriptor *entry)
{
    const struct file *file = transfer->context;
    unsigned sum = 0;
    require(!file->results && (transfer->operation == DNP3_FILE_OPERATION_INFO ||
                               transfer->operation == DNP3_FILE_OPERATION_DIRECTORY));
    for (size_t i = 0; i < entry->name.length; i++)
        sum += entry->name.octets[i];
    require(sum <= 255u * entry->name.length);
    return !file->stops;
}

static const uint8_t *on_more(struct dnp3_file_transfer *transfer, size_t room, size_t *length,
                              bool *last)
{
    static const uint8_t octets[DNP3_FRAGMENT_MAX];
    struct file *file = transfer->context;
    require(!file->results && room && room <= sizeof octets);
    if (file->stops)
        return NULL;
    *length = file->left < room ? file->left : room;
    *last = *length == file->left;
    file->left -= *length;
    file->blocks++;
    return octets;
}

static void on_file(struct dnp3_file_transfer *transfer)
{
    struct file *file = transfer->context;
    bool changes = transfer->operation == DNP3_FILE_OPERATION_WRITE ||
                   transfer->operation == DNP3_FILE_OPERATION_DELETE;
    require(++file->results == 1);
    if (transfer->outcome == DNP3_OUTCOME_DONE)
        require(transfer->reason == DNP3_REASON_OK && file->left == 0);
    if (transfer->outcome == DNP3_OUTCOME_UNKNOWN)
        require(changes);
    if (transfer->outcome == DNP3_OUTCOME_REFUSED)
        require(!file->blocks && !file->read && !transfer->function);
}

static void send_file(struct world *world, size_t which)
{
    static const char *const names[] = {"a", "directory/file", "."};
    if (world->file_count == FILES)
        return;
    struct file *file = &world->files[world->file_count];
    uint8_t how = next(world);
    uint8_t more = next(world);
    *file = (struct file){.left = 0, .stops = more & 0x80};
    file->transfer = (struct dnp3_file_transfer){.operation = (enum dnp3_file_operation)(how % 5),
                                                 .name = names[how % 3],
                                                 .user = how & 0x40 ? "user" : NULL,
                                                 .append = how & 0x20,
                                                 .block_size = more & 0x0F,
                                                 .attempts = more >> 4 & 3,
                                                 .wait_ms = more & 0x40 ? 1500 : 0,
                                                 .expires_ms = how & 0x80 ? world->now + 2000 : 0,
                                                 .data = on_data,
                                                 .entry = on_entry,
                                                 .more = on_more,
                                                 .done = on_file,
                                                 .context = file};
    if (file->transfer.operation == DNP3_FILE_OPERATION_WRITE)
        file->left = next(world);
    if (dnp3_association_file(world->sides[which].association, &file->transfer) == 0)
        world->file_count++;
}

static void cancel_file(struct world *world, size_t which)
{
    for (size_t i = 0; i < world->file_count; i++)
        if (!world->files[i].results)
            dnp3_association_file_cancel(world->sides[which].association,
                                         &world->files[i].transfer);
}

/* An answer to the last request about a file, good or a little wrong: solicited or by event. */
static void say_file(struct world *world, size_t which)
{
    uint8_t fragment[256];
    struct side *side = &world->sides[which];
    struct dnp3_writer out = dnp3_writer_of(fragment, sizeof fragment);
    uint8_t how = next(world);
    uint8_t wrong = next(world);
    if (side->request_length < 2)
        return;
    bool written = side->request[1] == DNP3_FUNCTION_WRITE;
    bool block = written || side->request[1] == DNP3_FUNCTION_READ;
    struct dnp3_file_command_status status = {.handle = 1, .block_size = how & 7};
    struct dnp3_file_transport transport = {.handle = 1};
    if (block && side->request_length >= 16) { /* behind two headers and the size */
        struct dnp3_reader asked = dnp3_reader_of(side->request + 8, side->request_length - 8);
        dnp3_file_transport_read(asked, &transport);
    }
    transport.last = how & 0x80;
    transport.data = (struct dnp3_file_string){side->request, how & 0x3F};
    struct dnp3_file_transport_status taken = {
        .handle = transport.handle, .block = transport.block, .last = transport.last};
    if (side->request[1] == DNP3_FUNCTION_OPEN_FILE && side->request_length >= 34)
        status.request = dnp3_load_u16(side->request + 32);
    bool event = wrong & 0x20;
    dnp3_writer_u8(&out, event ? 0xF0 | (how & 0x0F) : side->request[0]);
    dnp3_writer_u8(&out, event ? DNP3_FUNCTION_UNSOLICITED_RESPONSE : DNP3_FUNCTION_RESPONSE);
    dnp3_writer_u16(&out, 0);
    if (!(wrong & 0x10)) {
        size_t begun = dnp3_sized_begin(&out, 70, written ? 6 : block ? 5 : 4);
        if (written)
            dnp3_file_transport_status_write(&out, &taken);
        else if (block)
            dnp3_file_transport_write(&out, &transport);
        else
            dnp3_file_command_status_write(&out, &status);
        dnp3_sized_end(&out, begun);
    }
    size_t length = dnp3_writer_length(&out);
    if (wrong & 0x80)
        fragment[wrong % length] ^= (uint8_t)(1u << (wrong & 7));
    say(world, which, fragment, length);
}

static void send_broadcast(struct world *world)
{
    struct ask *ask = new_ask(world);
    if (!ask)
        return;
    uint8_t how = next(world);
    ask->broadcast = (struct dnp3_broadcast){.function = how % 32,
                                             .source = 1,
                                             .destination = 0xFFFF - how % 3,
                                             .headers = ask->headers,
                                             .count = how & 0x20 ? 2 : 0,
                                             .expires_ms = how & 0x80 ? world->now + 2000 : 0,
                                             .done = on_broadcast,
                                             .user = ask};
    if (dnp3_master_broadcast(world->master, &ask->broadcast) == 0)
        world->ask_count++;
}

static void answer(struct world *world, struct side *side, bool safe)
{
    uint8_t which = next(world);
    struct promise *promise = &side->promises[which & 1];
    uint32_t token = which & 0x80 ? next(world) : promise->token;
    for (size_t i = 0; i < 2; i++)
        if (safe && side->promises[i].token == token)
            side->promises[i].safe = true;
    if (safe)
        dnp3_association_confirm(side->association, token);
    else
        dnp3_association_refuse(side->association, token);
}

static void time_goes_by(struct world *world)
{
    uint8_t how = next(world);
    uint64_t deadline = dnp3_master_deadline(world->master);
    if (how & 0x80 && deadline != DNP3_NEVER)
        world->now = deadline > world->now ? deadline : world->now;
    else
        world->now += (uint64_t)(how & 0x7F) * 16;
    dnp3_master_tick(world->master, world->now);
    pump(world);
    require(dnp3_master_deadline(world->master) > world->now);
}

static void connection(struct world *world)
{
    world->connected = !world->connected;
    if (world->connected) {
        dnp3_master_connected(world->master, world->now);
        return;
    }
    dnp3_master_disconnected(world->master, world->now);
    for (size_t i = 0; i < SIDES; i++) {
        memset(world->sides[i].promises, 0, sizeof world->sides[i].promises);
        world->sides[i].linked = false;
        dnp3_transport_reset(&world->sides[i].down, world->pool);
    }
    require(dnp3_pool_available(world->pool) == BUFFERS);
    require(dnp3_master_deadline(world->master) == DNP3_NEVER);
}

static void raw(struct world *world, size_t which, bool framed)
{
    uint8_t wire[DNP3_LINK_FRAME_MAX];
    uint8_t control = next(world);
    size_t length = next(world);
    size_t left = (size_t)(world->end - world->at);
    length = length < left ? length : left;
    if (framed) {
        struct dnp3_writer out = dnp3_writer_of(wire, sizeof wire);
        struct dnp3_link_frame frame = {
            .control = control, .destination = 1, .source = (uint16_t)(10 + which)};
        frame.data = world->at;
        frame.length = (uint16_t)length;
        dnp3_link_write(&out, &frame);
        dnp3_master_feed(world->master, wire, dnp3_writer_length(&out), world->now);
    } else {
        dnp3_master_feed(world->master, world->at, length, world->now);
    }
    world->at += length;
}

static void set_host(struct world *world, struct side *side)
{
    uint8_t how = next(world);
    side->verdict = (enum dnp3_verdict)(how % 3);
    side->line_busy = how & 0x80;
    side->dumb = how & 0x40;
}

static void step(struct world *world)
{
    uint8_t word = next(world);
    size_t which = word >> 7;
    struct side *side = &world->sides[which];
    switch (word % 16) {
    case 0:
    case 1:
    case 2:
        say_fragment(world, which);
        break;
    case 3:
        say_echo(world, which);
        break;
    case 4:
        if (word & 0x10)
            say_file(world, which);
        else
            say_echo(world, which);
        break;
    case 5:
    case 6:
        time_goes_by(world);
        break;
    case 7:
    case 8:
        answer(world, side, word % 16 == 7);
        break;
    case 9:
        if ((word & 0x30) == 0x30)
            send_file(world, which);
        else if (word & 0x10)
            send_request(world, which);
        else if (word & 0x20)
            send_broadcast(world);
        else
            send_control(world, which);
        break;
    case 10:
        set_host(world, side);
        break;
    case 11:
        if (word & 0x10)
            cancel_file(world, which);
        dnp3_association_demand(side->association, (enum dnp3_demand)(next(world) % 3));
        if (word & 0x20)
            dnp3_association_probe(side->association, 1000 + next(world) * 10u, world->now);
        break;
    case 12:
        side->withholding = !side->withholding;
        dnp3_association_withhold(side->association, side->withholding);
        break;
    case 13:
        connection(world);
        break;
    default:
        raw(world, which, word % 16 == 14);
        break;
    }
    if (word & 0x40)
        pump(world);
}

static void create(struct world *world, const struct dnp3_allocator *allocator)
{
    uint8_t how = next(world);
    world->pool = dnp3_pool_create(allocator, BUFFERS);
    world->master = dnp3_master_create(&(struct dnp3_master_config){.allocator = allocator,
                                                                    .pool = world->pool,
                                                                    .spread = 1,
                                                                    .broadcast = true,
                                                                    .half_duplex = how & 128});
    dnp3_link_parser_init(&world->parser);
    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &world->sides[i];
        dnp3_association_config_default(&side->config);
        side->polls[0] = (struct dnp3_poll){.period_ms = 3000, .classes = DNP3_CLASS_EVENTS};
        side->polls[1] = (struct dnp3_poll){.period_ms = 7000, .group = 30, .ranged = true};
        side->config.polls = side->polls;
        side->config.poll_count = how & 1 ? 2 : 0;
        side->config.manage_unsolicited = how & 2;
        side->config.integrity = how & 4 ? DNP3_CLASS_EVENTS : DNP3_CLASS_0 | DNP3_CLASS_EVENTS;
        side->config.time_sync = how & 8 ? DNP3_TIME_SYNC_NON_LAN : DNP3_TIME_SYNC_LAN;
        side->config.keep_alive_ms = how & 16 ? 4000 : 0;
        side->config.max_request = how & 32 ? DNP3_REQUEST_MIN : DNP3_FRAGMENT_MAX;
        side->config.max_request_told = how & 64 ? 1000 : 0;
        side->config.link_confirm = how & (i ? 32 : 64);
        dnp3_transport_init(&side->up, DNP3_FRAGMENT_MAX);
        dnp3_transport_init(&side->down, DNP3_FRAGMENT_MAX);
        require(dnp3_association_create(world->master, (uint16_t)(10 + i), &side->config,
                                        &callbacks, side, &side->association) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    world = (struct world){.at = data, .end = data + size, .now = 1000};
    const struct dnp3_allocator allocator = counted_heap_of(&world.heap);
    create(&world, &allocator);
    size_t live = world.heap.live;
    connection(&world);
    pump(&world);
    while (world.at < world.end)
        step(&world);
    require(world.heap.live == live);
    for (size_t i = 0; i < SIDES; i++)
        dnp3_transport_reset(&world.sides[i].down, world.pool);
    dnp3_master_free(world.master);
    require(dnp3_pool_available(world.pool) == BUFFERS);
    dnp3_pool_free(world.pool);
    require(world.heap.live == 0);
    for (size_t i = 0; i < world.control_count; i++)
        require(world.controls[i].results == 1);
    for (size_t i = 0; i < world.ask_count; i++)
        require(world.asks[i].results == 1);
    for (size_t i = 0; i < world.file_count; i++)
        require(world.files[i].results == 1);
    return 0;
}
