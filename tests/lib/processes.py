# SPDX-License-Identifier: Apache-2.0
"""Child processes of the demo, the tests and the benches: free ports, a broker, orderly stops."""

import os
import re
import shutil
import socket
import subprocess
import time

BROKER_START_S = 10
CABLE_S = 10
STOP_S = 10

_claims = []  # of ports, kept while this process lives


class Failed(Exception):
    """Something could not be started or ended by itself; the text says why."""


def _claim(port):
    """False where this or another process of the tests that lives has the port."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0dnp3-mqtt-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_port(address="127.0.0.1"):
    """A port that nobody listens on, and that no other call gave out, in tests that run beside
    this one neither. `0.0.0.0` asks for one that is free on every address."""
    while True:
        with socket.socket() as sock:
            sock.bind((address, 0))
            port = sock.getsockname()[1]
        if _claim(port):
            return port


def preload(program, *shims):
    """What LD_PRELOAD must say to put libraries before a program of ours. A sanitizer's runtime must
    come before anything else."""
    linked = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    runtime = re.search(r"=> (\S*lib[at]san\S*)", linked)
    return " ".join(([runtime.group(1)] if runtime else []) + list(shims))


class Children:
    """Processes with a log file each, stopped in reverse order."""

    def __init__(self, folder, env=None):
        self.folder, self.env, self.running = folder, env, []

    def start(self, name, argv, stdout=None):
        """Starts a program; `name` is its log's too. Another start under one name adds to it."""
        with open(self.log(name), "ab") as log:
            # A group of its own: Ctrl-C on the terminal reaches the parent only, which then
            # stops its children in order.
            process = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL,
                                       stdout=stdout or log, stderr=log, start_new_session=True)
        self.running.append((name, process))
        return process

    def start_cable(self, near, far):
        """A serial line: two pseudo-terminals, wired to each other."""
        process = self.start("cable", ["socat", f"PTY,link={near},raw,echo=0",
                                       f"PTY,link={far},raw,echo=0"])
        deadline = time.monotonic() + CABLE_S
        while not (os.path.exists(near) and os.path.exists(far)):
            if time.monotonic() > deadline:
                raise Failed(f"no serial line\n{self.tail('cable')}")
            time.sleep(0.01)
        return process

    def start_broker(self, port, lines=(), name="mosquitto"):
        """Starts mosquitto on 127.0.0.1 and waits until it answers."""
        config = os.path.join(self.folder, name + ".conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join([f"listener {port} 127.0.0.1", "allow_anonymous true",
                                  "set_tcp_nodelay true", "max_queued_messages 0",
                                  *lines, ""]))
        os.chmod(self.folder, 0o755)  # started by root, it becomes another user
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        process = self.start(name, [program, "-c", config])
        deadline = time.monotonic() + BROKER_START_S
        while True:
            self.check()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return process
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed(f"{name} does not answer:\n{self.tail(name)}") from None
                time.sleep(0.05)

    def log(self, name):
        return os.path.join(self.folder, name + ".log")

    def tail(self, name, lines=8):
        with open(self.log(name), encoding="utf-8", errors="replace") as file:
            return "".join("    " + line for line in file.readlines()[-lines:]).rstrip()

    def check(self):
        """Raises Failed where a child has ended by itself."""
        for name, process in self.running:
            code = process.poll()
            if code is not None:
                raise Failed(f"{name} ended by itself with exit code {code}:\n{self.tail(name)}")

    def stop_one(self, process):
        """Ends a child with SIGTERM, or SIGKILL where that takes too long."""
        self.running = [entry for entry in self.running if entry[1] is not process]
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def stop(self):
        for _, process in reversed(list(self.running)):
            self.stop_one(process)
