# SPDX-License-Identifier: Apache-2.0
"""Resident memory of the gateway at 1, 100 and 1,000 sessions of 20 points, all of them online
against the simulator."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time

from processes import Children, Failed, free_port

SESSIONS = (1, 100, 1000)
POINTS = 20
ONLINE_S = 90  # for all of them
SETTLE_S = 3  # after that, for the values of the start to leave the outbox


def mapping():
    return {"device": "feeder", "points": [
        {"type": "binary_input", "index": f"0..{POINTS // 2 - 1}", "name": "alarm-{index}"},
        {"type": "analog_input", "index": f"0..{POINTS // 2 - 1}", "name": "level-{index}"}]}


def configuration(sessions, broker_port, port):
    """Each outstation has an address of 127.0.0.0/8 to itself, as devices in the field do."""
    outstations = [{"name": f"feeder-{i}", "connect": f"tcp://127.1.{i // 250}.{i % 250 + 1}:{port}",
                    "address": 10, "mapping": "feeder.json"} for i in range(sessions)]
    return {"gateway": "bench", "clock": "trusted",
            "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}"},
            "profiles": {"default": {"polls": [{"classes": [1, 2, 3], "every_s": 60}]}},
            "outstations": outstations}


def memory_kb(pid):
    """Resident and proportional set size."""
    values = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                values["rss"] = int(line.split()[1])
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            for line in file:
                if line.startswith("Pss:"):
                    values["pss"] = int(line.split()[1])
    except OSError:
        pass  # not every kernel tells
    return values


def wait_online(children, broker_port, sessions):
    """Until every outstation's status topic says online."""
    listener = subprocess.Popen(
        ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker_port), "-q", "1", "-W",
         str(ONLINE_S), "-t", "dnp3/bench/+/status", "-F", "%t\t%p"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE)
    online = set()
    try:
        for line in listener.stdout:
            topic, _, payload = line.decode().partition("\t")
            if json.loads(payload).get("state") == "online":
                online.add(topic)
            else:
                online.discard(topic)
            if len(online) == sessions:
                return
            children.check()
        raise Failed(f"{len(online)} of {sessions} were online after {ONLINE_S} s:\n"
                     + children.tail("dnp3-mqtt"))
    finally:
        listener.terminate()
        listener.wait()


def measure(sessions):
    programs = os.environ["DNP3_BIN"]
    folder = tempfile.mkdtemp(prefix="dnp3-bench.")
    children = Children(folder)
    broker_port = free_port()
    config = os.path.join(folder, "gateway.json")
    try:
        with open(os.path.join(folder, "feeder.json"), "w", encoding="utf-8") as file:
            json.dump(mapping(), file)
        with open(config, "w", encoding="utf-8") as file:
            json.dump(configuration(sessions, broker_port, free_port("0.0.0.0")), file)
        children.start_broker(broker_port)
        children.start("dnp3-sim", [os.path.join(programs, "dnp3-sim"), "-c", config,
                                    "--events-per-second", "10"])
        gateway = children.start("dnp3-mqtt",
                                 [os.path.join(programs, "dnp3-mqtt"), "run", "-c", config])
        wait_online(children, broker_port, sessions)
        time.sleep(SETTLE_S)
        children.check()
        return memory_kb(gateway.pid)
    finally:
        children.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    for sessions in SESSIONS:
        memory = measure(sessions)
        print(json.dumps({"figure": f"resident memory, {sessions:,} session{'s' * (sessions > 1)} "
                                    f"of {POINTS} points",
                          "value": memory["rss"], "unit": "KB", "goal": None, "peer": None,
                          "ratio": None, "met": None, "pss_kb": memory.get("pss")}), flush=True)


if __name__ == "__main__":
    main()
