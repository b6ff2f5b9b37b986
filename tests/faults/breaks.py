# SPDX-License-Identifier: Apache-2.0
"""What is broken, when, and how. What happens when is decided by the seed before it begins."""

import collections
import errno
import random
import signal
import threading
import time

from mqtt_client import Client
from spoil import Damage

SETTLE_S = 3  # before the first fault
FENCE_S = 10
BACKLOG_S = 1  # without a broker, so that the spool holds something
START_S = 30  # a gateway that looks through a damaged spool
TRAP_S = 1.5  # for a control to pass by
SELECT, OPERATE, DIRECT_OPERATE = 3, 4, 5
DAY_MS = 86400000

# What is broken, how long (at least, at most), how often beside the others, what it needs for
# itself meanwhile. `line` stands for an outstation's line, `sim` for a simulator, `peer` for the
# third party's outstation.
FAULTS = {
    "gateway killed": ("gateway", 0, 1.0, 6, ()),
    "gateway stopped": ("gateway", 0, 1.0, 2, ()),
    "gateway hangs": ("gateway", 0.1, 3, 3, ()),
    "gateway killed between SELECT and OPERATE": ("gateway", 0.5, 1.5, 4, ()),
    "gateway killed at OPERATE": ("gateway", 0.5, 1.5, 4, ()),
    "second gateway on the spool": ("gateway", 0, 0, 1, ("disk",)),
    "broker killed": ("broker", 0, 1.5, 5, ("subscriber", "mqtt")),
    "broker stopped": ("broker", 0.1, 3, 3, ("subscriber", "mqtt")),
    "broker forgets everything": ("broker", 0, 1.5, 3, ("subscriber", "mqtt")),
    "broker hangs": ("broker", 0.1, 4, 4, ()),
    "outstations killed": ("sim", 0, 1.5, 4, ()),
    "outstations hang": ("sim", 0.2, 4, 4, ()),
    "third party's outstation killed": ("peer", 0, 1.5, 3, ()),
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
    "disk fails now and then": ("disk", 0.5, 4, 3, ()),
    "disk slow": ("disk", 1, 6, 4, ()),
    "spool damaged": ("disk", 5.5, 6, 3, ("gateway", "mqtt", "broker", "clock")),
    "clock jumps": ("clock", 1, 6, 3, ()),
    "clock jumps by days": ("clock", 1, 6, 3, ()),
    "clock falls back to 1970": ("clock", 1, 4, 2, ()),
    "subscriber away": ("subscriber", 0.2, 3, 3, ("broker",)),
    "subscriber flooded": ("subscriber", 0.5, 2, 3, ("broker",)),
}
REST_S = {"gateway": 2.5, "broker": 1.5, "sim": 3, "line": 2, "mqtt": 1.5, "disk": 1,
          "clock": 1, "subscriber": 1, "peer": 3}
RESTS_S = {"spool damaged": 8}  # the gateway may take its time at the start
# What needs so much that chance would hardly find it free: once in so many seconds, planned first.
EACH_S = {"spool damaged": 75, "second gateway on the spool": 100}


class Calendar:
    """What is broken when, so that what is broken is left alone until it has had a rest."""

    def __init__(self):
        self.taken = collections.defaultdict(list)  # name -> [(from, until)]

    def enter(self, at, kind, target, lasts):
        """False where somebody else has what it needs."""
        what, _, _, _, needs = FAULTS[kind]
        names = {name: at + lasts + RESTS_S.get(kind, REST_S.get(name, REST_S[what]))
                 for name in (target, *needs)}
        if any(begin < until and at < end for name, until in names.items()
               for begin, end in self.taken[name]):
            return False
        for name, until in names.items():
            self.taken[name].append((at, until))
        return True


def plan(seed, seconds, gap_s, sims, lines, kinds=None):
    """[(at, kind, target, how long, dice of its own)], all of it from the seed."""
    dice = random.Random(f"{seed} faults")
    kinds = {kind: FAULTS[kind] for kind in kinds or FAULTS
             if FAULTS[kind][0] != "peer" or "peer" in lines}
    calendar, faults = Calendar(), []

    def try_at(at, kind):
        what, least, most, _, _ = kinds[kind]
        target = dice.choice(sims if what == "sim" else lines) if what in ("sim", "line") else what
        lasts = dice.uniform(least, most)
        if at + lasts >= seconds or not calendar.enter(at, kind, target, lasts):
            return False
        faults.append((at, kind, target, lasts, dice.random()))
        return True

    for kind in [kind for kind in EACH_S if kind in kinds]:
        for begin in range(0, seconds, EACH_S[kind]):
            until = min(begin + EACH_S[kind], seconds)
            any(try_at(dice.uniform(max(begin, SETTLE_S), until), kind) for _ in range(10))
    names = [kind for kind in kinds if kind not in EACH_S]
    weights = [kinds[kind][3] for kind in names]
    now = SETTLE_S
    while names and now < seconds:
        now += dice.expovariate(1 / gap_s) if try_at(now, dice.choices(names, weights)[0]) else 0.01
    return sorted(faults)


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


class Breaks:
    """Faults: each is a function of its kind, its target, its length and a number between 0 and 1.
    What it returns is called when the time is over; False: nothing could be broken. `site` is the
    campaign, whose field, subscriber and commander they work on."""

    def __init__(self, site):
        self.site, self.field = site, site.field
        self.done = collections.Counter()
        self.damages = []
        self.failures = []

    def _gateway(self, kind, _target, lasts, _dice):
        field = self.field
        if kind == "gateway hangs":
            field.signal("gateway", signal.SIGSTOP)
            return lambda: field.signal("gateway", signal.SIGCONT)
        if kind == "second gateway on the spool":
            return self._second_gateway()
        if kind == "gateway killed between SELECT and OPERATE":
            return self._kill_within_control((SELECT,))
        if kind == "gateway killed at OPERATE":
            return self._kill_within_control((OPERATE, DIRECT_OPERATE))
        field.stop("gateway", kill=kind == "gateway killed")
        return lambda: field.start("gateway")

    def _kill_within_control(self, functions):
        """At the moment at which a request of such a function leaves it. The outstation gets that
        request, and its answer finds nobody."""
        field = self.field
        gateway = field.take("gateway")
        sprung = threading.Event()

        def kill():
            gateway.kill()
            sprung.set()
        lines = [line for line in field.lines.values() if hasattr(line, "cut")]
        for line in lines:
            line.set_trap(functions, kill)
        was_sprung = sprung.wait(TRAP_S)
        for line in lines:
            line.set_trap((), None)
        field.hub.settle()
        if not was_sprung and not sprung.is_set():
            field.processes["gateway"] = gateway
            return False
        field.end("gateway", gateway)
        return lambda: field.start("gateway")

    def _second_gateway(self):
        """It must end by itself, and leave the first one alone."""
        field = self.field
        if not field.has_spool:
            return False
        wait_until(lambda: field.spool_holder() == field.processes["gateway"].pid, START_S,
                   "the first gateway to have its spool")
        code, said = field.run_second_gateway()
        if code != 1 or f"process {field.processes['gateway'].pid} has" not in said:
            raise AssertionError(f"a second gateway on the spool ended with {code}: {said[-300:]}")
        return None

    def _broker(self, kind, _target, _lasts, _dice):
        field = self.field
        if kind == "broker hangs":
            field.signal("broker", signal.SIGSTOP)
            return lambda: field.signal("broker", signal.SIGCONT)
        self.site.fence()
        field.stop("broker", kill=kind != "broker stopped")
        if kind == "broker forgets everything":
            return self._forget()

        def again():
            field.start("broker")
            self.site.subscriber.wait_subscribed(FENCE_S)
        return again

    def _forget(self):
        """Its file is gone: no sessions, nothing retained. The gateway finds it again once they are
        there who are to hear it."""
        clients = self.site.subscriber, self.site.commander.client
        for client in clients:
            wait_until(lambda c=client: not c.subscribed.is_set(), FENCE_S, "a client to notice")
        self.field.mqtt.down()
        self.field.forget_broker()

        def again():
            self.field.start("broker")
            for client in clients:
                client.wait_subscribed(FENCE_S)
            self.field.mqtt.up()
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

    def _peer(self, _kind, _target, _lasts, _dice):
        self.field.peer.kill()
        return self.field.peer.start

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
        elif kind == "disk fails now and then":
            field.tell_disk(5, errno.EIO, every=2 + int(dice * 4))
        else:
            field.tell_disk(int(10 + dice * 200), 0)
        return lambda: field.tell_disk(0, 0)

    def _damage(self, dice):
        """The spool's file while nobody has it, after events went there and nowhere else. It is
        long before the next start, so that confirms that were under way have come to their ends."""
        field = self.field
        if not field.has_spool:
            return False
        field.mqtt.down()
        time.sleep(BACKLOG_S)
        field.stop("gateway", kill=True)
        damage = Damage(field.path("disk", "spool", "spool.mdb"), field.tool("spool_list"),
                        field.path("spool.copy"), dice)
        self.damages.append(damage)

        def again():
            field.mqtt.up()
            before = len(field.log("gateway"))
            damage.confirmed = field.tallies()
            field.start("gateway")
            wait_until(lambda: " outstations on " in field.log("gateway")[before:], START_S,
                       "the gateway to start on a damaged spool")
            damage.hear(field.log("gateway")[before:])
        return again

    def _clock(self, kind, _target, _lasts, dice):
        if kind == "clock jumps by days":
            off_ms = (2, 8, 30, -2, -8, -30)[int(dice * 6)] * DAY_MS
        elif kind == "clock falls back to 1970":
            off_ms = int(dice * DAY_MS - time.time() * 1000)
        else:
            off_ms = (3, 60, 3600, -3, -60, -3600)[int(dice * 6)] * 1000

        def jump(off):
            self.site.commander.clock_jumps(off, done=False)
            self.field.set_clock(off)
            self.site.commander.clock_jumps(off, done=True)
        jump(off_ms)
        return lambda: jump(0)

    def _subscriber(self, kind, _target, lasts, _dice):
        if kind == "subscriber away":
            self.site.subscriber.close()
            return self.site.subscribe
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

    def run(self, fault):
        _, kind, target, lasts, dice = fault
        try:
            mend = getattr(self, "_" + FAULTS[kind][0])(kind, target, lasts, dice)
            self.done[kind] += mend is not False
            if mend:
                time.sleep(lasts)
                mend()
        except Exception as error:  # the campaign ends, and says which fault it was
            self.failures.append(f"{kind} of {target}: {error!r}")
