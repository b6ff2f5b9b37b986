# SPDX-License-Identifier: Apache-2.0
"""Numbered events flow and controls are sent while everything is broken on purpose (breaks.py); then
what came is counted."""

import signal
import threading
import time

from breaks import FENCE_S, Breaks, plan
from commander import Commander
from mqtt_client import Client
from verdict import Arrivals, judge_controls, judge_retained

PEER_S = 0.8  # between the third party's events
PEER_BEHIND = 900  # its buffers hold 1,000 of each type: no more until what is there has come
PATIENCE_S = 45  # without any change, once all faults are over
LOST_S = 5  # with every event confirmed


class Campaign:
    def __init__(self, field, seed, seconds, gap_s=0.8, controls=12, kinds=None, say=print):
        self.field, self.seconds, self.say = field, seconds, say
        self.faults = plan(seed, seconds, gap_s, sorted(field.groups), sorted(field.lines), kinds)
        self.breaks = Breaks(self)
        self.arrivals = Arrivals()
        self.subscriber = None
        self.fences = set()
        self.fenced = threading.Condition()
        self.seed, self.controls = seed, controls
        self.commander = None
        self.wall_minus_steady = time.time() - time.monotonic()
        self.stale = []
        self.began = 0

    # The subscriber.

    def subscribe(self):
        self.subscriber = Client(self.field.broker_port, "historian",
                                 ["dnp3/+/+/point/#", "fence/#", "flood/#"],
                                 on_message=self._take, keep=False).wait_subscribed()

    def _take(self, message):
        if message.topic.startswith("fence/"):
            with self.fenced:
                self.fences.add(message.topic)
                self.fenced.notify_all()
        elif message.topic.startswith("dnp3/"):
            self.arrivals.take(message)

    def fence(self):
        """All that the broker had for the subscriber is there: what mosquitto keeps in memory only
        may be lost now."""
        topic = f"fence/{time.monotonic()}"
        self.subscriber.wait_subscribed(FENCE_S)
        self.subscriber.publish(topic, "")
        with self.fenced:
            if not self.fenced.wait_for(lambda: topic in self.fences, FENCE_S):
                raise AssertionError("the subscriber does not come after the broker")

    # The campaign.

    def _begin(self):
        field = self.field
        field.start("broker")
        self.subscribe()
        for name in field.groups:
            field.start(name)
        field.start("gateway")
        self.commander = Commander(field.broker_port, field.outstations(), self.controls, self.seed)
        self.began = time.monotonic()

    def _elapsed(self):
        return time.monotonic() - self.began

    def _keep_running(self, faults):
        """The peer is told of events, who ended is started; false when it is over."""
        peer_due = told = 0
        while self._elapsed() < self.seconds and not self.breaks.failures:
            while faults and faults[0][0] <= self._elapsed():
                threading.Thread(target=self.breaks.run, name="fault",
                                 args=(faults.pop(0),), daemon=True).start()
            self._supervise()
            peer = self.field.peer
            if peer and self._elapsed() >= peer_due:
                peer_due = self._elapsed() + PEER_S
                if self.arrivals.behind(peer) < PEER_BEHIND:
                    peer.update()
            if self._elapsed() - told >= 30:
                told = self._elapsed()
                self.say(f"  {told:4.0f} s  {self.arrivals.total():9,} events, "
                         f"{sum(self.breaks.done.values()):4} faults, "
                         f"{len(self.commander.commands):6,} controls")
            time.sleep(0.02)

    def _supervise(self):
        gateway = self.field.processes.get("gateway")
        if gateway and gateway.poll() is not None:
            self.field.supervise()

    def _unconfirmed(self, tallies):
        """Events that the simulators that run still have."""
        last = self.field.generation
        return sum(made - confirmed for (name, _, _, generation), (made, confirmed)
                   in tallies.items() if generation == last.get(name.rsplit("-", 1)[0]))

    def _drain(self):
        for name in self.field.groups:
            self.field.signal(name, signal.SIGUSR2)
        self.commander.rate = 0
        before, quiet = None, 0
        while quiet < PATIENCE_S:
            self._supervise()
            tallies = self.field.tallies()
            left = self._unconfirmed(tallies)
            lost = len(self.arrivals.missing(tallies))
            waits = self.commander.waits()
            if not left and not lost and not waits:
                break
            state = left, lost, waits, self.arrivals.total()
            quiet = quiet + 0.5 if state == before else 0
            if not left and not waits and quiet >= LOST_S:
                break
            before = state
            time.sleep(0.5)
        time.sleep(1)  # for what should not come any more
        self.stale = judge_retained(self.field.broker_port, self.arrivals,
                                    self.field.outstations())

    def run(self):
        """Returns the verdict."""
        faults = list(self.faults)
        self._begin()
        self.commander.start()
        self._keep_running(faults)
        while any(thread.name == "fault" for thread in threading.enumerate()):
            time.sleep(0.1)
        if not self.breaks.failures:
            self._drain()
        self.field.weigh("gateway", self.field.processes["gateway"])
        self.commander.close()
        self.subscriber.close()
        return self.verdict()

    def verdict(self):
        field = self.field
        tallies = field.tallies()
        counts, wrong, latest = judge_controls(field, self.commander.commands,
                                               self.wall_minus_steady)
        return {
            "events": dict(self.arrivals.counts), "missing": self.arrivals.missing(tallies),
            "disorder": self.arrivals.disorder, "faults": dict(self.breaks.done),
            "made": sum(made for made, _ in tallies.values()),
            "confirmed": sum(confirmed for _, confirmed in tallies.values()),
            "damages": self.breaks.damages, "retained": self.stale,
            "controls": dict(counts), "wrong": wrong, "latest_s": latest,
            "reasons": dict(self.commander.reasons), "rss_kb": field.rss_kb,
            "died": field.died, "failures": self.breaks.failures, "seconds": self._elapsed()}
