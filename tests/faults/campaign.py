# SPDX-License-Identifier: Apache-2.0
"""Breaks everything on purpose while numbered events flow and controls are sent. What happens when
is decided by the seed before it begins."""

import collections
import errno
import random
import re
import signal
import threading
import time

from commander import Commander
from mqtt_client import Client
from verdict import Arrivals, judge_controls

SETTLE_S = 3  # before the first fault
PEER_S = 0.8  # between the third party's events
PEER_BEHIND = 4000  # its buffers hold 1,000 of each type: no more until what is there has come
PATIENCE_S = 45  # without any change, once all faults are over
LOST_S = 5  # with every event confirmed
FENCE_S = 10

# What is broken, how long (at least, at most), how often beside the others, what it needs for
# itself meanwhile. `line` stands for an outstation's line, `sim` for a simulator.
FAULTS = {
    "gateway killed": ("gateway", 0, 1.0, 6, ()),
    "gateway stopped": ("gateway", 0, 1.0, 2, ()),
    "gateway hangs": ("gateway", 0.1, 3, 3, ()),
    "broker killed": ("broker", 0, 1.5, 5, ("subscriber", "mqtt")),
    "broker stopped": ("broker", 0.1, 3, 3, ("subscriber", "mqtt")),
    "broker hangs": ("broker", 0.1, 4, 4, ()),
    "outstations killed": ("sim", 0, 1.5, 4, ()),
    "outstations hang": ("sim", 0.2, 4, 4, ()),
    "line cut": ("line", 0, 2, 8, ()),
    "line reset": ("line", 0, 0, 6, ()),
    "line half closed": ("line", 0, 0, 6, ()),
    "line truncates": ("line", 0, 1, 6, ()),
    "line stalls": ("line", 0.2, 4, 8, ()),
    "line delays": ("line", 0.5, 5, 6, ()),
    "line drops": ("line", 0.5, 4, 6, ()),
    "line swallows": ("line", 0.2, 4, 6, ()),
    "line damages": ("line", 0.5, 4, 4, ()),
    "broker's line cut": ("mqtt", 0, 2, 5, ("broker",)),
    "broker's line reset": ("mqtt", 0, 0, 4, ()),
    "broker's line half closed": ("mqtt", 0, 0, 4, ()),
    "broker's line truncates": ("mqtt", 0, 1, 4, ()),
    "broker's line stalls": ("mqtt", 0.2, 5, 5, ()),
    "broker's line delays": ("mqtt", 0.5, 4, 4, ()),
    "broker's line swallows": ("mqtt", 0.2, 4, 4, ()),
    "disk full": ("disk", 1, 4, 4, ()),
    "disk read-only": ("disk", 0.5, 4, 3, ()),
    "disk fails": ("disk", 0.2, 2, 3, ()),
    "disk slow": ("disk", 1, 6, 4, ()),
    "spool damaged": ("disk", 0, 0.5, 1, ("gateway", "controls")),
    "clock jumps": ("clock", 1, 6, 4, ()),
    "subscriber away": ("subscriber", 0.2, 3, 3, ("broker",)),
    "subscriber flooded": ("subscriber", 0.5, 2, 3, ("broker",)),
}
REST_S = {"gateway": 2.5, "broker": 1.5, "sim": 3, "line": 2, "mqtt": 1.5, "disk": 1,
          "clock": 1, "subscriber": 1}


def plan(seed, seconds, gap_s, sims, lines, kinds=None):
    """[(at, kind, target, how long, dice of its own)], all of it from the seed. Something that is
    broken is left alone until it has had a rest."""
    dice = random.Random(f"{seed} faults")
    kinds = {kind: FAULTS[kind] for kind in kinds or FAULTS}
    names, weights = list(kinds), [fault[3] for fault in kinds.values()]
    free_at = collections.defaultdict(float)
    now, faults = SETTLE_S, []
    while now < seconds:
        kind = dice.choices(names, weights)[0]
        what, least, most, _, needs = kinds[kind]
        target = dice.choice(sims if what == "sim" else lines) if what in ("sim", "line") else what
        lasts = dice.uniform(least, most)
        if now + lasts < seconds and all(free_at[name] <= now for name in (target, *needs)):
            for name in (target, *needs):
                free_at[name] = now + lasts + REST_S.get(name, REST_S[what])
            faults.append((now, kind, target, lasts, dice.random()))
            now += dice.expovariate(1 / gap_s)
        else:
            now += 0.01
    return faults


class Campaign:
    def __init__(self, field, seed, seconds, gap_s=0.8, controls=12, kinds=None, say=print):
        self.field, self.seconds, self.say = field, seconds, say
        self.faults = plan(seed, seconds, gap_s, sorted(field.groups), sorted(field.lines), kinds)
        self.done = collections.Counter()
        self.arrivals = Arrivals()
        self.subscriber = None
        self.fences = set()
        self.fenced = threading.Condition()
        self.seed, self.controls = seed, controls
        self.commander = None
        self.wall_minus_steady = time.time() - time.monotonic()
        self.failures = []
        self.began = 0

    # The subscriber.

    def _subscribe(self):
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

    # Faults: each is a function of its target, its length and a number between 0 and 1. What it
    # returns is called when the time is over.

    def _gateway(self, kind, _target, lasts, _dice):
        field = self.field
        if kind == "gateway hangs":
            field.signal("gateway", signal.SIGSTOP)
            return lambda: field.signal("gateway", signal.SIGCONT)
        field.stop("gateway", kill=kind == "gateway killed")
        return lambda: field.start("gateway")

    def _broker(self, kind, _target, _lasts, _dice):
        field = self.field
        if kind == "broker hangs":
            field.signal("broker", signal.SIGSTOP)
            return lambda: field.signal("broker", signal.SIGCONT)
        self.fence()
        field.stop("broker", kill=kind == "broker killed")

        def again():
            field.start("broker")
            self.subscriber.wait_subscribed(FENCE_S)
        return again

    def _sim(self, kind, target, _lasts, _dice):
        field = self.field
        if kind == "outstations hang":
            began = time.monotonic()
            field.signal(target, signal.SIGSTOP)

            def go_on():
                field.signal(target, signal.SIGCONT)
                for name in field.groups[target].names:
                    field.line_of(name).holds.append((began, time.monotonic()))
            return go_on
        field.stop(target, kill=True)
        return lambda: field.start(target)

    def _line(self, kind, target, lasts, dice):
        line = self.field.mqtt if target == "mqtt" else self.field.lines[target]
        how = kind.rsplit(" ", 1)[1] if kind.split()[-1] != "closed" else "closed"
        stream = hasattr(line, "cut")
        if how == "cut":
            down, up = (line.down, line.up) if stream else \
                (line.unplug, line.plug) if hasattr(line, "plug") else \
                (lambda: line.change(swallows=True), line.calm)
            down()
            return up
        if how in ("reset", "closed") and stream:
            if how == "reset":
                line.cut(reset=True)
            else:
                line.half_close(int(dice * 2))
        elif how == "truncates" and stream:
            line.change(cuts_after=int(dice * 400))
        elif how == "stalls":
            line.change(held_until=time.monotonic() + lasts)
        elif how == "delays":
            line.change(delay_s=0.02 + dice * 0.4)
        elif how == "drops":
            line.change(drops=0.05 + dice * 0.3)
        elif how == "damages":
            line.change(damages=0.05 + dice * 0.3)
        else:  # a datagram, a serial line: it is just gone for a while
            line.change(swallows=True)

        def end():
            line.calm()
            if how == "swallows" and target == "mqtt":
                line.cut()  # nobody could make sense of what follows
        return end

    _mqtt = _line

    def _disk(self, kind, _target, _lasts, dice):
        field = self.field
        if kind == "spool damaged":
            return self._damage(dice)
        if kind == "disk full":
            if field.disk.own:
                field.disk.fill()
                return field.disk.free
            field.tell_disk(0, errno.ENOSPC)
        elif kind == "disk read-only":
            field.tell_disk(0, errno.EROFS)
        elif kind == "disk fails":
            field.tell_disk(5, errno.EIO)
        else:
            field.tell_disk(int(10 + dice * 200), 0)
        return lambda: field.tell_disk(0, 0)

    def _damage(self, dice):
        """The tail of the spool's file is overwritten or cut off while nobody has it. Commands are
        finished first: what it knew of them is gone as well."""
        field, commander = self.field, self.commander
        commander.paused = True
        deadline = time.monotonic() + FENCE_S
        while commander.waits() and time.monotonic() < deadline:
            time.sleep(0.05)
        field.stop("gateway", kill=True)
        try:
            with open(field.path("disk", "spool", "spool.mdb"), "r+b") as file:
                size = file.seek(0, 2)
                at = int(size * (0.5 + dice / 2)) // 4096 * 4096
                if int(dice * 1000) % 2:
                    file.truncate(at)
                else:
                    file.seek(at)
                    file.write(random.Random(dice).randbytes(4096))
        except FileNotFoundError:
            pass

        def again():
            field.start("gateway")
            commander.paused = False
        return again

    def _clock(self, _kind, _target, _lasts, dice):
        off_ms = int((3, 60, 3600, -3, -60, -3600)[int(dice * 6)] * 1000)

        def jump(off):
            self.commander.clock_jumps(off, done=False)
            self.field.set_clock(off)
            self.commander.clock_jumps(off, done=True)
        jump(off_ms)
        return lambda: jump(0)

    def _subscriber(self, kind, _target, lasts, _dice):
        if kind == "subscriber away":
            self.subscriber.close()
            return self._subscribe
        until = time.monotonic() + lasts
        flooder = Client(self.field.broker_port, "flooder", keep=False).wait_subscribed()

        def flood():
            try:
                while time.monotonic() < until:
                    for number in range(20):
                        flooder.publish(f"flood/{number}", "x" * 1000)
                    time.sleep(0.005)
            except OSError:
                pass
        thread = threading.Thread(target=flood, daemon=True)
        thread.start()

        def end():
            thread.join(5)
            flooder.close()
        return end

    def _break(self, fault):
        _, kind, target, lasts, dice = fault
        try:
            mend = getattr(self, "_" + FAULTS[kind][0])(kind, target, lasts, dice)
            self.done[kind] += 1
            time.sleep(lasts)
            if mend:
                mend()
        except Exception as error:  # the campaign ends, and says which fault it was
            self.failures.append(f"{kind} of {target}: {error!r}")

    # The campaign.

    def _begin(self):
        field = self.field
        field.start("broker")
        self._subscribe()
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
        while self._elapsed() < self.seconds and not self.failures:
            while faults and faults[0][0] <= self._elapsed():
                threading.Thread(target=self._break, args=(faults.pop(0),), daemon=True).start()
            self._supervise()
            peer = self.field.peer
            if peer and self._elapsed() >= peer_due:
                peer_due = self._elapsed() + PEER_S
                if peer.made() - self._arrived_of_peer() < PEER_BEHIND:
                    peer.update()
            if self._elapsed() - told >= 30:
                told = self._elapsed()
                self.say(f"  {told:4.0f} s  {self.arrivals.total():9,} events, "
                         f"{sum(self.done.values()):4} faults, "
                         f"{len(self.commander.commands):6,} controls")
            time.sleep(0.02)

    def _supervise(self):
        gateway = self.field.processes.get("gateway")
        if gateway and gateway.poll() is not None:
            self.field.supervise()

    def _arrived_of_peer(self):
        with self.arrivals.lock:
            return sum(len(seen) for point, seen in self.arrivals.points.items()
                       if point[0] == "peer")

    def _unconfirmed(self, tallies):
        """Events that the simulators that run still have."""
        last = self.field.generation
        return sum(made - confirmed for (name, _, _, generation), (made, confirmed)
                   in tallies.items() if generation == last[name.rsplit("-", 1)[0]])

    def _drain(self):
        for name in self.field.groups:
            self.field.signal(name, signal.SIGUSR2)
        self.commander.rate = 0
        before, quiet = None, 0
        while quiet < PATIENCE_S:
            self._supervise()
            tallies = self.field.tallies()
            left = self._unconfirmed(tallies)
            lost = len(self.arrivals.missing(tallies, self.field.peer))
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

    def run(self):
        """Returns the verdict."""
        faults = list(self.faults)
        self._begin()
        self.commander.start()
        self._keep_running(faults)
        while threading.active_count() > 1 and any(
                t.name.endswith("(_break)") for t in threading.enumerate()):
            time.sleep(0.1)
        if not self.failures:
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
        explained = [(int(lost), bool(least)) for least, lost in
                     re.findall(r"taken over, (at least )?(\d+) lost", field.log("gateway"))]
        return {
            "events": dict(self.arrivals.counts), "missing": self.arrivals.missing(
                tallies, field.peer),
            "disorder": self.arrivals.disorder, "faults": dict(self.done),
            "made": sum(made for made, _ in tallies.values()) +
            (field.peer.made() if field.peer else 0),
            "confirmed": sum(confirmed for _, confirmed in tallies.values()),
            "damage": explained, "controls": dict(counts), "wrong": wrong, "latest_s": latest,
            "reasons": dict(self.commander.reasons), "rss_kb": field.rss_kb,
            "died": field.died, "failures": self.failures, "seconds": self._elapsed()}
