# SPDX-License-Identifier: Apache-2.0
"""Files of dnp3-sim: a folder is served, and nothing outside of it, whatever the name says."""

import os
import stat
import struct
import unittest

from test_simulator import DATA, Line
from test_simulator import Simulator as _Simulator

OPEN, CLOSE, DELETE, INFO, AUTHENTICATE, ABORT = 25, 26, 27, 28, 29, 30
READ, WRITE, APPEND = 1, 2, 3
SUCCESS, DENIED, NOT_FOUND, INVALID_HANDLE = 0, 1, 3, 6
LAST = 1 << 31


def sized(variation, octets):
    return bytes([70, variation, 0x5B, 1]) + struct.pack("<H", len(octets)) + octets


class Master:
    """Asks for files, one request after the other, and takes the answers apart."""

    def __init__(self, test, port, address):
        self.line = Line(test, port)
        self.address = address
        self.sequence = 0
        self.line.wait(address, 0x44, b"\xF0\x82")
        self.line.send(DATA, address, bytes.fromhex("C0 D0 00"))

    def ask(self, function, objects):
        """IIN and objects of the answer, which is one link frame."""
        self.sequence = (self.sequence + 1) & 0x0F
        control = 0xC0 | self.sequence
        self.line.send(DATA, self.address, bytes([0xC0, control, function]) + objects)
        answer = self.line.wait(self.address, 0x44, bytes([control, 0x81]))
        return answer[4], answer[5:]

    def command(self, function, name, mode=0, key=0, block=200):
        name = name.encode()
        iin, answer = self.ask(function, sized(3, struct.pack(
            "<HH6sHIIHHH", 26, len(name), bytes(6), 0o644, key, 0, mode, block, 5) + name))
        assert answer[:4] == bytes([70, 4, 0x5B, 1]), (iin, answer)
        handle, size, block, request, status = struct.unpack("<IIHHB", answer[6:19])
        assert request == 5
        return status, handle, size

    def end(self, function, handle):
        _, answer = self.ask(function, sized(4, struct.pack("<IIHHB", handle, 0, 0, 5, 0)))
        return answer[18]

    def read(self, handle):
        data, block = b"", 0
        while True:
            _, answer = self.ask(1, sized(5, struct.pack("<II", handle, block)))
            assert answer[1] == 5, answer
            number, = struct.unpack("<I", answer[10:14])
            assert number & ~LAST == block
            data += answer[14:]
            if number & LAST:
                return data
            block += 1

    def write(self, handle, *blocks):
        status = []
        for number, data in enumerate(blocks):
            last = LAST if number == len(blocks) - 1 else 0
            _, answer = self.ask(2, sized(5, struct.pack("<II", handle, number | last) + data))
            status.append(answer[14])
        return status

    def fetch(self, name, key=0):
        status, handle, size = self.command(OPEN, name, READ, key)
        if status:
            return status
        data = self.read(handle)
        assert self.end(CLOSE, handle) == SUCCESS
        return data

    def info(self, name):
        name = name.encode()
        _, answer = self.ask(INFO, sized(7, struct.pack(
            "<HHHI6sHH", 20, len(name), 0, 0, bytes(6), 0, 5) + name))
        if answer[1] == 4:
            return answer[18]
        kind, size, _, permissions = struct.unpack("<HI6sH", answer[10:24])
        return kind, size, permissions


def names(data):
    """The entries of a directory: (name, type, size)."""
    found = []
    while data:
        offset, length, kind, size = struct.unpack("<HHHI", data[:10])
        found.append((data[offset:offset + length].decode(), kind, size))
        data = data[offset + length:]
    return found


class Files(_Simulator):
    def setUp(self):
        super().setUp()
        self.files = os.path.join(self.folder, "files")
        os.mkdir(self.files)
        os.mkdir(os.path.join(self.files, "records"))
        self.put("files/events.txt", b"0123456789" * 50)
        self.put("files/records/one.csv", b"1;2;3\n")
        self.put("files/.hidden", b"secret")
        self.put("secret.txt", b"secret")
        os.symlink("../secret.txt", os.path.join(self.files, "out"))
        os.symlink("..", os.path.join(self.files, "up"))
        os.mkfifo(os.path.join(self.files, "pipe"))
        os.chmod(os.path.join(self.files, "events.txt"), 0o640)

    def put(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def content(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def master(self, *options):
        self.multi_drop((3,))
        self.start("--events-per-second", "0", "--files", self.files, *options)
        return Master(self, self.port, 3)

    def test_reads(self):
        master = self.master()
        self.assertEqual(master.fetch("events.txt"), b"0123456789" * 50)
        self.assertEqual(master.fetch("records/one.csv"), b"1;2;3\n")
        self.assertEqual(master.info("events.txt"), (1, 500, 0o640))
        self.assertEqual(master.info("records")[:2], (0, 1))
        self.assertEqual(master.fetch("nothing"), NOT_FOUND)
        self.assertEqual(master.fetch("nowhere/one.csv"), NOT_FOUND)
        self.assertEqual(master.info("nothing"), NOT_FOUND)

    def test_lists(self):
        master = self.master()
        listed = [("events.txt", 1, 500), ("records", 0, 1)]
        for root in ("", "/", "."):
            found = names(master.fetch(root))
            self.assertEqual([entry for entry in found if entry[0] in ("events.txt", "records")],
                             listed)
            self.assertNotIn(".hidden", [entry[0] for entry in found])
        self.assertEqual(names(master.fetch("records/")), [("one.csv", 1, 6)])

    def test_writes(self):
        master = self.master()
        status, handle, _ = master.command(OPEN, "new.txt", WRITE)
        self.assertEqual(status, SUCCESS)
        self.assertEqual(master.write(handle, b"abc", b"def"), [0, 0])
        self.assertFalse(os.path.exists(os.path.join(self.files, "new.txt")))
        self.assertEqual(master.end(CLOSE, handle), SUCCESS)
        self.assertEqual(self.content("files/new.txt"), b"abcdef")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.files, "new.txt")).st_mode) & 0o600,
                         0o600)
        status, handle, _ = master.command(OPEN, "new.txt", APPEND)
        self.assertEqual(master.write(handle, b"ghi"), [0])
        self.assertEqual(master.end(CLOSE, handle), SUCCESS)
        self.assertEqual(self.content("files/new.txt"), b"abcdefghi")
        # Given up: the old octets stay, and nothing else does.
        status, handle, _ = master.command(OPEN, "new.txt", WRITE)
        self.assertEqual(master.write(handle, b"xxx"), [0])
        self.assertEqual(master.end(ABORT, handle), SUCCESS)
        self.assertEqual(self.content("files/new.txt"), b"abcdefghi")
        self.assertEqual(master.end(CLOSE, handle), INVALID_HANDLE)
        self.assertEqual(master.command(DELETE, "new.txt")[0], SUCCESS)
        self.assertEqual(master.command(DELETE, "new.txt")[0], NOT_FOUND)
        self.assertEqual(sorted(os.listdir(self.files)),
                         [".hidden", "events.txt", "out", "pipe", "records", "up"])

    def test_nothing_leads_out(self):
        master = self.master()
        for name in ("../secret.txt", "records/../../secret.txt", "/etc/passwd", "out", "up",
                     "up/secret.txt", "./events.txt", ".hidden", "..", "records//one.csv", "pipe",
                     "a\0b", self.folder + "/secret.txt"):
            with self.subTest(name=name):
                self.assertIn(master.fetch(name), (DENIED, NOT_FOUND))
                self.assertIn(master.command(OPEN, name, WRITE)[0], (DENIED, NOT_FOUND))
                self.assertIn(master.command(DELETE, name)[0], (DENIED, NOT_FOUND))
                self.assertIn(master.info(name), (DENIED, NOT_FOUND))
        for name in ("", "records"):
            self.assertEqual(master.command(OPEN, name, WRITE)[0], DENIED)
            self.assertNotEqual(master.command(DELETE, name)[0], SUCCESS)
        self.assertEqual(self.content("secret.txt"), b"secret")
        self.assertEqual(sorted(os.listdir(self.files)),
                         [".hidden", "events.txt", "out", "pipe", "records", "up"])

    def test_wants_a_key(self):
        master = self.master("--files-user", "joe:pass")
        self.assertEqual(master.fetch("events.txt"), DENIED)

        def key(user, password):
            objects = struct.pack("<HHHHI", 12, len(user), 12 + len(user), len(password), 0)
            _, answer = master.ask(AUTHENTICATE, sized(2, objects + user + password))
            return struct.unpack("<I", answer[14:18])[0]

        for wrong in ((b"joe", b"pas"), (b"jo", b"e:pass"), (b"", b""), (b"joe:", b"pass")):
            self.assertEqual(key(*wrong), 0)
        given = key(b"joe", b"pass")
        self.assertNotEqual(given, 0)
        self.assertEqual(master.fetch("events.txt", given), b"0123456789" * 50)
        self.assertEqual(master.fetch("events.txt", given), DENIED)  # it opens once
        self.assertEqual(master.command(DELETE, "events.txt", key=key(b"joe", b"pass"))[0],
                         SUCCESS)

    def test_without_a_folder(self):
        self.multi_drop((3,))
        code, text = self.run_once(self.argv("--files", os.path.join(self.folder, "no")))
        self.assertEqual(code, 1)
        self.assertIn("No such file or directory", text)
        code, text = self.run_once(self.argv("--files-user", "joe"))
        self.assertEqual(code, 2)
        self.start("--events-per-second", "0")
        iin, answer = Master(self, self.port, 3).ask(OPEN, sized(3, bytes(26)))
        self.assertEqual((iin & 1, answer), (1, b""))


def load_tests(loader, _tests, _pattern):
    """Only what is named here: the simulator's other tests come with the class."""
    mine = [name for name in vars(Files) if name.startswith("test_")]
    return unittest.TestSuite(Files(name) for name in mine)


if __name__ == "__main__":
    unittest.main()
