# SPDX-License-Identifier: Apache-2.0
"""A site in a temporary folder: broker, simulator and gateway of one configuration, each of which
a test may start, stop and kill in any order."""

import json
import os
import shutil
import tempfile
import time

from mqtt_client import Client
from processes import Children, free_port

SETTLED_S = 30
BIN = os.environ.get("DNP3_BIN", "build/dev/bin")

COUNTERS = {"device": "counters", "points": [
    {"type": "counter", "index": "0..3", "name": "count-{index}"},
    {"type": "analog_input", "index": "0..3", "name": "level-{index}"}]}


class Site:
    """`test` is the TestCase that cleans up, or a function like TestCase.addCleanup."""

    def __init__(self, test, outstations=2, mapping=None, profile=None, mqtt=None, address=10):
        self.folder = tempfile.mkdtemp(prefix="dnp3-test-")
        self.children = Children(self.folder)
        self.broker_port = free_port()
        self.ports = [free_port() for _ in range(outstations)]
        self.names = [f"device-{i}" for i in range(outstations)]
        self.processes = {}
        self.clients = []
        self.write("mapping.json", mapping or COUNTERS)
        self.config = {
            "gateway": "test", "clock": "trusted",
            "log": {"level": "debug"},
            "mqtt": {"url": f"mqtt://127.0.0.1:{self.broker_port}", **(mqtt or {})},
            "profiles": {"default": {"offline_after_s": 1, "response_timeout_s": 2,
                                     **(profile or {})}},
            "outstations": [{"name": name, "connect": f"tcp://127.0.0.1:{port}",
                             "address": address + i, "mapping": "mapping.json"}
                            for i, (name, port) in enumerate(zip(self.names, self.ports))]}
        # Reconnects at once: a test's minute is dear.
        self.config["channels"] = [
            {"name": f"line-{i}", "type": "tcp", "endpoints": [f"127.0.0.1:{port}"],
             "reconnect_s": [0.1, 0.5]} for i, port in enumerate(self.ports)]
        for i, outstation in enumerate(self.config["outstations"]):
            del outstation["connect"]
            outstation["channel"] = f"line-{i}"
        getattr(test, "addCleanup", test)(self.close)
        self.write_config()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))

    def write_config(self):
        self.write("gateway.json", self.config)

    def start_broker(self, *lines):
        self.processes["broker"] = self.children.start_broker(
            self.broker_port, ["persistence true", f"persistence_location {self.folder}/",
                               "autosave_interval 1", "max_inflight_messages 0", *lines])
        os.chmod(self.folder, 0o777)

    def start_sim(self, *options, config="gateway.json"):
        self.processes["sim"] = self.children.start(
            "sim", [os.path.join(BIN, "dnp3-sim"), "-c", self.path(config), *options])
        return self.processes["sim"]

    def start_gateway(self):
        self.processes["gateway"] = self.children.start(
            "gateway", [os.path.join(BIN, "dnp3-mqtt"), "run", "-c", self.path("gateway.json")])
        return self.processes["gateway"]

    def stop(self, name):
        return self.children.stop_one(self.processes.pop(name))

    def kill(self, name):
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        self.children.stop_one(process)

    def client(self, client_id="test", filters=("dnp3/#",), clean=False, username=None):
        client = Client(self.broker_port, client_id, filters, clean=clean, username=username)
        self.clients.append(client)
        return client.wait_subscribed()

    def log(self, name):
        with open(self.children.log(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, name, condition, what, seconds=20):
        """Waits until `condition(log)` gives something true, and returns it."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition(self.log(name))
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s for {what}\n"
                                     f"{self.children.tail(name, 12)}")
            time.sleep(0.02)

    def wait_state(self, client, name, state, reason=None, seconds=20, since=0):
        """The latest status of an outstation, once it is as wanted. `since`: of the messages that came
        behind so many."""
        topic = f"dnp3/test/{name}/status"

        def found(messages):
            for message in reversed(messages[since:]):
                if message.topic == topic:
                    status = json.loads(message.payload)
                    wanted = status["state"] == state and reason in (None, status["reason"])
                    return status if wanted else None
            return None
        try:
            return client.wait(found, seconds, f"{name} {state} {reason or ''}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.children.tail('gateway', 12)}") from None

    def wait_settled(self, client, name):
        """Until an outstation has been read to its end, with nothing asked before that may still end
        unanswered: that would be a loss, and a control refused."""
        deadline = time.monotonic() + SETTLED_S
        while not self._read_all(client, name):
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is not read to its end\n"
                                     f"{self.children.tail('gateway', 12)}")
            time.sleep(0.2)

    def _read_all(self, client, name):
        """The command `integrity`; refused after a request was lost."""
        self.wait_state(client, name, "online", "ok")
        stem = f"dnp3/test/{name}"
        result = client.ask(f"{stem}/command/integrity", "", f"{stem}/result/command/integrity",
                            seconds=20)
        return result["outcome"] == "done"

    def close(self):
        for client in self.clients:
            client.close()
        self.children.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
