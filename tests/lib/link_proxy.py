# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that knows link frames: it counts them by direction and function, and loses those
that a test names."""

import collections
import socket
import threading

HEADER = 10


def frames_of(octets):
    """Whole frames at the start of `octets`, and what is left."""
    frames = []
    while len(octets) >= HEADER:
        length = octets[2] - 5
        size = HEADER + length + (length + 15) // 16 * 2
        if len(octets) < size:
            break
        frames.append(octets[:size])
        octets = octets[size:]
    return frames, octets


class LinkProxy:
    """`lose(from_master, control, number)` says whether a frame gets lost; `number` counts the
    frames of that direction from 1. `seen[from_master, function]` counts what came."""

    def __init__(self, test, target, lose=lambda from_master, control, number: False):
        self.target, self.lose = target, lose
        self.seen, self.lost = collections.Counter(), 0
        self.first = []  # control octets of the master's first frames of each connection
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.sockets = []
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for sock in (self.server, *self.sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                near.close()
                continue
            first = []
            self.first.append(first)
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sockets.append(sock)
            for source, sink, from_master in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._relay, args=(source, sink, from_master, first),
                                 daemon=True).start()

    def _relay(self, source, sink, from_master, first):
        rest, number = b"", 0
        try:
            while octets := source.recv(65536):
                frames, rest = frames_of(rest + octets)
                for frame in frames:
                    number += 1
                    control = frame[3]
                    if from_master and len(first) < 3:
                        first.append(control)
                    self.seen[from_master, control & 0x4F] += 1
                    if self.lose(from_master, control, number):
                        self.lost += 1
                    else:
                        sink.sendall(frame)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
