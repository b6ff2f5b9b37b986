# SPDX-License-Identifier: Apache-2.0
"""QoS 1 messages a second through the whole gateway, from simulated outstations to the broker, beside
a bare Paho publisher with the same window against the same broker, in rounds that alternate. The
broker counts, so that nobody else has to read the messages."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from mqtt_client import Client
from processes import Children, free_port

BIN = os.environ["DNP3_BIN"]
ROUNDS = 5
OUTSTATIONS = 20
POINTS = 50
SETTLE_S = 2.5
MEASURE_S = 4
WINDOW = 64  # of the gateway
BARE_MESSAGES = 100000
EVENTS_PER_SECOND = 200000  # more than the broker takes
GOAL = 0.9
RECEIVED = "$SYS/broker/messages/received"  # packets of every kind: here nearly all are PUBLISH


def configuration(broker_port, port):
    mapping = {"device": "feeder", "points": [
        {"type": "analog_input", "index": f"0..{POINTS - 1}", "name": "level-{index}",
         "scale": 0.1, "unit": "A"}]}
    outstations = [{"name": f"feeder-{i}", "connect": f"tcp://127.0.1.{i + 1}:{port}",
                    "address": 10, "mapping": "feeder.json"} for i in range(OUTSTATIONS)]
    return mapping, {"gateway": "bench", "clock": "trusted", "log": {"level": "warning"},
                     "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}"},
                     "outstations": outstations}


def counted(client):
    """(when, how many) the broker says next; it says so once a second while the number changes."""
    seen = len(client.messages)
    client.wait(lambda messages: messages[seen:], 10, "the broker's count: nothing is published")
    return client.messages[-1].at, int(client.messages[-1].payload)


def gateway_round(children, client, config):
    sim = children.start("sim", [os.path.join(BIN, "dnp3-sim"), "-c", config,
                                 "--events-per-second", str(EVENTS_PER_SECOND)])
    gateway = children.start("gateway", [os.path.join(BIN, "dnp3-mqtt"), "run", "-c", config])
    time.sleep(SETTLE_S)
    before = counted(client)
    time.sleep(MEASURE_S)
    after = counted(client)
    children.check()
    children.stop_one(gateway)
    children.stop_one(sim)
    return (after[1] - before[1]) / (after[0] - before[0])


def bare_round(port, octets):
    done = subprocess.run([os.path.join(BIN, "paho_publisher"), str(port), str(BARE_MESSAGES),
                           str(octets), str(WINDOW)], stdout=subprocess.PIPE, check=True)
    return float(done.stdout.split()[-1])


def main():
    folder = tempfile.mkdtemp(prefix="dnp3-bench-")
    children = Children(folder)
    try:
        port = free_port()
        mapping, config = configuration(port, free_port())
        for name, content in (("feeder.json", mapping), ("gateway.json", config)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                json.dump(content, file)
        children.start_broker(port, ["sys_interval 1", "max_inflight_messages 0"])
        client = Client(port, "bench", [RECEIVED], clean=True).wait_subscribed()
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(gateway_round(children, client, os.path.join(folder, "gateway.json")))
            bare.append(bare_round(port, 230))
            print(f"gateway {ours[-1]:.0f}/s, bare {bare[-1]:.0f}/s", file=sys.stderr)
        client.close()
    finally:
        children.stop()
        shutil.rmtree(folder, ignore_errors=True)
    ratio = statistics.median(a / b for a, b in zip(ours, bare))
    print(json.dumps({"figure": "QoS 1 messages through the whole gateway",
                      "value": round(statistics.median(ours)), "unit": "1/s",
                      "goal": round(GOAL * statistics.median(bare)),
                      "peer": round(statistics.median(bare)), "ratio": round(ratio, 3),
                      "met": ratio >= GOAL}))


if __name__ == "__main__":
    main()
