# SPDX-License-Identifier: Apache-2.0
"""What the spool wears out: octets that the device writes for each octet of message, deletes
included, on an ext4 of its own in a loop file. Without root or loop devices there is no value."""

import json
import os
import subprocess
import sys
import tempfile

MESSAGES = 20000
DISK_OCTETS = 256 << 20
GOAL = 3.0
SECTOR = 512


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode()


def sectors_written(device):
    with open(f"/sys/block/{os.path.basename(device)}/stat", encoding="ascii") as file:
        return int(file.read().split()[6])


def measure(folder, device):
    """In the second run the file has its size, as it has for all its years but the first day."""
    program = os.path.join(os.environ["DNP3_BIN"], "bench_spool")
    spool = os.path.join(folder, "spool")
    run(program, spool, str(MESSAGES))
    os.sync()
    before = sectors_written(device)
    written = json.loads(run(program, spool, str(MESSAGES)).splitlines()[-1])
    os.sync()
    return (sectors_written(device) - before) * SECTOR / written["octets"]


def on_own_disk():
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "disk")
        with open(image, "wb") as file:
            file.truncate(DISK_OCTETS)
        run("mkfs.ext4", "-q", image)
        device = run("losetup", "--show", "-f", image).strip()
        try:
            mounted = os.path.join(folder, "mounted")
            os.mkdir(mounted)
            run("mount", device, mounted)
            try:
                ratio = measure(mounted, device)
            finally:
                run("umount", mounted)
        finally:
            run("losetup", "-d", device)
    return ratio


def figure():
    try:
        ratio = on_own_disk()
        return {"value": round(ratio, 2), "met": ratio <= GOAL}
    except (OSError, RuntimeError) as error:
        print(f"bench_flash: {error}", file=sys.stderr)
        return {"value": None, "met": None}


if __name__ == "__main__":
    print(json.dumps({"figure": "octets written to flash for each of message", "unit": "",
                      "goal": GOAL, **figure()}))
