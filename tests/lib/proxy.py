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
        test.addCleanup(self.down)

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

    @staticmethod
    def _relay(source, sink):
        try:
            while octets := source.recv(65536):
                sink.sendall(octets)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()
