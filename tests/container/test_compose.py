# SPDX-License-Identifier: Apache-2.0
"""Builds the images and runs docker/compose.yaml as it is, with a docker engine."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from processes import free_port

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BASE = "debian:12-slim"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "dnp3-mqtt")
OUTSTATIONS = ("recloser-17", "rtu-2", "meter-3")
SET_TOPIC = "dnp3/compose/recloser-17/set/breaker"
RESULT_TOPIC = "dnp3/compose/recloser-17/result/breaker"
IMAGE_MAX_MB = 10
BUILD_S = 900
MESSAGES_S = 60


def run(*argv, timeout=60, env=None, **options):
    return subprocess.run(argv, cwd=TOP, timeout=timeout, env=env, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def base_image():
    """The base from the engine or a registry; where neither has it, one made by debootstrap."""
    if run("docker", "image", "inspect", BASE).returncode == 0:
        return
    if run("docker", "pull", "-q", BASE, timeout=120).returncode == 0:
        return
    archive = os.path.join(CACHE, "bookworm.tar")
    if not os.path.exists(archive):
        os.makedirs(CACHE, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="dnp3-base.")
        try:
            done = run("debootstrap", "--variant=minbase", "bookworm", folder, timeout=240)
            if done.returncode != 0:
                raise RuntimeError(f"debootstrap: {done.stdout[-2000:]}")
            done = run("tar", "-C", folder, "--one-file-system", "--exclude=./dev/*",
                       "--exclude=./proc/*", "--exclude=./sys/*", "-cf", archive + ".new", ".")
            if done.returncode != 0:
                raise RuntimeError(f"tar: {done.stdout}")
            os.rename(archive + ".new", archive)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    done = run("docker", "import", archive, BASE, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"docker import: {done.stdout}")


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        base_image()
        cls.port = str(free_port())
        cls.env = dict(os.environ, BROKER_PORT=cls.port, DOCKER_BUILDKIT="0",
                       COMPOSE_PROJECT_NAME=f"dnp3test{os.getpid()}")
        cls.addClassCleanup(cls.compose, "down", "-v", "-t", "5", "--rmi", "local")
        built = cls.compose("build", timeout=BUILD_S)
        if built.returncode != 0:
            raise RuntimeError(f"build: {built.stdout[-4000:]}")
        started = cls.compose("up", "-d")
        if started.returncode != 0:
            raise RuntimeError(f"up: {started.stdout}\n{cls.compose('logs').stdout}")

    @classmethod
    def compose(cls, *arguments, timeout=120):
        return run("docker-compose", "-f", "docker/compose.yaml", *arguments, timeout=timeout,
                   env=cls.env)

    def subscribe(self, topic, *options):
        return self.compose("exec", "-T", "mosquitto", "mosquitto_sub", "-q", "1", "-t", topic,
                            "-F", "%t %p", *options, timeout=MESSAGES_S + 10).stdout

    def point_of(self, name):
        output = self.subscribe(f"dnp3/compose/{name}/point/#", "-C", "1", "-W", str(MESSAGES_S))
        topic, _, payload = output.strip().partition(" ")
        self.assertTrue(topic.startswith(f"dnp3/compose/{name}/point/"),
                        f"{output}\n{self.compose('logs', '--tail', '30').stdout}")
        return json.loads(payload)

    def test_every_outstation_publishes_points(self):
        for name in OUTSTATIONS:
            with self.subTest(outstation=name):
                self.assertIn("quality", self.point_of(name))

    def test_the_broker_is_published_on_the_host(self):
        self.point_of(OUTSTATIONS[0])
        done = run("mosquitto_sub", "-h", "127.0.0.1", "-p", self.port, "-t",
                   "dnp3/compose/status", "-C", "1", "-W", "20")
        self.assertEqual(json.loads(done.stdout)["state"], "online")

    def test_a_control_makes_its_round_trip(self):
        self.point_of("recloser-17")
        listener = subprocess.Popen(
            ["docker-compose", "-f", "docker/compose.yaml", "exec", "-T", "mosquitto",
             "mosquitto_sub", "-t", RESULT_TOPIC, "-C", "1", "-W", "20"], cwd=TOP, env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(3)  # exec and subscribe
        now = int(time.time() * 1000)
        self.compose("exec", "-T", "mosquitto", "mosquitto_pub", "-t", SET_TOPIC, "-m", json.dumps(
            {"value": "close", "id": str(now), "expires": now + 8000}))
        output, _ = listener.communicate(timeout=40)
        self.assertEqual(json.loads(output)["outcome"], "done", output)

    def test_the_image_is_small_and_not_root(self):
        inspected = run("docker", "image", "inspect", "dnp3-mqtt", "-f",
                        "{{.Size}} {{.Config.User}}").stdout.split()
        self.assertLess(int(inspected[0]) / 1e6, IMAGE_MAX_MB)
        self.assertEqual(inspected[1], "65532:65532")


if __name__ == "__main__":
    unittest.main()
