# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on 127.0.0.1 that a test can take away and bring back: an outstation's outage, with
its events kept, as a device does whose line is cut."""

import socket
import threading


class Proxy:
    def __init__(self, test, port, target):
        self.port, self.target = port, target
        self.server = None
        self.pairs = []
        self.stalled = threading.Event()
        self.over = threading.Event()
        test.addCleanup(self.down)
        test.addCleanup(self.over.set)

    def up(self):
        self.server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()

    def down(self):
        """Nobody listens any more, and what is connected is cut."""
        if self.server:
            self.server.shutdown(socket.SHUT_RDWR)
            self.server.close()
            self.server = None
        self.cut()

    def cut(self):
        """What is connected is cut; who connects anew gets through."""
        for pair in self.pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def stall(self):
        """What is connected stays so for both ends, and carries nothing any more: a router that
        was restarted on the way. Its sockets are kept until the test ends."""
        self.stalled.set()

    def _accept(self, server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                peer = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            for sock in (client, peer):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, peer))
            for source, sink in ((client, peer), (peer, client)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source, sink):
        try:
            while octets := source.recv(65536):
                if self.stalled.is_set():
                    continue
                sink.sendall(octets)
        except OSError:
            pass
        if self.stalled.is_set():
            self.over.wait()
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()


class UdpProxy:
    """Between one UDP client and a server on 127.0.0.1. `up` and `down` say what becomes of a
    datagram of the client, of the server: called with its number and octets, a fate returns a list of
    what is sent on in its place ([] drops it), or HOLD: it goes after the next one."""

    HOLD = object()

    def __init__(self, test, port, target, up=None, down=None):
        self.fates = {"up": up, "down": down}
        self.counts = {"up": 0, "down": 0}
        self.held = {"up": [], "down": []}
        self.target = ("127.0.0.1", target)
        self.client = None
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", port))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.bind(("127.0.0.1", 0))
        test.addCleanup(self.close)
        threading.Thread(target=self._relay, args=(self.front, "up"), daemon=True).start()
        threading.Thread(target=self._relay, args=(self.back, "down"), daemon=True).start()

    def _pass(self, direction, octets):
        if direction == "up":
            self.back.sendto(octets, self.target)
        elif self.client:
            self.front.sendto(octets, self.client)

    def _relay(self, source, direction):
        while True:
            try:
                octets, sender = source.recvfrom(65536)
                if not octets:
                    return
                if direction == "up":
                    self.client = sender
                fate = self.fates[direction]
                number = self.counts[direction]
                self.counts[direction] += 1
                out = fate(number, octets) if fate else [octets]
                if out is self.HOLD:
                    self.held[direction].append(octets)
                    continue
                for datagram in out + self.held[direction]:
                    self._pass(direction, datagram)
                self.held[direction] = []
            except ConnectionRefusedError:
                continue
            except OSError:
                return

    def close(self):
        for sock in (self.front, self.back):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
