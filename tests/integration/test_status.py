# SPDX-License-Identifier: Apache-2.0
"""Why is 17 off-line? Each thing that goes wrong in the field has its reason on the status topic,
and the other outstations go on."""

import json
import os
import subprocess
import time
import unittest

import dnp3_peer
from field_site import BIN, Site

QUICK = {"response_timeout_s": 0.5, "keep_alive_s": 5}


class Status(unittest.TestCase):
    def site(self, behave=None, **options):
        site = Site(self, outstations=2, profile=QUICK, **options)
        site.start_broker()
        client = site.client()
        site.config["outstations"][0]["enabled"] = True
        if behave:
            dnp3_peer.Peer(self, site.ports[0], behave)
        return site, client

    def expect(self, behave, state, reason, detail=None):
        """device-0 misbehaves; device-1 is a simulated one and works."""
        site, client = self.site(behave)
        sim = json.loads(json.dumps(site.config))
        sim["outstations"] = sim["outstations"][1:]
        site.write("sim.json", sim)
        site.children.start("sim", [os.path.join(BIN, "dnp3-sim"), "-c", site.path("sim.json")])
        site.start_gateway()
        status = site.wait_state(client, "device-0", state, reason)
        if detail:
            self.assertIn(detail, status["detail"])
        self.assertTrue(status["detail"], "every reason says what to try")
        self.assertIn(f"{reason}", site.log("gateway"))
        site.wait_state(client, "device-1", "online", "ok")
        return site, client

    def test_connect_refused(self):
        self.expect(None, "offline", "connect_refused")

    def test_closed_by_peer(self):
        self.expect(dnp3_peer.close_at_once, "offline", "closed_by_peer")

    def test_no_answer(self):
        self.expect(dnp3_peer.say_nothing, "offline", "no_answer")

    def test_link_only(self):
        self.expect(dnp3_peer.answer_link_only(10), "offline", "link_only", "master_address")

    def test_other_address(self):
        self.expect(dnp3_peer.answer_from(12), "offline", "other_address",
                    "frames came from 12, expected 10")

    def test_answer_to_another_master(self):
        self.expect(dnp3_peer.answer_from(10, master=5), "offline", "other_address",
                    "it answers to master address 5, ours is 1")

    def test_garbage(self):
        self.expect(dnp3_peer.say_garbage, "offline", "crc_errors")

    def test_dns_failed(self):
        site, client = self.site()
        site.config["channels"][0]["endpoints"] = ["no-such-host.invalid:20000"]
        site.write_config()
        site.start_gateway()
        site.wait_state(client, "device-0", "offline", "dns_failed")

    def test_disabled(self):
        site, client = self.site()
        site.config["outstations"][0]["enabled"] = False
        site.write_config()
        site.start_gateway()
        site.wait_state(client, "device-0", "disabled", "disabled")

    def test_loss_marks_points_and_recovery_clears_them(self):
        site = Site(self, outstations=1, profile={**QUICK, "offline_after_s": 0.5})
        site.start_broker()
        client = site.client()
        site.start_sim("--events-per-second", "0")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        topic = "dnp3/test/device-0/point/count-0"
        good = json.loads(client.wait(lambda m: [x for x in m if x.topic == topic], 10,
                                      "a value")[-1].payload)
        site.kill("sim")
        site.wait_state(client, "device-0", "offline")
        lost = json.loads(client.wait(
            lambda m: [x for x in m if x.topic == topic and b"COMM_LOST" in x.payload], 10,
            "COMM_LOST")[-1].payload)
        self.assertEqual((lost["value"], lost["quality"], lost["source"], lost["id"]),
                         (good["value"], "bad", "gateway", None))
        count = len(client.messages)
        site.start_sim("--events-per-second", "0")
        site.wait_state(client, "device-0", "online", "ok")
        client.wait(lambda m: [x for x in m[count:] if x.topic == topic and b'"good"' in x.payload],
                    10, "the value without COMM_LOST")

    def test_expected_silence_and_too_long_a_silence(self):
        """A device that reports by exception: idle is no loss, and is counted for itself."""
        site = Site(self, outstations=1, profile={
            "session": "report_by_exception", "max_silence_s": 4, "offline_after_s": 0.5,
            "response_timeout_s": 0.5})
        site.start_broker()
        client = site.client()
        site.start_sim("--events-per-second", "20", "--events-total", "10")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        site.wait_state(client, "device-0", "idle", "ok")
        client.wait(lambda m: [x for x in m if x.topic == "dnp3/test/status" and
                               json.loads(x.payload)["outstations"]["idle"] == 1], 10, "the count")
        self.assertFalse([x for x in client.messages if b"COMM_LOST" in x.payload])
        site.kill("sim")
        status = site.wait_state(client, "device-0", "offline", "silent")
        self.assertIn("max_silence_s is 4", status["detail"])
        client.wait(lambda m: [x for x in m if b"COMM_LOST" in x.payload], 10, "COMM_LOST")
        site.start_sim("--events-per-second", "20")
        site.wait_state(client, "device-0", "online", "ok")

    def fail_over(self, first=None):
        """Two endpoints: the first one does as told, at the second one is the outstation."""
        site = Site(self, outstations=2)
        del site.config["outstations"][1], site.config["channels"][1]
        endpoints = [f"127.0.0.1:{port}" for port in site.ports]
        for name, endpoint in zip(("first", "second"), endpoints):
            site.config["channels"][0]["endpoints"] = [endpoint]
            site.write(f"{name}.json", site.config)
        site.config["channels"][0]["endpoints"] = endpoints
        site.write_config()
        site.start_broker()
        client = site.client()
        peer = dnp3_peer.Peer(self, site.ports[0], first) if first else None
        second = self.start_endpoint(site, "second")
        site.start_gateway()
        site.wait_state(client, "device-0", "online", "ok")
        return site, peer, second

    @staticmethod
    def start_endpoint(site, name):
        return site.children.start(name, [os.path.join(BIN, "dnp3-sim"), "-c",
                                          site.path(f"{name}.json")])

    def test_fail_over_from_an_endpoint_that_refuses_and_back(self):
        site, _, second = self.fail_over()
        self.start_endpoint(site, "first")
        time.sleep(1)
        self.assertNotIn("connected", site.log("first"))  # what works is not left
        site.children.stop_one(second)
        deadline = time.monotonic() + 10
        while "connected" not in site.log("first"):
            self.assertLess(time.monotonic(), deadline, site.log("gateway"))
            time.sleep(0.1)

    def test_fail_over_from_an_endpoint_without_dnp3(self):
        _, peer, _ = self.fail_over(dnp3_peer.say_nothing)
        self.assertEqual(len(peer.connections), 1)

    def test_a_change_is_no_total(self):
        """20v3 holds the change of a counter: it is published as `delta`, never as a value, and is
        not retained."""
        objects = b"\x14\x03\x00\x00\x00\x01\x2a\x00\x00\x00" \
                  b"\x1e\x01\x00\x00\x00\x01\x07\x00\x00\x00"
        site, client = self.site(dnp3_peer.answer_reads_with(objects, 10))
        site.start_gateway()
        prefix = "dnp3/test/device-0/point/"
        client.wait(lambda m: [x for x in m if x.topic == prefix + "level-0"], 10, "the analog")
        change = client.wait(lambda m: [x for x in m if x.topic == prefix + "count-0"], 10,
                             "the change")[0]
        payload = json.loads(change.payload)
        self.assertEqual((payload["value"], payload["delta"], payload["source"]),
                         (None, 42, "static"))
        late = site.client("late", (prefix + "#",), clean=True)
        late.wait(lambda m: [x for x in m if x.topic == prefix + "level-0"], 10, "the retained")
        self.assertFalse([x for x in late.messages if x.topic == prefix + "count-0"])

    def test_gateway_status_birth_will_and_stop(self):
        site, client = self.site()
        topic = "dnp3/test/status"

        def states(messages):
            return [json.loads(m.payload)["state"] for m in messages if m.topic == topic]
        site.start_gateway()
        client.wait(lambda m: states(m)[-1:] == ["online"], 10, "the birth")
        site.kill("gateway")
        will = client.wait(lambda m: states(m)[-1:] == ["offline"] and m, 10, "the will")
        will = json.loads([m for m in will if m.topic == topic][-1].payload)
        self.assertEqual(will, {"state": "offline", "reason": "connection_lost", "since": None})
        site.start_gateway()
        client.wait(lambda m: states(m)[-1:] == ["online"], 10, "the birth")
        self.assertEqual(site.stop("gateway"), 0)
        client.wait(lambda m: states(m)[-1:] == ["offline"], 10, "the clean stop")
        last = {m.topic: json.loads(m.payload) for m in client.messages
                if m.topic.endswith("/status")}
        self.assertEqual(last[topic]["reason"], "gateway_stopped")
        for name in site.names:
            self.assertEqual(last[f"dnp3/test/{name}/status"]["reason"], "gateway_stopped")

    def test_wrong_broker_address(self):
        """A clear line, and the gateway goes on trying."""
        site = Site(self, outstations=1)
        process = site.start_gateway()
        deadline = time.monotonic() + 10
        while "connect_refused" not in site.log("gateway"):
            self.assertLess(time.monotonic(), deadline, site.log("gateway"))
            time.sleep(0.1)
        self.assertIn(f"127.0.0.1:{site.broker_port}", site.log("gateway"))
        self.assertIsNone(process.poll())

    def test_simulator_names_an_occupied_port(self):
        site = Site(self, outstations=1)
        dnp3_peer.Peer(self, site.ports[0], dnp3_peer.say_nothing)
        done = subprocess.run([os.path.join(BIN, "dnp3-sim"), "-c", site.path("gateway.json")],
                              stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(site.ports[0]), done.stderr)
        self.assertIn("address already in use", done.stderr.lower())


class Configuration(unittest.TestCase):
    def check(self, mapping, command="run"):
        site = Site(self, outstations=1)
        site.write("mapping.json", mapping)
        done = subprocess.run([os.path.join(BIN, "dnp3-mqtt"), command, "-c",
                               site.path("gateway.json")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        return done

    def test_wrong_mapping_names_file_line_and_column(self):
        mapping = '{ "device": "d",\n  "points": [\n' \
                  '    { "type": "analog_input", "index": 0, "name": "a", "scale": "0.1" },\n' \
                  '    { "type": "analog_inptu", "index": 1 } ] }\n'
        for command in ("run", "check"):
            done = self.check(mapping, command)
            self.assertEqual(done.returncode, 3)
            self.assertIn('mapping.json:3:', done.stderr)
            self.assertIn('points[0].scale: expected a number, found "0.1"', done.stderr)
            self.assertIn('mapping.json:4:', done.stderr)
            self.assertIn('analog_input', done.stderr)

    def test_key_that_is_not_built_yet(self):
        done = self.check('{ "device": "d", "points": [ { "type": "analog_input", "index": 0,\n'
                          ' "combine": true } ] }')
        self.assertEqual(done.returncode, 3)
        self.assertIn("combine", done.stderr)
        self.assertIn("not built yet", done.stderr)

    def test_check_prints_topics(self):
        done = self.check('{ "device": "d", "points": [ { "type": "counter", "index": 3,'
                          ' "name": "energy" } ] }', "check")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("dnp3/test/device-0/point/energy", done.stdout)


if __name__ == "__main__":
    unittest.main()
