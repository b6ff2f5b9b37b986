# SPDX-License-Identifier: Apache-2.0
"""The campaign notices what it is for: the test of the test."""

import unittest

from program import campaign, count


class Notices(unittest.TestCase):
    def test_confirming_what_is_only_received_loses(self):
        code, text = campaign("--seconds", "12", "--gap", "1", "--rate", "400", "--confirm",
                              "received", "--kinds", "gateway killed", "broker hangs")
        self.assertEqual(code, 1, text)
        self.assertGreater(count(text, "**lost**"), 0)
        self.assertNotIn("the campaign itself", text)

    def test_without_a_durable_ledger_controls_operate_twice(self):
        code, text = campaign("--seconds", "25", "--gap", "0.4", "--rate", "200", "--controls",
                              "30", "--no-spool", "--kinds", "gateway killed", "line delays")
        self.assertEqual(code, 1, text)
        self.assertGreater(count(text, "**operated twice**"), 0)
        self.assertEqual(count(text, "**lost**"), 0)
        self.assertNotIn("the campaign itself", text)


if __name__ == "__main__":
    unittest.main()
