# SPDX-License-Identifier: Apache-2.0
"""The verdict as a table, for a terminal and for the README."""

import sys

from spoil import generation_of

MARK, END_MARK = "<!-- faults -->", "<!-- /faults -->"
SHOWN = 12


def unexplained(verdict):
    """The missing events that no damaged spool accounts for."""
    missing = verdict["missing"]
    excused = {event for damage in verdict["damages"] for event in damage.excuses(missing)}
    return [event for event in missing if event not in excused]


def disordered(verdict):
    """What came after a later one of its point, but for what a damaged spool took before its
    outstation was rid of it: that is repeated, and the later ones may have been saved."""
    destroyed = {event for damage in verdict["damages"] for event in damage.destroyed}
    return [late for late in verdict["disorder"]
            if (late[0], *generation_of(late[1])) not in destroyed]


def rows(verdict):
    events, controls = verdict["events"], verdict["controls"]
    lost = len(unexplained(verdict))
    yield "events made by outstations", verdict["made"]
    yield "events that arrived", events.get("events", 0)
    yield "gone with an outstation that was killed, and never confirmed", \
        max(0, verdict["made"] - events.get("events", 0) - len(verdict["missing"]))
    yield "**lost**", lost
    yield "lost with a spool that was damaged on purpose, and told so", \
        len(verdict["missing"]) - lost
    yield "… of so many that lay in the octets that were destroyed", \
        sum(len(damage.destroyed) for damage in verdict["damages"])
    yield "**out of order for their point**", len(disordered(verdict))
    yield "… repeated by an outstation, for the spool was damaged", \
        len(verdict["disorder"]) - len(disordered(verdict))
    yield "**retained, and not the last of its topic; or not retained**", len(verdict["retained"])
    yield "twice with the same `id`: sent again by MQTT or from the spool", \
        events.get("twice, same id", 0)
    yield "twice with a new `id`: repeated by an outstation", events.get("twice, new id", 0)
    yield "**controls**", controls.get("controls", 0)
    for outcome in ("done", "refused", "failed", "unknown"):
        yield f"… `{outcome}`", controls.get(f"outcome {outcome}", 0)
    yield "… asked again with the same `id`", controls.get("asked again", 0)
    yield "… asked again although there was a result", controls.get("asked later", 0)
    yield "**operated twice**", controls.get("operated twice", 0)
    yield "**operated after it was answered for**", \
        controls.get("operated after an answer", 0)
    yield "**operated after expiry**", controls.get("operated after expiry", 0)
    yield "**without a result**", controls.get("without a result", 0)
    yield "**operated though nobody asked**", controls.get("operated unasked", 0)
    yield "**faults**", sum(verdict["faults"].values())
    for kind, count in sorted(verdict["faults"].items()):
        yield f"… {kind}", count
    yield "most memory of the gateway, KB, its spool's mapped file included", verdict["rss_kb"]


def lines(verdict):
    found = [(what, f"{count:,}") for what, count in rows(verdict)]
    wide = max(len(what) for what, _ in found)
    yield f"| {'':{wide}} | {'count':>9} |"
    yield f"|{'-' * (wide + 2)}|{'-' * 10}:|"
    for what, count in found:
        yield f"| {what:{wide}} | {count:>9} |"


def problems(verdict):
    """Sentences; none when all is well."""
    for failure in verdict["failures"]:
        yield f"the campaign itself: {failure}"
    lost = unexplained(verdict)
    if lost:
        yield f"{len(lost)} events lost: {lost[:SHOWN]}"
    if verdict["retained"]:
        yield f"retained is older than what came, or nothing: {verdict['retained'][:SHOWN]}"
    disorder = disordered(verdict)
    if disorder:
        yield f"{len(disorder)} events out of order: {disorder[:SHOWN]}"
    yield from verdict["wrong"][:SHOWN]
    for name, code in verdict["died"]:
        if name != "gateway" or code not in (0, 1):
            yield f"{name} ended by itself with {code}"


def put_into(path, text):
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(MARK)
    _, _, after = rest.partition(END_MARK)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{MARK}\n{text}\n{END_MARK}{after}")


def report(verdict, chosen):
    """Prints, and gives the exit code."""
    text = "\n".join(lines(verdict))
    print(text)
    print(f"latest operation {verdict['latest_s']:.3f} s after it expired; "
          f"results by reason: {verdict['reasons']}")
    for damage in verdict["damages"]:
        print(f"spool damaged, {damage}")
    if chosen.readme:
        put_into(chosen.readme, text)
    wrong = list(problems(verdict))
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    print(f"0 passed, {len(wrong)} failed" if wrong else "1 passed, 0 failed", flush=True)
    if wrong:
        print(f"again: tests/faults/run --seed {chosen.seed} --seconds {chosen.seconds} "
              f"--gap {chosen.gap} --rate {chosen.rate}", file=sys.stderr)
    return 1 if wrong else 0
