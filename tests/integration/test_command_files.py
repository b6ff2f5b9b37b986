# SPDX-License-Identifier: Apache-2.0
"""Files and device attributes of an outstation through MQTT, against the simulator and its folder:
what comes and goes is the same to the last octet, and what is refused says why."""

import base64
import os
import unittest

from field_site import Site

LARGEST = 65536


class Device(unittest.TestCase):
    SIM_OPTIONS = ()

    @classmethod
    def configure(cls):
        """What else is to be configured."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site(cls.addClassCleanup, outstations=2,
                        profile={"commands": ["file", "attributes"], "unsolicited": [],
                                 "polls": [], "events_on_iin": False, "max_fragment": 512})
        cls.site.config["outstations"][1].update({"controls": False})
        cls.configure()
        cls.site.write_config()
        cls.folder = cls.site.path("files")
        os.makedirs(os.path.join(cls.folder, "logs"))
        cls.site.start_broker()
        cls.client = cls.site.client()
        cls.site.start_sim("--files", cls.folder, *cls.SIM_OPTIONS)
        cls.site.start_gateway()
        for name in cls.site.names:
            cls.site.wait_state(cls.client, name, "online", "ok")

    def send(self, command, payload, outstation="device-0"):
        """Publishes, and gives the result that follows."""
        stem = f"dnp3/test/{outstation}"
        return self.client.ask(f"{stem}/command/{command}", payload,
                               f"{stem}/result/command/{command}", seconds=30)

    def ended(self, outcome, reason, operation, name, outstation="device-0", **keys):
        result = self.send("file", {"operation": operation, "name": name, **keys}, outstation)
        self.assertEqual((result["outcome"], result["reason"]), (outcome, reason), result)
        return result

    def done(self, operation, name, **keys):
        return self.ended("done", "ok", operation, name, **keys)

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, octets):
        with open(self.path(name), "wb") as file:
            file.write(octets)

    def content(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


class Files(Device):
    def test_read(self):
        text = "".join(f"2026-11-22 line {i}: \u00e9 \"quoted\"\n" for i in range(300))
        self.put("text.log", text.encode())
        result = self.done("read", "text.log")
        self.assertEqual((result["text"], result["base64"]), (text, None))
        self.assertEqual(result["octets"], len(text.encode()))
        self.assertEqual((result["operation"], result["name"], result["file_status"],
                          result["entries"], result["may_have_operated"]),
                         ("read", "text.log", "SUCCESS", None, False))
        octets = os.urandom(5000) + b"\0\xFF"
        self.put("binary", octets)
        result = self.done("read", "binary")
        self.assertIsNone(result["text"])
        self.assertEqual(base64.b64decode(result["base64"]), octets)
        self.put("empty", b"")
        result = self.done("read", "empty")
        self.assertEqual((result["text"], result["octets"]), ("", 0))

    def test_the_largest(self):
        self.put("largest", bytes(LARGEST))
        self.assertEqual(self.done("read", "largest")["octets"], LARGEST)
        self.put("larger", bytes(LARGEST + 1))
        result = self.ended("failed", "out_of_range", "read", "larger")
        self.assertIn("65536", result["detail"])
        self.assertIsNone(result["base64"])
        octets = os.urandom(LARGEST)
        result = self.done("write", "copy", base64=base64.b64encode(octets).decode(), id="w1")
        self.assertEqual(result["octets"], LARGEST)
        self.assertEqual(self.content("copy"), octets)
        self.ended("refused", "out_of_range", "write", "copy",
                   base64=base64.b64encode(octets + b"x").decode())

    def test_write_and_append_and_delete(self):
        result = self.done("write", "new.cfg", text="limit = 5\n", id="c1")
        self.assertTrue(result["may_have_operated"])
        self.assertEqual(self.content("new.cfg"), b"limit = 5\n")
        again = self.done("write", "new.cfg", text="limit = 5\n", id="c1")
        self.assertTrue(again["repeated"])
        self.ended("refused", "id_reused", "write", "new.cfg", text="limit = 6\n", id="c1")
        self.done("append", "new.cfg", text="x" * 2000)
        self.assertEqual(self.content("new.cfg"), b"limit = 5\n" + b"x" * 2000)
        self.done("delete", "new.cfg")
        self.assertFalse(os.path.exists(self.path("new.cfg")))
        result = self.ended("failed", "outstation_refused", "delete", "new.cfg", id="c2")
        self.assertEqual((result["file_status"], result["may_have_operated"]),
                         ("NOT_FOUND", False))
        self.assertEqual(result["detail"], "the outstation has no file of this name")

    def test_info_and_directory(self):
        self.put("logs/a.log", b"12345")
        self.put("logs/b.log", b"")
        os.makedirs(self.path("logs/old"), exist_ok=True)
        entries = {entry["name"]: entry for entry in self.done("directory", "logs")["entries"]}
        self.assertEqual({name: (entry["type"], entry["size"]) for name, entry in entries.items()},
                         {"a.log": ("file", 5), "b.log": ("file", 0), "old": ("directory", 0)})
        os.chmod(self.path("logs/a.log"), 0o640)
        entry, = self.done("info", "logs/a.log")["entries"]
        self.assertEqual((entry["type"], entry["size"], entry["permissions"]), ("file", 5, "640"))
        self.assertGreater(entry["created"], 1700000000000)
        self.ended("failed", "outstation_refused", "info", "logs/none")
        self.assertEqual(self.ended("failed", "outstation_refused", "read", "../secret")["text"],
                         None)

    def test_what_writes_is_guarded(self):
        self.put("guarded", b"as it was")
        self.ended("done", "ok", "read", "guarded", outstation="device-1")
        self.ended("refused", "inhibited", "write", "guarded", outstation="device-1", text="new")
        self.ended("refused", "inhibited", "delete", "guarded", outstation="device-1")
        self.assertEqual(self.content("guarded"), b"as it was")

    def test_malformed(self):
        for payload in ("", "{}", {"operation": "read"}, {"name": "a"},
                        {"operation": "format", "name": "a"}, {"operation": "read", "name": ""},
                        {"operation": "read", "name": "n" * 256}, {"operation": "write", "name": "a"},
                        {"operation": "read", "name": "a", "text": "b"},
                        {"operation": "write", "name": "a", "text": "b", "base64": "Yg=="},
                        {"operation": "write", "name": "a", "base64": "Yh=="},
                        {"operation": "write", "name": "a", "base64": "Y"},
                        {"operation": "write", "name": "a", "text": 5},
                        {"operation": "read", "name": "a", "user": "joe"}):
            with self.subTest(payload=payload):
                result = self.send("file", payload)
                self.assertEqual((result["outcome"], result["reason"]), ("refused", "malformed"))
                self.assertEqual(set(result) & {"operation", "name", "file_status", "octets", "text",
                                                "base64", "entries"},
                                 {"operation", "name", "file_status", "octets", "text", "base64",
                                  "entries"})

    def attributes(self, payload, outcome="done", outstation="device-0"):
        result = self.send("attributes", payload, outstation)
        self.assertEqual(result["outcome"], outcome, result)
        return result["attributes"]

    def test_attributes(self):
        told = {entry["attribute"]: entry for entry in self.attributes("")}
        self.assertEqual((told["max_receive_fragment"]["type"], told["max_receive_fragment"]["set"]),
                         ("unsigned", 0))
        self.assertGreaterEqual(told["max_receive_fragment"]["value"], 249)
        self.assertEqual(told["manufacturer"]["type"], "visible_string")
        one, = self.attributes({"attribute": "manufacturer"})
        self.assertEqual(one, told["manufacturer"])
        by_number, = self.attributes({"attribute": 252, "set": 0})
        self.assertEqual(by_number, one)
        listed, = self.attributes({"attribute": "variations"})
        names = {entry["attribute"]: entry["writable"] for entry in listed["list"]}
        self.assertEqual(set(names), set(told))
        self.assertFalse(names["manufacturer"])

    def test_attributes_are_written(self):
        listed, = self.attributes({"attribute": "variations"})
        writable = [entry["attribute"] for entry in listed["list"] if entry["writable"]]
        self.assertIn("location", writable)
        self.assertIsNone(self.attributes({"attribute": "location", "value": "Hilltop 5"}))
        self.assertEqual(self.attributes({"attribute": "location"})[0]["value"], "Hilltop 5")
        result = self.send("attributes", {"attribute": "manufacturer", "value": "somebody"})
        self.assertEqual((result["outcome"], result["reason"]), ("failed", "outstation_refused"))
        result = self.send("attributes", {"attribute": "location", "value": "x"}, "device-1")
        self.assertEqual((result["outcome"], result["reason"]), ("refused", "inhibited"))
        self.assertTrue(self.attributes("", outstation="device-1"))

    def test_attributes_malformed(self):
        for payload in ({"attribute": "nothing"}, {"attribute": 0}, {"attribute": 256}, {"set": -1},
                        {"value": 5}, {"attribute": "all", "value": 5},
                        {"attribute": "location", "type": "visible_string"},
                        {"attribute": "location", "value": 5, "type": "visible_string"},
                        {"attribute": "location", "value": "5", "type": "unsigned"},
                        {"attribute": "location", "value": -5, "type": "unsigned"},
                        {"attribute": "location", "value": "5", "type": "float"},
                        {"attribute": "location", "value": "5", "type": "list"},
                        {"attribute": "location", "value": True},
                        {"attribute": "location", "value": "x" * 256}):
            with self.subTest(payload=payload):
                result = self.send("attributes", payload)
                self.assertEqual((result["outcome"], result["reason"], result["attributes"]),
                                 ("refused", "malformed", None))


class Login(Device):
    """Files for who authenticates; the password is in no message and in no line of the log."""

    SECRET = "s3cret-of-files"
    SIM_OPTIONS = ("--files-user", f"engineer:{SECRET}")

    @classmethod
    def configure(cls):
        cls.site.config["profiles"]["default"]["file_user"] = "engineer"
        for name, outstation, secret in (("right", 0, cls.SECRET), ("wrong", 1, "s3cret")):
            with open(cls.site.path(name), "w", encoding="utf-8") as file:
                file.write(secret + "\n")
            cls.site.config["outstations"][outstation]["file_password_file"] = name

    def test_user_and_password(self):
        self.put("log", b"one\n")
        self.assertEqual(self.done("read", "log")["text"], "one\n")
        self.done("write", "new", text="two")
        self.assertEqual(self.content("new"), b"two")
        self.done("delete", "new")
        result = self.ended("failed", "outstation_refused", "read", "log", outstation="device-1")
        self.assertEqual((result["file_status"], result["detail"]),
                         ("PERMISSION_DENIED",
                          "the outstation does not know file_user with this password"))
        self.assertFalse([m for m in self.client.messages if b"s3cret" in m.payload])
        with open(self.site.children.log("gateway"), encoding="utf-8") as log:
            self.assertNotIn("s3cret", log.read())


if __name__ == "__main__":
    unittest.main()
