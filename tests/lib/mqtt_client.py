# SPDX-License-Identifier: Apache-2.0
"""A small MQTT 3.1.1 client for the tests: it keeps its session, reconnects by itself, and keeps
every message in the order of arrival, so that a test can count."""

import json
import socket
import struct
import threading
import time

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = 1, 3, 4, 8, 9, 12, 14
FIRST_SUBSCRIBE = 60000  # packet ids above those of messages
RETRY_S = 0.05


class Message:
    def __init__(self, topic, payload, qos, retain, dup):
        self.topic, self.payload = topic, payload
        self.qos, self.retain, self.dup = qos, retain, dup
        self.at = time.monotonic()


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(raw)) + raw


def packet(kind, flags, body):
    length, size = b"", len(body)
    while True:
        size, digit = size >> 7, size & 0x7F
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


class Arrivals:
    """Messages in the order of arrival; who adds one notifies `changed`."""

    def __init__(self):
        self.messages = []
        self.changed = threading.Condition()

    def wait(self, condition, seconds, what):
        """Waits until `condition(messages)` gives something true, and returns it."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                found = condition(self.messages)
                if found:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {seconds} s for {what}")
                self.changed.wait(min(left, 0.5))


class Client(Arrivals):
    """Subscribes to `filters` with QoS 1 and a persistent session; `on_message` is called on the
    client's thread, before the message is acknowledged. Messages are in `messages`, unless none
    are to be kept."""

    def __init__(self, port, client_id, filters=(), on_message=None, clean=False, keep=True,
                 username=None):
        super().__init__()
        self.port, self.client_id, self.clean, self.username = port, client_id, clean, username
        self.filters, self.on_message = list(filters), on_message
        self.keep = keep
        self.sending = threading.Lock()
        self.stopping = False
        self.subscribed = threading.Event()
        self.sock = None
        self.packet_id = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def publish(self, topic, payload, retain=False):
        """QoS 1; the acknowledgement is not waited for."""
        self.packet_id = self.packet_id % (FIRST_SUBSCRIBE - 1) + 1
        body = text(topic) + struct.pack(">H", self.packet_id) + payload.encode()
        self._send(packet(PUBLISH, 2 | int(retain), body))

    def ask(self, topic, payload, result, retain=False, seconds=15):
        """Publishes, text or else as JSON; the first JSON on the topic `result` that follows."""
        before = len(self.messages)
        self.publish(topic, payload if isinstance(payload, str) else json.dumps(payload), retain)
        found = self.wait(lambda messages: [m for m in messages[before:] if m.topic == result],
                          seconds, f"{result} after {str(payload)[:200]}")
        return json.loads(found[0].payload)

    def _send(self, octets):
        with self.sending:
            self.sock.sendall(octets)

    def wait_subscribed(self, seconds=10):
        if not self.subscribed.wait(seconds):
            raise AssertionError("the broker did not take the subscription")
        return self

    def close(self):
        self.stopping = True
        if self.sock:
            try:
                self.sock.sendall(packet(DISCONNECT, 0, b""))
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)

    def _run(self):
        while not self.stopping:
            try:
                self._session()
            except (OSError, EOFError):
                pass
            finally:
                self.subscribed.clear()
                if self.sock:
                    self.sock.close()
            if not self.stopping:
                time.sleep(RETRY_S)

    def _session(self):
        self.sock = socket.create_connection(("127.0.0.1", self.port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(None)
        stream = self.sock.makefile("rb")
        flags = (2 if self.clean else 0) | (0x80 if self.username else 0)
        self.sock.sendall(packet(CONNECT, 0, text("MQTT") + bytes([4, flags]) +
                                 struct.pack(">H", 0) + text(self.client_id) +
                                 (text(self.username) if self.username else b"")))
        for number, name in enumerate(self.filters, FIRST_SUBSCRIBE):
            self.sock.sendall(packet(SUBSCRIBE, 2, struct.pack(">H", number) + text(name) +
                                     b"\x01"))
        if not self.filters:
            self.subscribed.set()
        while True:
            self._read(stream)

    def _read(self, stream):
        first = self._exactly(stream, 1)[0]
        length, shift = 0, 0
        while True:
            digit = self._exactly(stream, 1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        body = self._exactly(stream, length) if length else b""
        last = FIRST_SUBSCRIBE + len(self.filters) - 1
        if first >> 4 == SUBACK and struct.unpack(">H", body[:2])[0] == last:
            self.subscribed.set()
        if first >> 4 == PUBLISH:
            self._take(first & 15, body)

    @staticmethod
    def _exactly(stream, count):
        data = stream.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def _take(self, flags, body):
        size = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        qos = flags >> 1 & 3
        if qos:
            # Acknowledged only once it is kept, as a careful consumer does.
            packet_id, rest = rest[:2], rest[2:]
        message = Message(topic, rest, qos, bool(flags & 1), bool(flags & 8))
        if self.keep:
            with self.changed:
                self.messages.append(message)
                self.changed.notify_all()
        if self.on_message:
            self.on_message(message)
        if qos:
            try:
                self._send(packet(PUBACK, 0, packet_id))
            except OSError:
                pass  # a broker that was killed: what it had sent before is read to its end
