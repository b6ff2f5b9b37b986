# SPDX-License-Identifier: Apache-2.0
"""The site of the campaign: broker, gateway, simulators and a third-party outstation, each of which
can be killed and started, on lines with a weather and a small disk of its own."""

import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

from lines import Hub, SerialLine, TcpLine, UdpLine
from processes import Children, Failed, free_port, preload

HERE = os.path.dirname(os.path.realpath(__file__))
PEER = os.path.join(HERE, "..", "interop", "peer_outstation.py")

POINTS = 4  # of each type
GENERATION = 1000000  # numbers of a simulator's events between two starts of it
DISK_OCTETS = 80 << 20  # the spool, two that were set aside, and one that is being made
SPOOL_MB = 16

CONTROLS = [{"name": f"{mode}-{index}", "type": "analog_output", "index": index,
             "encoding": "int32", "min": 0, "max": 2000000, "max_per_minute": 60000,
             "require": ["id", "expires"], "mode": mode}
            for index, mode in enumerate(("select_before_operate", "direct_operate"))]

MAPPING = {"device": "counters", "points": [
    {"type": "counter", "index": f"0..{POINTS - 1}", "name": "count-{index}"},
    {"type": "analog_input", "index": f"0..{POINTS - 1}", "name": "level-{index}"}],
    "controls": CONTROLS}
TYPE_OF = {"count": "counter", "level": "analog_input"}
TOPIC_OF = {kind: name for name, kind in TYPE_OF.items()}

SHIMS = ("slow_disk.so", "jumping_clock.so")  # put before the gateway
NEEDED = (*SHIMS, "spool_list")


class Group:
    """Outstations of one simulator. `share` is their part of all events."""

    def __init__(self, name, outstations, channel, confirm_s, share, options=(), **profile):
        self.name, self.channel, self.share, self.options = name, channel, share, options
        self.names = [f"{name}-{i}" for i in range(outstations)]
        self.profile = {"confirm_timeout_s": confirm_s, **profile}


def groups():
    again = ("--regenerate",)
    return [
        Group("hasty", 3, "tcp", 0.5, 18),
        Group("brisk", 3, "tcp", 2, 18, again),
        Group("usual", 3, "tcp", 5, 18),
        Group("patient", 2, "tcp", 20, 12, again),
        Group("polled", 2, "tcp", 5, 12, unsolicited=[],
              polls=[{"classes": [1, 2, 3], "every_s": 0.5}]),
        Group("mobile", 2, "tcp_listen", 5, 10),
        Group("radio", 2, "udp", 2, 6),
        Group("lane", 3, "serial", 2, 6)]


class Disk:
    """A small file system of its own where we may mount one, else a folder. What a full or broken
    one says comes from slow_disk.c in either case; `fill` fills the real one."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "disk")
        self.image = os.path.join(folder, "disk.img")
        os.mkdir(self.path)
        self.kind = self._mount()

    @staticmethod
    def _run(*argv):
        return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def _mount(self):
        if os.geteuid() == 0:
            with open(self.image, "wb") as file:
                file.truncate(DISK_OCTETS)
            if shutil.which("mkfs.ext4") and self._run("mkfs.ext4", "-q", self.image) and \
                    self._run("mount", "-o", "loop", self.image, self.path):
                return "ext4"
            if self._run("mount", "-t", "tmpfs", "-o", f"size={DISK_OCTETS}", "none", self.path):
                return "tmpfs"
        return "folder"

    @property
    def own(self):
        return self.kind != "folder"

    def fill(self):
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def free(self):
        ballast = os.path.join(self.path, "ballast")
        if os.path.exists(ballast):
            os.unlink(ballast)

    def close(self):
        if self.own:
            self._run("umount", "-l", self.path)


class Peer:
    """The third-party outstation: what it is told to update, and what it says of controls."""

    def __init__(self, python, port, address, log):
        self.argv = [python, PEER, "--port", str(port), "--address", str(address)]
        self.log = log
        self.generations = []  # of each start, how many events each point made
        self.operated = []  # (when, value)
        self.process = None
        self.lock = threading.Lock()
        self.start()

    def start(self):
        with self.lock:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.log, text=True, start_new_session=True)
            self.generations.append(
                dict.fromkeys([(kind, i) for kind in TOPIC_OF for i in range(POINTS)], 0))
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def _listen(self, stdout):
        for line in stdout:
            try:
                control = json.loads(line).get("control")
            except ValueError:
                continue  # its last words
            if control and control["stage"] != "select":
                self.operated.append((time.time(), int(control["value"])))

    def update(self):
        """One event of each point."""
        with self.lock:
            if not self.process:
                return
            values, base = self.generations[-1], (len(self.generations) - 1) * GENERATION
            for point in values:
                values[point] += 1
            points = [(kind, index, base + number) for (kind, index), number in values.items()]
            self.process.stdin.write(json.dumps({"update": points}) + "\n")
            self.process.stdin.flush()

    def tallies(self):
        """As Field.tallies. It cannot say what it was rid of when it was killed."""
        return {("peer", kind, index, generation):
                (made, made if generation == len(self.generations) - 1 else 0)
                for generation, values in enumerate(self.generations)
                for (kind, index), made in values.items()}

    def kill(self):
        with self.lock:
            process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()

    close = kill


class Field:
    """`confirm` and `spool` are what the tests of the test change."""

    def __init__(self, binaries, seed, rate, peer_python=None, confirm="safe", spool=True):
        self.folder = tempfile.mkdtemp(prefix="dnp3-faults-")
        os.chmod(self.folder, 0o777)
        self.bin, self.seed, self.rate, self.has_spool = binaries, seed, rate, spool
        self.groups = {group.name: group for group in groups()}
        self.hub = Hub()
        self.lines = {}  # of outstations, by name
        self.processes = {}
        self.generation = dict.fromkeys(self.groups, -1)
        self.rss_kb = 0
        self.died = []  # what ended by itself
        self.closing = False
        self.disk = Disk(self.folder)
        self.broker_port, self.mqtt_port = free_port(), free_port()
        self.clock_file = self._file("clock", struct.pack("q", 0))
        self.disk_file = self._file("disk-control", b"0 0\n")
        self.children = {name: Children(self.folder) for name in ("broker", *self.groups)}
        gateway = self.tool("dnp3-mqtt")
        self.children["gateway"] = Children(self.folder, env=dict(
            os.environ, DNP3_CLOCK_CONTROL=self.clock_file, DNP3_DISK_BELOW=self.disk.path,
            DNP3_DISK_CONTROL=self.disk_file,
            LD_PRELOAD=preload(gateway, *(os.path.join(binaries, shim) for shim in SHIMS))))
        self.mqtt = TcpLine(self.hub, "mqtt", seed, self.mqtt_port, self.broker_port)
        self.peer, self.peer_python = None, peer_python
        self._configure(confirm, spool)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def tool(self, name):
        return os.path.join(self.bin, name)

    def spool_holder(self):
        """The process that says it has the spool's directory."""
        try:
            with open(self.path("disk", "spool", "lock"), encoding="ascii") as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0

    def _file(self, name, octets):
        with open(self.path(name), "wb") as file:
            file.write(octets)
        return self.path(name)

    def _write(self, name, content):
        self._file(name, json.dumps(content, indent=1).encode())

    # Files.

    def _configure(self, confirm, spool):
        self._write("mapping.json", MAPPING)
        self.config = {
            "gateway": "field", "clock": "trusted",
            "mqtt": {"url": f"mqtt://127.0.0.1:{self.mqtt_port}", "keep_alive_s": 5},
            "profiles": {"default": {
                "offline_after_s": 1, "response_timeout_s": 1, "keep_alive_s": 3,
                "confirm": confirm, "polls": [{"classes": [1, 2, 3], "every_s": 10}]}},
            "channels": [], "outstations": []}
        if spool:
            self.config["spool"] = {"path": os.path.join(self.disk.path, "spool"),
                                    "max_mb": SPOOL_MB}
        address = 10
        for group in self.groups.values():
            self.config["profiles"][group.name] = {"extends": "default", **group.profile}
            self._join(group, address)
            address += len(group.names)
        if self.peer_python:
            self._join_peer(address)
        self._write("gateway.json", self.config)

    def _outstation(self, name, channel, address, profile):
        return {"name": name, "channel": channel, "address": address, "mapping": "mapping.json",
                "profile": profile}

    def _join(self, group, address):
        """The group in the gateway's configuration, and one of its own for its simulator; between
        the two, its lines."""
        near, far = [], []
        for i, name in enumerate(group.names):
            if group.channel not in ("tcp", "udp") and i:
                continue
            ours, theirs = free_port(), free_port()
            channel = {"name": name, "type": group.channel}
            if group.channel in ("tcp", "udp"):
                self._line(name, group, ours, theirs)
                near.append({**channel, "endpoints": [f"127.0.0.1:{ours}"],
                             "reconnect_s": [0.1, 0.5]})
                far.append({**channel, "endpoints": [f"127.0.0.1:{theirs}"]})
            elif group.channel == "tcp_listen":
                self.lines[name] = TcpLine(self.hub, name, self.seed, theirs, ours,
                                           gateway_calls=False)
                near.append({**channel, "listen": f"127.0.0.1:{ours}"})
                far.append({**channel, "listen": f"127.0.0.1:{theirs}"})
            else:
                ends = self.path("near"), self.path("far")
                self.lines[name] = SerialLine(self.hub, name, self.seed, *ends)
                for side, device in zip((near, far), ends):
                    side.append({**channel, "device": device, "baud": 115200,
                                 "reconnect_s": [0.1, 0.5]})
        outstations = [
            self._outstation(name, near[i if len(near) > 1 else 0]["name"], address + i, group.name)
            for i, name in enumerate(group.names)]
        self.config["channels"] += near
        self.config["outstations"] += outstations
        theirs = {**self.config, "channels": far, "outstations": outstations}
        theirs.pop("spool", None)
        self._write(f"{group.name}.json", theirs)

    def _line(self, name, group, ours, theirs):
        kind = TcpLine if group.channel == "tcp" else UdpLine
        self.lines[name] = kind(self.hub, name, self.seed, ours, theirs)

    def _join_peer(self, address):
        ours, theirs = free_port(), free_port()
        self.lines["peer"] = TcpLine(self.hub, "peer", self.seed, ours, theirs)
        self.config["channels"].append({"name": "peer", "type": "tcp", "reconnect_s": [0.1, 0.5],
                                        "endpoints": [f"127.0.0.1:{ours}"]})
        self.config["outstations"].append(self._outstation("peer", "peer", address, "default"))
        log = open(self.path("peer.log"), "ab")  # the process has it as long as it lives
        self.peer = Peer(self.peer_python, theirs, address, log)

    def outstations(self):
        return [outstation["name"] for outstation in self.config["outstations"]]

    def line_of(self, outstation):
        """Of a shared line the first one has its name."""
        return self.lines.get(outstation) or self.lines[outstation.rsplit("-", 1)[0] + "-0"]

    # Processes.

    def start(self, name):
        if name == "broker":
            self.processes[name] = self.children[name].start_broker(
                self.broker_port, ["persistence true", f"persistence_location {self.folder}/",
                                   "autosave_interval 1", "max_inflight_messages 0"],
                name="broker")
            os.chmod(self.folder, 0o777)
        elif name == "gateway":
            self.processes[name] = self.children[name].start(name, self._gateway_argv())
        else:
            self._start_sim(self.groups[name])

    def _gateway_argv(self):
        return [self.tool("dnp3-mqtt"), "run", "-c", self.path("gateway.json")]

    def _start_sim(self, group):
        self.generation[group.name] += 1
        generation = self.generation[group.name]
        rate = self.rate * group.share / sum(g.share for g in self.groups.values())
        self.processes[group.name] = self.children[group.name].start(
            group.name, [self.tool("dnp3-sim"), "-c", self.path(group.name + ".json"),
                         "--numbered", "--number-from", str(generation * GENERATION),
                         "--events-per-second", f"{rate:.2f}", "--event-buffer", "20000",
                         "--tally", self.path(f"{group.name}.{generation}.tally"),
                         *group.options])

    def take(self, name):
        """From now on nobody starts it again when it ends."""
        process = self.processes.pop(name)
        self.weigh(name, process)
        return process

    def end(self, name, process):
        return self.children[name].stop_one(process)

    def stop(self, name, kill=False):
        process = self.take(name)
        if kill:
            process.kill()
        return self.end(name, process)

    def run_second_gateway(self):
        """(exit code, what it said) of one with the configuration of the first."""
        done = subprocess.run(self._gateway_argv(), env=self.children["gateway"].env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def forget_broker(self):
        """What it wrote down; it is not running."""
        for path in glob.glob(self.path("mosquitto.db*")):
            os.unlink(path)

    def signal(self, name, number):
        self.processes[name].send_signal(number)

    def weigh(self, name, process):
        """The most memory that a gateway ever had."""
        if name != "gateway":
            return
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                for line in file:
                    if line.startswith("VmHWM"):
                        self.rss_kb = max(self.rss_kb, int(line.split()[1]))
        except OSError:
            pass

    def supervise(self):
        """What a service manager does: who ended by itself is started again, and remembered."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None and self.processes.get(name) is process:
                self.died.append((name, process.returncode))
                self.children[name].stop_one(process)
                self.start(name)

    # What the site did.

    def tallies(self):
        """(outstation, type, index, generation) -> (made, confirmed)."""
        tallies = self.peer.tallies() if self.peer else {}
        for path in glob.glob(self.path("*.tally")):
            generation = int(path.split(".")[-2])
            with open(path, encoding="ascii", errors="replace") as file:
                for line in file:
                    name, kind, index, made, confirmed = line.split()
                    tallies[name, kind, int(index), generation] = int(made), int(confirmed)
        return tallies

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def set_clock(self, off_ms):
        with open(self.clock_file, "r+b") as file:
            file.write(struct.pack("q", off_ms))

    def tell_disk(self, delay_ms, error, every=1):
        self._file("disk-control.new", f"{delay_ms} {error} {every}\n".encode())
        os.rename(self.disk_file + ".new", self.disk_file)

    def close(self):
        self.closing = True
        for children in self.children.values():
            for _, process in list(children.running):
                process.kill()
            children.stop()
        if self.peer:
            self.peer.close()
        self.hub.close()
        self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def peer_python():
    """A Python that has the third-party stack, or None."""
    top = os.path.join(HERE, "..", "..")
    for python in (os.path.join(top, "build", "interop-venv", "bin", "python3"), sys.executable):
        if os.path.exists(python) and subprocess.run(
                [python, "-c", "import opendnp3"], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return python
    return None


__all__ = ["Failed", "Field", "NEEDED", "peer_python"]
