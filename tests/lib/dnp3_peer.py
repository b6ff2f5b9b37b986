# SPDX-License-Identifier: Apache-2.0
"""Misbehaving outstations for the tests: a TCP server that does with each connection what a test
says, and just enough of DNP3's link layer to lie with."""

import socket
import threading


def crc(octets):
    """CRC-16/DNP, bit by bit."""
    value = 0
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0xA6BC if value & 1 else value >> 1
    value ^= 0xFFFF
    return bytes([value & 0xFF, value >> 8])


def frame(control, destination, source, data=b""):
    header = bytes([0x05, 0x64, 5 + len(data), control]) + destination.to_bytes(2, "little") + \
        source.to_bytes(2, "little")
    octets = header + crc(header)
    for at in range(0, len(data), 16):
        block = data[at:at + 16]
        octets += block + crc(block)
    return octets


def frames(control, destination, source, fragment):
    """A fragment of any length in transport segments, each in its frame."""
    most = 249
    parts = [fragment[at:at + most] for at in range(0, len(fragment), most)]
    return b"".join(
        frame(control, destination, source,
              bytes([(0x40 if i == 0 else 0) | (0x80 if i == len(parts) - 1 else 0) | i]) + part)
        for i, part in enumerate(parts))


def link_function(octets):
    """The function of the first frame's control octet, or None."""
    return octets[3] & 0x0F if octets[:2] == b"\x05\x64" and len(octets) > 3 else None


class Peer:
    """Listens on 127.0.0.1 and calls `behave(connection)` for each connection, on its own thread."""

    def __init__(self, test, port, behave):
        self.behave = behave
        self.server = socket.create_server(("127.0.0.1", port))
        self.connections = []
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.behave(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.server.close()
        for connection in self.connections:
            connection.close()


def close_at_once(connection):
    connection.close()


def say_nothing(connection):
    while connection.recv(4096):
        pass


def say_garbage(connection):
    while connection.recv(4096):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n\x05\x64\x05\x00garbage" * 4)


def answer_link_only(address, master=1):
    """Answers REQUEST_LINK_STATUS and nothing else."""
    def behave(connection):
        while True:
            octets = connection.recv(4096)
            if not octets:
                return
            if link_function(octets) == 9:
                connection.sendall(frame(0x0B, master, address))
    return behave


def answer_from(address, master=1):
    """Another link address than the configured one sits here: a null unsolicited response."""
    def behave(connection):
        while connection.recv(4096):
            connection.sendall(frame(0x44, master, address, b"\xC0\xF0\x82\x00\x00"))
    return behave


def answer_reads_with(objects, address, master=1):
    """Answers every request, READs with these objects."""
    def behave(connection):
        while True:
            octets = connection.recv(4096)
            if not octets:
                return
            if link_function(octets) != 4 or len(octets) < 13:
                continue
            control, function = octets[11], octets[12]
            if function == 0:  # CONFIRM
                continue
            body = objects if function == 1 else b""
            answer = bytes([0xC0 | control & 0x0F, 0x81, 0, 0]) + body
            connection.sendall(frames(0x44, master, address, answer))
    return behave


def datagram_socket(test):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    test.addCleanup(sock.close)
    return sock
