# SPDX-License-Identifier: Apache-2.0
"""The column "yadnp3" of dnp3/README.md says what the tests of this folder pass between the stacks,
no more and no less."""

import os
import re
import unittest

import test_library_master
import test_master
import test_master_functions

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dnp3", "README.md")

# What the tests do besides reading points: by group the variations, in whose name it says.
MASTER = {12: (1,),           # test_every_operation
          41: (1, 2, 3, 4),   # the same
          50: (1, 3, 4),      # test_time; the gateway's integrity read has a time
          52: (1, 2),         # test_restarts: a coarse delay, a fine one
          60: (1, 2, 3, 4), 80: (1,), 110: ()}
OUTSTATION = {12: (1,), 41: (1, 2, 3, 4),  # test_every_operation
              34: (1, 2, 3),               # test_dead_bands
              50: (1, 3),                  # test_time_sync, test_time_without_lan
              52: (2,), 60: (1, 2, 3, 4), 80: (1,), 110: (), 111: ()}


def spoken():
    master, outstation = dict(MASTER), dict(OUTSTATION)
    for group, (_, _, static, event_group, events) in test_library_master.OBJECTS.items():
        master[group], master[event_group] = static, events
    for group, (_, variations, _) in test_master.STATICS.items():
        outstation[group] = variations
    for group, (_, variations) in test_master_functions.EVENTS.items():
        outstation[group] = variations
    return {"m": master, "o": outstation}


def cell(group):
    """As the table says it: "m 1..2; o 1, 3"; octet strings have a variation a length."""
    said = []
    for side, groups in spoken().items():
        variations = groups.get(group)
        if variations is None:
            continue
        run = len(variations) > 1 and variations == tuple(range(variations[0], variations[-1] + 1))
        text = f"{variations[0]}..{variations[-1]}" if run else ", ".join(map(str, variations))
        said.append(f"{side} {text}".strip())
    return "; ".join(said)


class Referees(unittest.TestCase):
    def test_column(self):
        with open(README, encoding="utf-8") as file:
            rows = re.findall(r"^\| (\d+) [^|]*\|(.*)\|$", file.read(), re.MULTILINE)
        table = {int(group): cells.split("|") for group, cells in rows
                 if len(cells.split("|")) == 6}
        self.assertGreater(len(table), 25)
        told = {group: cells[4].strip() for group, cells in table.items()}
        self.assertEqual(told, {group: cell(group) for group in table})
        for groups in spoken().values():
            self.assertLessEqual(set(groups), set(table))


if __name__ == "__main__":
    unittest.main()
