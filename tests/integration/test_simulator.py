# SPDX-License-Identifier: Apache-2.0
"""dnp3-sim by itself: several outstations on a line, connections that replace one another, where it
listens, and what it says when it cannot."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import shutil
import time
import unittest

from dnp3_peer import frame
from processes import Children, free_port

BIN = os.environ.get("DNP3_BIN", "build/dev/bin")
PATIENCE_S = 10
LINK_STATUS = 0xC9
DATA = 0xC4
MAPPING = {"device": "small", "points": [{"type": "analog_input", "index": "0..3"}]}


class Line:
    """A connection to the simulator that sorts what comes by the outstation it comes from."""

    def __init__(self, test, port, address="127.0.0.1"):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.socket = socket.create_connection((address, port), PATIENCE_S)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        test.addCleanup(self.socket.close)
        self.octets = b""

    def send(self, control, address, data=b""):
        self.socket.sendall(frame(control, address, 1, data))

    def receive(self):
        """(source, control, user data) of the next frame, or None at the end."""
        while True:
            if len(self.octets) >= 10:
                length = self.octets[2] - 5
                size = 10 + length + (length + 15) // 16 * 2
                if len(self.octets) >= size:
                    whole, self.octets = self.octets[:size], self.octets[size:]
                    body = whole[10:]
                    data = b"".join(body[at:at + 16] if at + 18 <= len(body) else body[at:-2]
                                    for at in range(0, len(body), 18))
                    return int.from_bytes(whole[6:8], "little"), whole[3], data
            try:
                more = self.socket.recv(4096)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.octets += more

    def wait(self, source, control, start=b""):
        """The user data of the first frame from `source` with this control and start."""
        while True:
            found = self.receive()
            if found is None:
                raise AssertionError("the connection ended")
            if found[0] == source and found[1] == control and found[2][1:].startswith(start):
                return found[2]


class Simulator(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dnp3-sim-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.children = Children(self.folder)
        self.addCleanup(self.children.stop)
        self.port = free_port()

    def write(self, **config):
        whole = {"gateway": "test", "mqtt": {"url": "mqtt://127.0.0.1:1883"}, **config}
        for name, content in (("mapping.json", MAPPING), ("gateway.json", whole)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                json.dump(content, file)

    def argv(self, *options):
        return [os.path.join(BIN, "dnp3-sim"), "-c", os.path.join(self.folder, "gateway.json"),
                *options]

    def start(self, *options):
        return self.children.start("sim", self.argv(*options))

    def outstation(self, address, **keys):
        return {"name": f"device-{address}", "address": address, "mapping": "mapping.json", **keys}

    def multi_drop(self, addresses=(3, 4, 5)):
        self.write(channels=[{"name": "line", "type": "tcp",
                              "endpoints": [f"127.0.0.1:{self.port}"]}],
                   outstations=[self.outstation(address, channel="line") for address in addresses])

    def test_many_on_one_line(self):
        self.multi_drop()
        self.start("--events-per-second", "0")
        line = Line(self, self.port)
        for address in (3, 4, 5):
            line.wait(address, 0x44, b"\xF0\x82")
        for address in (4, 3, 5):
            line.send(LINK_STATUS, address)
            line.wait(address, 0x0B)
        line.send(LINK_STATUS, 6)  # nobody
        # To all: clear the restart flag. Each tells of it in its next answer (IIN1.0).
        line.send(DATA, 0xFFFF, bytes.fromhex("C0 C0 02 50 01 00 07 07 00"))
        for address in (3, 4, 5):
            line.send(DATA, address, bytes.fromhex("C1 C1 17"))
            answer = line.wait(address, 0x44, b"\xC1\x81")
            self.assertEqual(answer[3] & 0x81, 0x01)

    def test_a_new_connection_replaces_the_old(self):
        self.multi_drop()
        self.start("--events-per-second", "0")
        old = Line(self, self.port)
        old.wait(3, 0x44, b"\xF0\x82")
        new = Line(self, self.port)
        new.wait(3, 0x44)
        while old.receive() is not None:
            pass
        new.send(LINK_STATUS, 5)
        new.wait(5, 0x0B)

    def test_two_channels_to_one_endpoint(self):
        """Each connection keeps the outstation that is addressed on it."""
        self.write(outstations=[self.outstation(address, connect=f"tcp://127.0.0.1:{self.port}")
                                for address in (3, 4)])
        self.start("--events-per-second", "0")
        lines = {address: Line(self, self.port) for address in (3, 4)}
        for _ in range(3):
            for address, line in lines.items():
                line.send(LINK_STATUS, address)
                line.wait(address, 0x0B)
        lines[3].send(LINK_STATUS, 4)  # it moves over; its own line, left by all, ends
        lines[3].wait(4, 0x0B)
        while lines[4].receive() is not None:
            pass

    def test_bind(self):
        self.write(outstations=[self.outstation(3, connect=f"tcp://10.255.255.1:{self.port}")])
        self.start("--bind", "127.0.0.1", "--events-per-second", "0")
        line = Line(self, self.port)
        line.send(LINK_STATUS, 3)
        line.wait(3, 0x0B)

    def values(self, *options):
        """The first answer to a class 0 read."""
        sim = self.start("--events-per-second", "0", *options)
        line = Line(self, self.port)
        line.send(DATA, 3, bytes.fromhex("C0 D0 00"))  # the null response's confirm
        line.send(DATA, 3, bytes.fromhex("C1 C1 01 3C 01 06"))
        answer = line.wait(3, 0x44, b"\xC1\x81")
        self.children.stop_one(sim)
        return answer[5:]

    def test_seed(self):
        self.multi_drop()
        first = self.values("--seed", "7")
        self.assertEqual(first[:3], b"\x1E\x01\x00")
        self.assertEqual(first, self.values("--seed", "7"))
        self.assertNotEqual(first, self.values("--seed", "8"))

    def test_says_what_it_is(self):
        """Device attributes: read, written, and read again."""
        self.multi_drop()
        self.start("--events-per-second", "0", "--seed", "9")
        line = Line(self, self.port)

        def ask(text):
            line.send(DATA, 3, bytes.fromhex(text))
            return line.wait(3, 0x44, bytes.fromhex(text)[1:2] + b"\x81")[3:]

        line.send(DATA, 3, bytes.fromhex("C0 D0 00"))  # the null response's confirm
        self.assertEqual(ask("C1 C1 01 00 F8 00 00 00"), bytes.fromhex(
            "90 00 00 F8 00 00 00 01 09") + b"SIM-00003")
        # Four analog inputs, the highest is 3; the seed is the user's attribute.
        self.assertEqual(ask("C2 C2 01 00 E9 00 00 00 00 E8 00 00 00 00 01 00 01 01"),
                         bytes.fromhex("90 00 00 E9 00 00 00 02 01 04 00 E8 00 00 00 02 01 03"
                                       " 00 01 00 01 01 02 01 09"))
        self.assertEqual(ask("C3 C3 02 00 F5 00 00 00 01 04 57 45 53 54"), b"\x90\x00")
        self.assertEqual(ask("C4 C4 01 00 F5 00 00 00"),
                         bytes.fromhex("90 00 00 F5 00 00 00 01 04") + b"WEST")
        self.assertEqual(ask("C5 C5 02 00 FC 00 00 00 01 04 57 45 53 54"), b"\x90\x04")
        self.assertEqual(ask("C6 C6 02 00 F5 00 00 00 01 40" + " 41" * 64), b"\x90\x04")

    def test_tells_of_commands(self):
        """A pattern closes two outputs of three; each becomes a command event."""
        mapping = {"device": "small", "points": [{"type": "binary_output_status", "index": "0..2"}]}
        self.write(outstations=[self.outstation(3, connect=f"tcp://127.0.0.1:{self.port}")])
        with open(os.path.join(self.folder, "mapping.json"), "w", encoding="utf-8") as file:
            json.dump(mapping, file)
        self.start("--events-per-second", "0")
        line = Line(self, self.port)
        pattern = bytes.fromhex("0C 02 07 01 03 01 00 00 00 00 00 00 00 00 00 0C 03 00 00 02 05")
        line.send(DATA, 3, bytes.fromhex("C0 D0 00"))  # the null response's confirm
        line.send(DATA, 3, bytes.fromhex("C1 C1 16 3C 02 06 0C 00 06"))
        self.assertEqual(line.wait(3, 0x44, b"\xC1\x81")[4], 0)
        line.send(DATA, 3, bytes.fromhex("C2 C2 05") + pattern)
        self.assertEqual(line.wait(3, 0x44, b"\xC2\x81")[5:], pattern)
        line.send(DATA, 3, bytes.fromhex("C3 C3 01 0D 01 06"))
        self.assertEqual(line.wait(3, 0x44, b"\xE3\x81")[5:],
                         bytes.fromhex("0D 01 17 02 00 80 02 80"))
        deadline = time.monotonic() + PATIENCE_S
        outputs = b""
        while outputs != bytes.fromhex("0A 02 00 00 02 81 01 81"):  # they move a moment later
            self.assertLess(time.monotonic(), deadline, outputs.hex(" "))
            line.send(DATA, 3, bytes.fromhex("C4 C4 01 0A 02 06"))
            outputs = line.wait(3, 0x44, b"\xC4\x81")[5:]

    def test_tally_outlives_a_kill(self):
        """Events made and confirmed, a line a point; the numbers go on where they are told to."""
        self.write(outstations=[self.outstation(3, connect=f"tcp://127.0.0.1:{self.port}")])
        tally = os.path.join(self.folder, "tally")
        sim = self.start("--numbered", "--number-from", "70000", "--events-per-second", "1000",
                         "--events-total", "8", "--tally", tally)

        def wait_tally(made, confirmed):
            deadline = time.monotonic() + PATIENCE_S
            wanted = [f"device-3 analog_input {index} {made} {confirmed}" for index in range(4)]
            while True:
                with open(tally, encoding="ascii") as file:
                    lines = [line.rstrip() for line in file]
                if lines == wanted:
                    return
                self.assertLess(time.monotonic(), deadline, lines)
                time.sleep(0.01)
        line = Line(self, self.port)
        line.send(DATA, 3, bytes.fromhex("C0 D0 00"))  # the null response's confirm
        wait_tally(2, 0)
        line.send(DATA, 3, bytes.fromhex("C1 C1 01 3C 02 06 3C 03 06 3C 04 06"))
        events = line.wait(3, 0x44, b"\xE1\x81")
        self.assertIn((70002).to_bytes(4, "little"), events)
        line.send(DATA, 3, bytes.fromhex("C2 C1 00"))
        wait_tally(2, 2)
        sim.kill()
        sim.wait()
        wait_tally(2, 2)

    def test_makes_no_more_events_when_told(self):
        self.write(outstations=[self.outstation(3, connect=f"tcp://127.0.0.1:{self.port}")])
        tally = os.path.join(self.folder, "tally")
        sim = self.start("--numbered", "--events-per-second", "1000", "--tally", tally)
        Line(self, self.port)  # it is there
        asked = 1
        while not self.counts(sim, asked)["events"]:
            asked += 1
        sim.send_signal(signal.SIGUSR2)
        for _ in range(2):  # before the second answer it has looked at what it was told
            asked += 1
            self.counts(sim, asked)

        def text():
            with open(tally, encoding="ascii") as file:
                return file.read()
        before = text()
        stopped = self.counts(sim, asked + 1)
        time.sleep(0.1)
        self.assertEqual(self.counts(sim, asked + 2), stopped)
        self.assertEqual(text(), before)
        self.assertIsNone(sim.poll())

    def counts(self, sim, number):
        """Its answer when it is asked so often."""
        sim.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with open(self.children.log("sim"), encoding="utf-8") as file:
                answers = [line for line in file if line.startswith("{") and line.endswith("}\n")]
            if len(answers) >= number:
                return json.loads(answers[number - 1])
            self.assertLess(time.monotonic(), deadline, "it does not answer")
            time.sleep(0.01)

    def test_stops_cleanly(self):
        self.multi_drop()
        sim = self.start("--events-per-second", "100")
        Line(self, self.port).wait(3, 0x44)
        self.assertEqual(self.children.stop_one(sim), 0)

    def run_once(self, argv):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.returncode, done.stderr

    def test_says_what_is_wrong(self):
        code, text = self.run_once([os.path.join(BIN, "dnp3-sim")])
        self.assertEqual(code, 2)
        self.assertIn("usage: dnp3-sim", text)
        self.multi_drop()
        code, text = self.run_once(self.argv("--events-per-second", "some"))
        self.assertEqual(code, 2)
        self.assertIn('"some"', text)
        with socket.create_server(("127.0.0.1", self.port)):
            code, text = self.run_once(self.argv())
        self.assertEqual(code, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{self.port}", text)
        self.write(outstations=[{"name": "device-3"}])
        code, text = self.run_once(self.argv())
        self.assertEqual(code, 3)
        self.assertIn("gateway.json:", text)


if __name__ == "__main__":
    unittest.main()
