# SPDX-License-Identifier: Apache-2.0
"""The short form of the fault campaign."""

import unittest

from program import campaign, count


class Faults(unittest.TestCase):
    def test_short(self):
        code, text = campaign("--short", "--rate", "400")
        print(text)
        self.assertEqual(code, 0, text)
        self.assertEqual(count(text, "**lost**"), 0)
        self.assertGreater(count(text, "events that arrived"), 10000)
        self.assertGreater(count(text, "**faults**"), 60)
        self.assertGreater(count(text, "**controls**"), 400)


if __name__ == "__main__":
    unittest.main()
