# SPDX-License-Identifier: Apache-2.0
"""A broker for one client that acknowledges as slowly as it is told, and sees what no subscriber
does: the retain flag as it was sent. MQTT 3.1.1."""

import socket
import struct
import threading
import time

from mqtt_client import (CONNECT, PINGREQ, PUBACK, PUBLISH, SUBSCRIBE, Arrivals, Message,
                         packet)

CONNACK, SUBACK, PINGRESP = 2, 9, 13


class ScriptedBroker(Arrivals):
    """`acks_per_second` may be changed at any time; None: at once."""

    def __init__(self, test, port, acks_per_second=None):
        super().__init__()
        self.acks_per_second = acks_per_second
        self.over = False
        self.connection = None
        self.server = socket.create_server(("127.0.0.1", port))
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.over = True
        for sock in (self.server, self.connection):
            if sock:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()

    def _accept(self):
        while not self.over:
            try:
                self.connection, _ = self.server.accept()
            except OSError:
                return
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._serve(self.connection, self.connection.makefile("rb"))
            except (OSError, EOFError, struct.error, IndexError):
                pass
            self.connection.close()

    def _serve(self, sock, stream):
        due = time.monotonic()
        while True:
            kind, flags, body = self._read(stream)
            if kind == CONNECT:
                sock.sendall(packet(CONNACK, 0, b"\0\0"))
            elif kind == SUBSCRIBE:
                sock.sendall(packet(SUBACK, 0, body[:2] + b"\1"))
            elif kind == PINGREQ:
                sock.sendall(packet(PINGRESP, 0, b""))
            elif kind == PUBLISH:
                due = max(due, time.monotonic() - 0.1)
                if self.acks_per_second:  # nothing else is read meanwhile, either
                    due += 1 / self.acks_per_second
                    time.sleep(max(0, due - time.monotonic()))
                self._take(sock, flags, body)

    def _take(self, sock, flags, body):
        size = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        qos = flags >> 1 & 3
        with self.changed:
            self.messages.append(Message(topic, rest[2:] if qos else rest, qos, bool(flags & 1),
                                         bool(flags & 8)))
            self.changed.notify_all()
        if qos:
            sock.sendall(packet(PUBACK, 0, rest[:2]))

    @staticmethod
    def _read(stream):
        first = stream.read(1)
        length = shift = 0
        while True:
            digit = stream.read(1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        body = stream.read(length)
        if not first or len(body) < length:
            raise EOFError
        return first[0] >> 4, first[0] & 15, body
