# SPDX-License-Identifier: Apache-2.0
"""The running part of ./demo: broker, simulator, gateway, and a readable view of the topics."""

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from processes import Children, Failed, free_port

GATEWAY = "demo"
PREFIX = f"dnp3/{GATEWAY}/"
OUTSTATIONS = ("recloser-17", "rtu-2", "meter-3")
OPERATED = "recloser-17"
SET_TOPIC = f"{PREFIX}{OPERATED}/set/breaker"
RESULT_TOPIC = f"{PREFIX}{OPERATED}/result/breaker"
POINT_TOPIC = f"{PREFIX}{OPERATED}/point/breaker"
EVENTS_PER_SECOND = 3
SETTLE_S = 3  # the values of the start go by before the control
CONTROL_S = 8  # then it has failed
TOPIC_WIDTH = 42
VALUE_WIDTH = 22


class Screen:
    """One line a message: time, topic, value or state, quality."""

    def __init__(self):
        self.colour = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" \
            and "NO_COLOR" not in os.environ

    def paint(self, text, code):
        return f"\033[{code}m{text}\033[0m" if self.colour and code else text

    def say(self, text="", code=""):
        print(self.paint(text, code), flush=True)

    def row(self, topic, value, note, code="", value_code=""):
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03d}"
        value = self.paint(f"{value:<{VALUE_WIDTH}}", value_code)
        self.say(f"{clock}  {topic:<{TOPIC_WIDTH}} {value} {self.paint(note, code)}".rstrip())

    def header(self):
        self.say(f"{'time':<12}  {'topic':<{TOPIC_WIDTH}} {'value':<{VALUE_WIDTH}} quality", "1")

    def message(self, topic, payload):
        show = {"point": self.point, "result": self.result, "set": self.command,
                "status": self.status, "meta": self.meta}
        show.get(kind_of(topic), self.other)(topic, payload)

    def point(self, topic, payload):
        value = payload.get("state") or payload.get("text")
        if value is None:
            value = "-" if payload.get("value") is None else str(payload["value"])
            value += f" {payload['unit']}" if payload.get("unit") else ""
        quality = payload.get("quality", "")
        code = {"good": "32", "uncertain": "33", "bad": "31"}.get(quality, "")
        flags = payload.get("flags") or []
        note = f"{quality:<9} {payload.get('source', ''):<7} {' '.join(flags)}"
        self.row(topic, value, note.rstrip(), code)

    def status(self, topic, payload):
        state, reason = payload.get("state", ""), payload.get("reason", "")
        note = payload.get("detail") or (reason if reason != "ok" else "")
        self.row(topic, state, note or "",
                 value_code={"online": "32", "offline": "31"}.get(state, "33"))

    def meta(self, topic, payload):
        self.row(topic, f"{len(payload.get('points', {}))} points, "
                        f"{len(payload.get('controls', {}))} controls", "")

    def command(self, topic, payload):
        self.row(topic, str(payload.get("value", payload)), "<- published by this demo", "36", "36")

    def result(self, topic, payload):
        note = f"{payload.get('status') or payload.get('reason', '')}, " \
               f"{payload.get('duration_ms', '?')} ms"
        if payload.get("feedback"):
            note += f", breaker {payload['feedback']}"
        self.row(topic, f"{payload.get('value')}: {payload.get('outcome')}", note,
                 value_code="32" if payload.get("outcome") == "done" else "31")

    def other(self, topic, payload):
        self.row(topic, json.dumps(payload)[:60], "")


def kind_of(topic):
    """`point`, `set`, `result`, `status` or `meta`."""
    levels = topic[len(PREFIX):].split("/")
    return levels[0] if len(levels) == 1 else levels[1]


class Demo:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.screen = Screen()
        self.ports = {}
        for name in ("DEMO_BROKER_PORT", "DEMO_PORT_1", "DEMO_PORT_2", "DEMO_PORT_3"):
            self.ports[name] = free_port()
        env = dict(os.environ, **{name: str(port) for name, port in self.ports.items()})
        self.children = Children(folder, env)
        self.broker_port = str(self.ports["DEMO_BROKER_PORT"])
        self.messages = queue.Queue()
        self.updates = dict.fromkeys(OUTSTATIONS, 0)
        self.status = dict.fromkeys(OUTSTATIONS)
        self.breaker = None
        self.commands = 0  # published
        self.pending = None  # the command under way: its word, its id, when it was published
        self.outcome = None
        self.moved = False
        self.done = False

    def start(self):
        self.children.start_broker(self.ports["DEMO_BROKER_PORT"], ["persistence false"])
        listener = self.children.start(
            "mosquitto_sub", ["mosquitto_sub", "-h", "127.0.0.1", "-p", self.broker_port, "-q", "1",
                              "-t", PREFIX + "#", "-F", "%t\t%p"], stdout=subprocess.PIPE)
        threading.Thread(target=self.listen, args=(listener.stdout,), daemon=True).start()
        self.children.start("dnp3-sim", [os.path.join(self.options.bin, "dnp3-sim"),
                                         "-c", self.options.config,
                                         "--events-per-second", str(EVENTS_PER_SECOND)])
        self.children.start("dnp3-mqtt", [os.path.join(self.options.bin, "dnp3-mqtt"), "run",
                                          "-c", self.options.config])

    def listen(self, stream):
        for line in stream:
            topic, _, payload = line.decode("utf-8", "replace").rstrip("\n").partition("\t")
            try:
                self.messages.put((topic, json.loads(payload)))
            except ValueError:
                self.messages.put((topic, {"payload": payload}))

    def take(self, topic, payload):
        """Keeps what the verdict and the control need of a message."""
        levels = topic[len(PREFIX):].split("/")
        name, kind = levels[0], kind_of(topic)
        if name in self.updates and kind == "point" and payload.get("quality") == "good":
            self.updates[name] += 1
        if name in self.status and kind == "status":
            self.status[name] = payload
        if topic == POINT_TOPIC:
            self.breaker = payload.get("state")
        if self.pending is None:
            return
        if topic == RESULT_TOPIC and payload.get("id") == self.pending["id"]:
            self.outcome = payload
        if topic == POINT_TOPIC and self.breaker == self.pending["reaches"]:
            self.moved = True
        if self.outcome and self.moved and self.outcome.get("outcome") == "done":
            self.done = self.pending["word"] == "close"
            self.pending = None

    def operate(self, word):
        """Publishes a command as any client would."""
        self.commands += 1
        now = int(time.time() * 1000)
        command = {"value": word, "id": f"demo-{now}", "expires": now + 5000, "by": "demo"}
        self.pending = {"word": word, "id": command["id"], "since": time.monotonic(),
                        "reaches": "closed" if word == "close" else "open"}
        self.outcome, self.moved = None, False
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", self.broker_port, "-q", "1",
                        "-t", SET_TOPIC, "-m", json.dumps(command)], check=False, timeout=5,
                       stdin=subprocess.DEVNULL)

    def advance(self, begin):
        """Closes the breaker; one that stands closed is opened first."""
        if self.done or self.pending or self.breaker is None or self.commands >= 2:
            return
        if time.monotonic() > begin + SETTLE_S:
            self.operate("open" if self.breaker == "closed" else "close")

    def run(self):
        self.introduce()
        self.start()
        begin = time.monotonic()
        end = begin + self.options.seconds if self.options.seconds else None
        while end is None or time.monotonic() < end:
            self.children.check()
            self.advance(begin)
            try:
                topic, payload = self.messages.get(timeout=0.2)
            except queue.Empty:
                continue
            if not isinstance(payload, dict):
                payload = {"value": payload}
            self.screen.message(topic, payload)
            self.take(topic, payload)

    def introduce(self):
        say = self.screen.say
        say(f"  broker on 127.0.0.1:{self.broker_port}, outstations {', '.join(OUTSTATIONS)}")
        say(f"  logs in {self.folder}")
        say()
        say("In another terminal, what any MQTT client sees and may do:")
        say(f"  mosquitto_sub -p {self.broker_port} -t '{PREFIX}#' -v")
        say(f"  mosquitto_pub -p {self.broker_port} -t {SET_TOPIC} -m \"{{\\\"value\\\":\\\"open\\\","
            "\\\"id\\\":\\\"$(date +%s)\\\",\\\"expires\\\":$(($(date +%s)+5))000}\"")
        say()
        self.screen.header()

    def problems(self):
        found = []
        for name in OUTSTATIONS:
            if self.updates[name] == 0:
                status = self.status[name] or {}
                last = f"{status.get('state')}, {status.get('reason')}: {status.get('detail')}" \
                    if status else "none arrived"
                found.append(f"no update of {name} arrived; its last status: {last}")
        if not self.done:
            found.append(self.control_problem())
        return found

    def control_problem(self):
        if self.commands == 0:
            return f"no control was published: {POINT_TOPIC} never arrived"
        if self.outcome is None:
            return f"the control was published, and no result came on {RESULT_TOPIC}"
        if self.outcome.get("outcome") != "done":
            return f"the control was not carried out: {json.dumps(self.outcome)}"
        return f"the control was accepted, and {POINT_TOPIC} did not follow; it is {self.breaker}"


def parse(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("config")
    return parser.parse_args(argv)


def stop_on_signal(number, _frame):
    raise SystemExit(128 + number)


def main(argv):
    options = parse(argv)
    signal.signal(signal.SIGTERM, stop_on_signal)
    signal.signal(signal.SIGHUP, stop_on_signal)
    folder = tempfile.mkdtemp(prefix="dnp3-mqtt-demo.")
    demo = Demo(options, folder)
    problems, keep = [], False
    try:
        demo.run()
        problems = demo.problems()
    except KeyboardInterrupt:
        demo.screen.say("\nstopping")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
        problems = ["the output was closed"]
    except (Failed, OSError) as error:
        problems = [str(error)]
    finally:
        demo.children.stop()
        keep = bool(problems)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        demo.screen.say()
        for problem in problems:
            demo.screen.say(f"FAILED: {problem}", "31")
        demo.screen.say(f"The logs of all programs are in {folder}")
        return 1
    if options.seconds:
        counts = ", ".join(f"{name} {demo.updates[name]}" for name in OUTSTATIONS)
        demo.screen.say(f"\nOK: updates arrived ({counts}), and the breaker was closed by MQTT",
                        "32")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
