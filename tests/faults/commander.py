# SPDX-License-Identifier: Apache-2.0
"""Publishes controls with ids, and asks again with the same id until there is a result; and now and
then when there is one."""

import collections
import json
import random
import threading
import time

from field import CONTROLS
from mqtt_client import Client

RETRY_S = 1.5
TICK_S = 0.02
LIVES_S = (0.3, 1, 3, 8, 20)
LATER_S = 25  # at most, after the result
NEW_LIFE_S = 5
FINAL = {"done", "failed", "unknown"}
ASK_AGAIN = {"busy", "offline", "rate"}  # nothing was sent; the same id may be used
DECOY = 1000000  # values that nobody asks for in earnest


class Command:
    def __init__(self, number, outstation, control, life, off_ms):
        self.value, self.outstation, self.control = number, outstation, control
        self.id = f"c{number}"
        self.until = time.time() + life
        self.expires = int(self.until * 1000) + off_ms
        self.time = int(time.time() * 1000) + off_ms
        self.asked_later = False
        self.results = []
        self.straddled = False
        self.sent, self.sent_at, self.wanted_at = 0, 0, 0

    def __str__(self):
        return f"{self.id} ({self.control} of {self.outstation}, sent {self.sent} times, " \
               f"results {[(r['outcome'], r['reason'], r['repeated']) for r in self.results]})"

    def topic(self):
        return f"dnp3/field/{self.outstation}/set/{self.control}"

    def payload(self, value=None, expires=None):
        """One of four does not say when it was made."""
        return json.dumps({"value": value or self.value, "id": self.id,
                           "expires": expires or self.expires, "by": "campaign",
                           **({"time": self.time} if self.value % 4 else {})})

    def answered_at(self):
        """From when on its id must not operate any more."""
        return min((result["arrived"] for result in self.results if result["outcome"] in FINAL),
                   default=float("inf"))

    def outcome(self):
        """Of several results the one that says most."""
        said = [result["outcome"] for result in self.results]
        for outcome in ("done", "unknown", "failed", "refused"):
            if outcome in said:
                return outcome
        return None


class Commander:
    """`rate` commands a second to `outstations`, by `seed`."""

    def __init__(self, port, outstations, rate, seed):
        self.outstations, self.rate = outstations, rate
        self.dice = random.Random(f"{seed} controls")
        self.later_dice = random.Random(f"{seed} later")
        self.later = []  # (when, command): it has a result, and its id must not operate again
        self.commands = []
        self.by_id = {}
        self.open = collections.deque()
        self.reasons = collections.Counter()
        self.off_ms, self.jumping = 0, False
        self.lock = threading.Lock()
        self.stopping = False
        self.client = Client(port, "commander", ["dnp3/+/+/result/#"], on_message=self._result,
                             keep=False)
        self.client.wait_subscribed()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def clock_jumps(self, off_ms, done):
        """Before and after a jump: what is under way, and what is made until it is `done` (a busy
        disk takes its time), is judged by two clocks."""
        with self.lock:
            for command in self.open:
                command.straddled = True
            self.off_ms = off_ms
            self.jumping = not done

    def _result(self, message):
        result = json.loads(message.payload)
        command = self.by_id.get(result["id"])
        if not command:
            return
        with self.lock:
            if result["reason"] == "id_reused":
                self.reasons["id_reused"] += 1
                return
            command.results.append({**result, "arrived": time.time()})
            self.reasons[result["reason"]] += 1
            if result["outcome"] == "refused" and result["reason"] in ASK_AGAIN:
                command.wanted_at = time.monotonic() + 0.3
                if command.until > time.time():
                    return
            command.wanted_at = float("inf")
            if result["outcome"] in FINAL and not command.asked_later and \
                    self.later_dice.random() < 0.25:
                command.asked_later = True
                wait = self.later_dice.uniform(0.5, LATER_S)
                self.later.append((time.monotonic() + wait, command))
        if result["outcome"] == "done" and not result["repeated"] and command.value % 20 == 0:
            # Somebody takes the id for another value.
            self._publish(command.topic(), command.payload(DECOY + command.value))

    def _publish(self, topic, payload):
        try:
            if self.client.subscribed.is_set():
                self.client.publish(topic, payload)
                return True
        except OSError:
            pass
        return False

    def _send(self, command, again=False):
        command.sent_at = time.monotonic()
        if not self._publish(command.topic(), command.payload()):
            command.wanted_at = command.sent_at + 0.1
            return
        command.sent += 1
        command.wanted_at = command.sent_at + RETRY_S
        if not again and self.dice.random() < 0.1:  # it comes twice
            self._publish(command.topic(), command.payload())

    def _make(self):
        life = -1 if self.dice.random() < 0.03 else self.dice.choice(LIVES_S)
        with self.lock:
            command = Command(len(self.commands) + 1, self.dice.choice(self.outstations),
                              self.dice.choice(CONTROLS)["name"], life, self.off_ms)
            command.straddled = self.jumping
            self.commands.append(command)
            self.by_id[command.id] = command
            self.open.append(command)
        self._send(command)

    def _run(self):
        due = 0
        last = time.monotonic()
        while not self.stopping:
            now = time.monotonic()
            due = min(due + self.rate * (now - last), self.rate)
            last = now
            while due >= 1:
                due -= 1
                self._make()
            self._ask_again(now)
            time.sleep(TICK_S)

    def _ask_again(self, now):
        with self.lock:
            self.open = collections.deque(c for c in self.open if c.wanted_at != float("inf"))
            late = [c for c in self.open if c.wanted_at <= now]
            due = [command for when, command in self.later if when <= now]
            self.later = [entry for entry in self.later if entry[0] > now]
        for command in late:
            self._send(command, again=True)
        for command in due:
            command.until = max(command.until, time.time() + NEW_LIFE_S)
            expires = int((time.time() + NEW_LIFE_S) * 1000) + self.off_ms
            self._publish(command.topic(), command.payload(expires=expires))

    def waits(self):
        """Commands that may be published again."""
        with self.lock:
            return sum(1 for c in self.open if c.wanted_at != float("inf"))

    def close(self):
        self.stopping = True
        if self.thread.is_alive():
            self.thread.join(5)
        self.client.close()
