# SPDX-License-Identifier: Apache-2.0
"""What a slow disk does to the gateway while the broker is up: every wait for the disk takes 50 ms.
From the gateway's reading of an event to the subscriber, and how regular its polls stay; beside it
the same with the disk as it comes. And once the broker has stood still for a while, when what came
meanwhile is out again. Where it may, all of it runs before what else the machine does
(SCHED_RR): who gets a processor when is not the question here."""

import gc
import json
import os
import signal
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

# pylint: disable=wrong-import-position
from dnp3_peer import Peer, frames, link_function  # noqa: E402
from field_site import BIN, Site  # noqa: E402
from processes import Children, free_port, preload  # noqa: E402

DISK_MS = 50
EVENTS_PER_SECOND = 500
MEASURE_S = 10
OUTAGE_S, DRAIN_S = 3, 6
POLL_S = 0.1
GOAL_MS = 5


class Bench:
    """What a TestCase does for a Site."""

    def __init__(self):
        self.cleanups = []

    def addCleanup(self, call, *arguments):  # as unittest spells it
        self.cleanups.append((call, arguments))

    def close(self):
        for call, arguments in reversed(self.cleanups):
            call(*arguments)


def answer_reads(times, address, master=1):
    """An outstation without points that remembers when it was asked for class 0."""
    def behave(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            octets = connection.recv(4096)
            if not octets:
                return
            if link_function(octets) != 4 or len(octets) < 13 or octets[12] == 0:
                continue
            if octets[12] == 1:
                times.append(time.monotonic())
            answer = bytes([0xC0 | octets[11] & 0x0F, 0x81, 0, 0])
            connection.sendall(frames(0x44, master, address, answer))
    return behave


def come_first():
    """And no pause of our own: what is measured passes through this process."""
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("bench_latency: with what else the machine does: no SCHED_RR here", file=sys.stderr)


def make_site(bench, mode, disk_ms):
    site = Site(bench, outstations=1, profile={"confirm": mode})
    site.config["log"]["level"] = "warning"
    site.config["spool"] = {"path": site.path("spool")}
    site.write("sim.json", {**site.config, "spool": {"path": site.path("other")}})
    polled = free_port()
    site.config["channels"].append({"name": "polled", "type": "tcp",
                                    "endpoints": [f"127.0.0.1:{polled}"]})
    site.config["outstations"].append({
        "name": "polled", "channel": "polled", "address": 99, "unsolicited": [], "integrity": [],
        "polls": [{"classes": [0], "every_s": POLL_S}]})
    site.write_config()
    control = site.path("disk")
    with open(control, "w", encoding="ascii") as file:
        file.write(f"{disk_ms} 0\n")
    site.children.env = dict(
        os.environ, DNP3_DISK_BELOW=site.path("spool"), DNP3_DISK_CONTROL=control,
        LD_PRELOAD=preload(os.path.join(BIN, "dnp3-mqtt"), os.path.join(BIN, "slow_disk.so")))
    return site, polled


def start(site):
    """Broker and simulator have a disk as it comes."""
    slow, site.children = site.children, Children(site.folder)
    site.start_broker()
    client = site.client()
    site.start_sim("--numbered", "--events-per-second", str(EVENTS_PER_SECOND), config="sim.json")
    site.children, others = slow, site.children
    site.start_gateway()
    return client, others


def stand_still(broker):
    broker.send_signal(signal.SIGSTOP)
    time.sleep(OUTAGE_S)
    broker.send_signal(signal.SIGCONT)
    time.sleep(DRAIN_S)


def measure(mode, disk_ms, outage=False):
    """(p99 of event to subscriber in ms, p99 of how far a poll is off its period in ms)."""
    bench, polls = Bench(), []
    try:
        site, polled = make_site(bench, mode, disk_ms)
        Peer(bench, polled, answer_reads(polls, 99))
        client, others = start(site)
        bench.addCleanup(others.stop)
        site.wait_state(client, "device-0", "online")
        time.sleep(2)
        if outage:
            stand_still(site.processes["broker"])
        first, asked = len(client.messages), len(polls)
        time.sleep(MEASURE_S)
        offset = time.time() - time.monotonic()
        late = []
        for message in client.messages[first:]:
            if "/point/" in message.topic and b'"event"' in message.payload:
                received = json.loads(message.payload)["received"]
                late.append((message.at + offset) * 1000 - received)
        gaps = [abs(after - before - POLL_S) * 1000
                for before, after in zip(polls[asked:], polls[asked + 1:])]
    finally:
        bench.close()
    return statistics.quantiles(late, n=100)[98], statistics.quantiles(gaps, n=100)[98]


def tell(what, mode, value, peer, goal):
    print(json.dumps({"figure": f"{what}, p99, disk waits {DISK_MS} ms, {mode}",
                      "value": round(value, 2), "unit": "ms", "goal": goal,
                      "peer": round(peer, 2), "ratio": round(value / peer, 2),
                      "met": value <= goal if goal else None}), flush=True)


def main():
    come_first()
    for mode in ("safe", "journaled"):
        (late_peer, off_peer), (late, off) = measure(mode, 0), measure(mode, DISK_MS)
        tell("event to subscriber", mode, late, late_peer, GOAL_MS)
        tell("poll off its period", mode, off, off_peer, None)
    (late_peer, _), (late, _) = measure("safe", 0, True), measure("safe", DISK_MS, True)
    tell("event to subscriber after an outage", "safe", late, late_peer, GOAL_MS)


if __name__ == "__main__":
    main()
