# SPDX-License-Identifier: Apache-2.0
"""The lines of the campaign, TCP, UDP and serial, each with a weather of its own: what is sent along
one is delayed, held, swallowed, cut short, damaged. One thread carries them all."""

import collections
import heapq
import os
import pty
import random
import re
import selectors
import socket
import struct
import termios
import threading
import time
import tty

CHUNK = 65536
KEEP_MOST = 1 << 19  # octets that a flow keeps; then its sender waits
NOTICEABLE_S = 0.02
FRAME = re.compile(rb"\x05\x64")
FUNCTION_AT = 12  # in a frame, where it is the first one of a fragment
FIRST = 0x40  # of the transport octet, two before it


def functions(octets):
    """The function codes of the requests that begin in what was sent in one piece."""
    starts = (match.start() for match in FRAME.finditer(octets))
    return {octets[at + FUNCTION_AT] for at in starts
            if at + FUNCTION_AT < len(octets) and octets[at + FUNCTION_AT - 2] & FIRST}


class Hub:
    """The thread: sockets, and what is due when. Lines are changed by `ask`, on this thread."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.due = []
        self.number = 0
        self.orders = collections.deque()
        self.bell, self.ring = os.pipe()
        os.set_blocking(self.bell, False)
        self.selector.register(self.bell, selectors.EVENT_READ, self._rung)
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def ask(self, order):
        self.orders.append(order)
        os.write(self.ring, b"!")

    def at(self, when, call):
        self.number += 1
        heapq.heappush(self.due, (when, self.number, call))

    def watch(self, file, events, call):
        """`call(events)` when the file is ready; no events: not any more."""
        known = self.watched(file)
        if events and known:
            self.selector.modify(file, events, call)
        elif events:
            self.selector.register(file, events, call)
        elif known:
            self.selector.unregister(file)

    def watched(self, file):
        """False also where it was closed since."""
        try:
            return file in self.selector.get_map()
        except ValueError:
            return False

    def settle(self):
        """All that was asked has been done."""
        done = threading.Event()
        self.ask(done.set)
        done.wait(10)

    def _rung(self, _events):
        os.read(self.bell, 4096)
        while self.orders:
            self.orders.popleft()()

    def _run(self):
        while not self.over:
            wait = max(0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, events in self.selector.select(wait):
                if self.watched(key.fileobj):
                    key.data(events)
            while self.due and self.due[0][0] <= time.monotonic():
                heapq.heappop(self.due)[2]()

    def close(self):
        def end():
            self.over = True
        self.ask(end)
        self.thread.join(5)


class Weather:
    """What a line does to what is sent along it. Changed on the hub's thread."""

    def __init__(self):
        self.calm()

    def calm(self):
        self.held_until = 0  # nothing passes before
        self.delay_s = 0
        self.swallows = False  # everything, and both ends think that it went
        self.drops = 0  # the chance of a chunk
        self.damages = 0  # the chance that one octet of a chunk is another one
        self.cuts_after = None  # octets; then the connection ends

    def due(self, now):
        return max(self.held_until, now + self.delay_s)


class Line:
    """What all lines have. `holds` are the times when octets for the outstation came late: (from,
    until). What operated in one may have left the gateway when it began."""

    def __init__(self, hub, name, seed):
        self.hub, self.name = hub, name
        self.weather = Weather()
        self.dice = random.Random(f"{seed} {name}")
        self.holds = []
        self.trap = (), None

    def set_trap(self, codes, call):
        """`call` is called, on the hub's thread, before the next request with one of these function
        codes passes on to the outstation."""
        def order():
            self.trap = codes, call
        self.hub.ask(order)

    def look(self, octets):
        codes, call = self.trap
        if codes and functions(octets) & set(codes):
            self.trap = (), None
            call()

    def fate(self, octets):
        """What becomes of a chunk."""
        weather = self.weather
        if weather.swallows or self.dice.random() < weather.drops:
            return b""
        if octets and self.dice.random() < weather.damages:
            at = self.dice.randrange(len(octets))
            octets = octets[:at] + bytes([octets[at] ^ 1 << self.dice.randrange(8)]) + \
                octets[at + 1:]
        return octets

    def held(self, begin, now):
        if now - begin > NOTICEABLE_S:
            self.holds.append((begin, now))

    def change(self, **weather):
        def order():
            for key, value in weather.items():
                setattr(self.weather, key, value)
        self.hub.ask(order)

    def calm(self):
        self.hub.ask(self.weather.calm)


class Flow:
    """One direction of a TCP connection."""

    def __init__(self, pair, source, sink, to_outstation):
        self.pair, self.source, self.sink = pair, source, sink
        self.to_outstation = to_outstation
        self.waiting = collections.deque()  # (due, since, octets); no octets: the end
        self.kept = 0
        self.clogged = False

    def took(self, octets):
        line = self.pair.line
        now = time.monotonic()
        if self.to_outstation:
            line.look(octets)
        if octets:
            octets = line.fate(octets)
            if not octets:
                return
            left = line.weather.cuts_after
            if left is not None:
                line.weather.cuts_after = None if left < len(octets) else left - len(octets)
                if left < len(octets):
                    self.push(octets[:left], now)
                    self.pair.close()
                    return
        self.waiting.append((line.weather.due(now), now, octets))
        self.kept += len(octets)
        self.pump()

    def push(self, octets, _now):
        try:
            self.sink.send(octets)
        except OSError:
            pass

    def pump(self):
        """Sends what is due."""
        while self.waiting and not self.clogged and not self.pair.closed:
            due, since, octets = self.waiting[0]
            now = time.monotonic()
            due = max(due, self.pair.line.weather.held_until)
            if due > now:
                self.pair.line.hub.at(due, self.pump)
                return
            if not octets:
                self.waiting.popleft()
                self.pair.ended(self)
                return
            try:
                sent = self.sink.send(octets)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.pair.close()
                return
            if self.to_outstation:
                self.pair.line.held(since, now)
            self.kept -= sent
            if sent == len(octets):
                self.waiting.popleft()
            else:
                self.waiting[0] = (due, since, octets[sent:])
                self.clogged = True
            self.pair.watch()
        self.pair.watch()


class Pair:
    """A connection: the one that was accepted and the one that was made for it."""

    def __init__(self, line, near, far):
        self.line, self.near, self.far = line, near, far
        self.closed = False
        self.connected = False
        outward = line.gateway_calls
        self.flows = (Flow(self, near, far, outward), Flow(self, far, near, not outward))
        self.over = set()

    def watch(self):
        if self.closed:
            return
        for flow, back in (self.flows, self.flows[::-1]):
            events = 0
            if flow.kept < KEEP_MOST and flow not in self.over and self.connected:
                events |= selectors.EVENT_READ
            if back.clogged or (flow.source is self.far and not self.connected):
                events |= selectors.EVENT_WRITE
            self.line.hub.watch(flow.source, events,
                                lambda ready, flow=flow, back=back: self.ready(flow, back, ready))

    def ready(self, flow, back, ready):
        if not self.connected:
            if flow.source.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.close()
                return
            self.connected = True
            self.watch()
            return
        if ready & selectors.EVENT_WRITE:
            back.clogged = False
            back.pump()
        if ready & selectors.EVENT_READ and not self.closed:
            try:
                octets = flow.source.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                self.close(reset=True)
                return
            if not octets:
                self.over.add(flow)
                self.watch()
            flow.took(octets)

    def ended(self, flow):
        """One end has nothing more to say, and the other end knows."""
        try:
            flow.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        if len(self.over) == 2 and not any(f.waiting for f in self.flows):
            self.close()

    def half_close(self, flow):
        self.over.add(flow)
        self.watch()
        self.ended(flow)

    def close(self, reset=False):
        if self.closed:
            return
        self.closed = True
        self.line.pairs.discard(self)
        for sock in (self.near, self.far):
            self.line.hub.watch(sock, 0, None)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


class TcpLine(Line):
    """Who connects to `port` is carried to `target`."""

    def __init__(self, hub, name, seed, port, target, gateway_calls=True):
        super().__init__(hub, name, seed)
        self.port, self.target, self.gateway_calls = port, target, gateway_calls
        self.pairs = set()
        self.server = None
        self.up()

    def up(self):
        server = socket.create_server(("127.0.0.1", self.port), backlog=64)
        server.setblocking(False)

        def order():
            self.server = server
            self.hub.watch(server, selectors.EVENT_READ, self._accept)
        self.hub.ask(order)

    def down(self):
        """Nobody listens, and what is connected is cut."""
        gone = threading.Event()

        def order():
            self.hub.watch(self.server, 0, None)
            self.server.close()
            for pair in list(self.pairs):
                pair.close()
            gone.set()
        self.hub.ask(order)
        gone.wait(10)

    def cut(self, reset=False):
        self.hub.ask(lambda: [pair.close(reset) for pair in list(self.pairs)])

    def half_close(self, number):
        """One end of each connection hears that the other has nothing more to say."""
        self.hub.ask(lambda: [pair.half_close(pair.flows[number]) for pair in list(self.pairs)])

    def _accept(self, _events):
        try:
            near, _ = self.server.accept()
        except OSError:
            return
        far = socket.socket()
        pair = Pair(self, near, far)
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pairs.add(pair)
        far.connect_ex(("127.0.0.1", self.target))
        pair.watch()


class UdpLine(Line):
    """Between one UDP client, the gateway, and a server. Damaged is: sent twice."""

    def __init__(self, hub, name, seed, port, target):
        super().__init__(hub, name, seed)
        self.target = ("127.0.0.1", target)
        self.client = None
        self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
        self.front.bind(("127.0.0.1", port))
        self.back.bind(("127.0.0.1", 0))
        for sock in (self.front, self.back):
            sock.setblocking(False)
            hub.ask(lambda sock=sock: hub.watch(sock, selectors.EVENT_READ,
                                                lambda _events: self._take(sock)))

    def _take(self, sock):
        try:
            octets, sender = sock.recvfrom(CHUNK)
        except OSError:
            return
        outward = sock is self.front
        if outward:
            self.client = sender
        weather, now = self.weather, time.monotonic()
        if weather.swallows or self.dice.random() < weather.drops:
            return
        for _ in range(2 if self.dice.random() < weather.damages else 1):
            due = weather.due(now)
            if due > now:
                due += self.dice.uniform(0, weather.delay_s)  # and in another order
                self.hub.at(due, lambda: self._pass(octets, outward, now))
            else:
                self._pass(octets, outward, now)

    def _pass(self, octets, outward, since):
        try:
            if outward:
                self.held(since, time.monotonic())
                self.back.sendto(octets, self.target)
            elif self.client:
                self.front.sendto(octets, self.client)
        except OSError:
            pass


class SerialLine(Line):
    """Two pseudo-terminals, wired to each other; `near` is the gateway's."""

    def __init__(self, hub, name, seed, near, far):
        super().__init__(hub, name, seed)
        self.paths = (near, far)
        self.ends = []
        self.waiting = ([], [])
        self.plug()

    def plug(self):
        ends = []
        for path in self.paths:
            master, slave = pty.openpty()
            tty.setraw(slave, termios.TCSANOW)
            os.set_blocking(master, False)
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(os.ttyname(slave), path)
            ends.append((master, slave))  # ours keeps it there while nobody has it open

        def order():
            self.ends = ends
            for at, (master, _) in enumerate(ends):
                self.hub.watch(master, selectors.EVENT_READ, lambda _events, at=at: self._take(at))
        self.hub.ask(order)

    def unplug(self):
        """Whoever has one end open is hung up on, and finds nothing under its name: what the system
        gives that number next is not ours."""
        for path in self.paths:
            if os.path.lexists(path):
                os.unlink(path)

        def order():
            for master, slave in self.ends:
                self.hub.watch(master, 0, None)
                os.close(slave)
                os.close(master)
            self.ends = []
        self.hub.ask(order)

    def _take(self, at):
        try:
            octets = os.read(self.ends[at][0], CHUNK)
        except OSError:
            return
        octets = self.fate(octets)
        if not octets:
            return
        now = time.monotonic()
        due = self.weather.due(now)
        self.waiting[at].append((now, octets))
        if due > now:
            self.hub.at(due, lambda: self._pump(at))
        else:
            self._pump(at)

    def _pump(self, at):
        """A queue each way: nothing overtakes."""
        now = time.monotonic()
        if self.weather.held_until > now:
            self.hub.at(self.weather.held_until, lambda: self._pump(at))
            return
        for since, octets in self.waiting[at]:
            try:
                if self.ends:
                    os.write(self.ends[1 - at][0], octets)
            except OSError:
                pass
            if at == 0:
                self.held(since, now)
        self.waiting[at].clear()
