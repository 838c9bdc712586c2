"""The lane in C is the Python way: the same of the same datagrams, and no memory misused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from media.compiled import HOUSE, LANE, LANE_SOURCE

CASES, LONG = 24, 4_000
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"]
# The interpreter's own headers leave fields out and cast functions.
FOREIGN = ["-Wno-missing-field-initializers", "-Wno-cast-function-type"]

pytestmark = [pytest.mark.compiler, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lane in it, built to find its own faults."""
    folder = tmp_path_factory.mktemp("lane")
    compiler = shutil.which("cc") or shutil.which("gcc") or "cc"
    include = f"-I{sysconfig.get_path('include')}"
    words = [*SANITIZED, *FOREIGN, "-ffp-contract=off", "-fPIC", "-shared", include]
    done = subprocess.run(
        [compiler, *words, str(LANE_SOURCE), "-o", str(folder / f"{LANE}.so")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder


def libraries() -> str:
    """Those of the sanitizers, which an interpreter that is not built with them must load first."""
    compiler = shutil.which("cc") or shutil.which("gcc") or "cc"
    return " ".join(
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, timeout=20
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    )


def said(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=HOUSE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(HOUSE), str(folder))),
            "LD_PRELOAD": libraries(),
            # The interpreter's own memory is checked too, and never given back in full.
            "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "halt_on_error=1",
        },
        capture_output=True,
        text=True,
        timeout=280 if not IS_LONG else 7200,
    )


def test_damaged_streams_are_the_same_to_both_and_no_memory_is_misused(sanitized: Path) -> None:
    done = said(sanitized, "-m", "tests.media.lanes", "--cases", str(LONG if IS_LONG else CASES))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    told = re.search(r"the lane ahead in (\d+) of 100", done.stdout)
    assert told is not None and int(told[1]) >= 20, "the lane hardly ever went by itself: nothing was compared"


KEEPS_NOTHING = """
import asyncio, gc, random, sys
from tests.media import lanes

async def story(number):
    assert lanes.story(number, random.Random(number), []) == ""

held = []
for turn in range(12):
    asyncio.run(story(turn % 3))
    gc.collect()
    held.append(sys.getallocatedblocks())
print(held[11] - held[5])
"""


def test_what_a_lane_kept_is_given_back(sanitized: Path) -> None:
    # Blocks are counted by the interpreter's own allocator, so this one runs with it.
    done = subprocess.run(
        [sys.executable, "-c", KEEPS_NOTHING],
        cwd=HOUSE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(HOUSE), str(sanitized))),
            "LD_PRELOAD": libraries(),
            "ASAN_OPTIONS": "detect_leaks=0",
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert abs(int(done.stdout)) < 200


SENDS_ON = """
import asyncio, socket, sys, time
from media.inlets.rounds import Rounds
from media.rtp import Packetiser
from tests.media import lanes

class Sender:
    def __init__(self, to):
        self.to, self.at = to, 0
        self.packetiser, self.muxer = Packetiser(lanes.SSRC, 96), lanes.Muxer(lanes.Codec.H264, None)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def picture(self, size, is_key=False):
        slice_ = b"\\0\\0\\0\\1" + (b"\\x65\\x88\\x84" if is_key else b"\\x41\\x9a") + b"\\x55" * size
        self.at += 3600
        data = (lanes.KEY if is_key else b"") + slice_
        packets = self.packetiser.packets(
            self.muxer.pack(lanes.Frame(lanes.Codec.H264, data, self.at, self.at, is_key)), self.at
        )
        for each in packets:
            self.socket.sendto(each, self.to)
        return packets

def payloads(packets):
    return [each[12:] for each in packets]
"""

AT_THE_PACE = """
async def story():
    side = lanes.Side(True, False)
    side.send_on()
    sender = Sender(side.address)
    for number in range(60):
        sender.picture(900, number % 25 == 0)
        side.serve()
        side.pump()
        side.now += 0.04
    assert side.session.express.is_ahead
    assert side.sender.statistics().packets == len(side.arrived) and side.session.express.is_ahead
    side.arrived.clear()
    burst = sender.picture(130_000)
    side.serve()
    side.hear()
    gone = [len(side.arrived)]
    while side.waits:
        side.pump()
        gone.append(len(side.arrived))
    assert side.session.express.is_ahead and side.sender.queued_bytes == 0
    assert payloads(side.arrived) == payloads(burst)
    # A little more than the pace takes, for long: what waits goes round.
    side.arrived.clear()
    sent = []
    for slot in range(40):
        for number in range(12):
            sent += sender.picture(3_500, (12 * slot + number) % 25 == 0)
            side.serve()
        side.pump()
    assert side.waits and side.session.express.is_ahead
    while side.waits:
        side.pump()
    assert payloads(side.arrived) == payloads(sent)
    # Another that waits when the receiver above leaves.
    sender.picture(130_000)
    side.serve()
    assert side.waits
    side.sender.close()
    assert not side.rounds.waits
    print(len(burst), gone)
    side.sender = None
    side.close()

asyncio.run(story())
"""


def test_a_large_picture_is_sent_on_at_the_pace_without_leaving_the_lane(sanitized: Path) -> None:
    done = said(sanitized, "-c", SENDS_ON + AT_THE_PACE)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.split(" ", 1) == ["93", "[32, 64, 93]\n"]


BY_ITSELF = """
class Live(lanes.Side):
    now = property(lambda self: time.monotonic(), lambda self, value: None)

async def story():
    side = Live(True, False, Rounds())
    side.send_on()
    sender = Sender(side.address)

    async def all_of(packets):
        arrived = []
        async with asyncio.timeout(5):
            while len(arrived) < len(packets):
                arrived.append(await asyncio.get_running_loop().sock_recv(side.above, 4096))
        return arrived

    for number in range(60):
        sender.picture(900, number % 25 == 0)
        await asyncio.sleep(0.005)
    assert side.session.express.is_ahead
    side.hear()
    for size in (130_000, 200_000):
        burst = sender.picture(size)
        assert payloads(await all_of(burst)) == payloads(burst)
        assert side.session.express.is_ahead
    # Nobody is there any more: that is heard, and no harm is done.
    side.above.close()
    for number in range(8):
        sender.picture(130_000)
        await asyncio.sleep(0.02)
    assert side.sender._road._refused_at > 0
    side.above = socket.socket()
    side.close()
    print("well")

asyncio.run(story())
"""


def test_what_waits_goes_on_by_itself_when_nothing_more_comes(sanitized: Path) -> None:
    done = said(sanitized, "-c", SENDS_ON + BY_ITSELF)
    assert done.returncode == 0 and done.stdout == "well\n", done.stderr[-4000:]


BY_NAPS = """
import gc, os
from media.inlets import rounds as module

module.NAPS = ((150_000, 0.05), (50_000, 0.01))
module.LOOK_S = 0.1

class Live(lanes.Side):
    now = property(lambda self: time.monotonic(), lambda self, value: None)

async def story():
    before = set(os.listdir("/proc/self/fd"))
    rounds = Rounds()
    side = Live(True, False, rounds)
    sender = Sender(side.address)
    sent, naps = 0, set()

    async def send(pause_s, size, until):
        nonlocal sent
        async with asyncio.timeout(20):
            while not until():
                sent += len(sender.picture(size, sent % 25 == 0))
                await asyncio.sleep(pause_s)
                naps.add(rounds.nap_s)

    await send(0.01, 900, lambda: rounds.nap_s == 0.01)
    await send(0.01, 5_000, lambda: rounds.nap_s == 0.05)
    rounds_before, began = rounds.rounds, time.monotonic()
    await send(0.01, 5_000, lambda: time.monotonic() - began > 1)
    assert 8 <= rounds.rounds - rounds_before <= 22, rounds.rounds - rounds_before
    # Nothing comes: the alarm goes off until that is seen, and never again.
    await send(0.3, 10, lambda: rounds.nap_s == 0.0)
    quiet = rounds.rounds
    await asyncio.sleep(0.2)
    assert rounds.rounds == quiet
    await send(0.01, 900, lambda: rounds.nap_s == 0.01)
    await asyncio.sleep(0.05)
    side.session.express.publish()
    assert side.receiver.witness.packets == sent and side.session.express.is_ahead
    side.close()
    assert rounds.nap_s == 0.0
    del side.door, side, rounds, sender
    gc.collect()
    print(sorted(naps), len(set(os.listdir("/proc/self/fd")) - before))

asyncio.run(story())
"""


def test_under_load_the_alarm_of_the_room_wakes_the_rounds(sanitized: Path) -> None:
    done = said(sanitized, "-c", SENDS_ON + BY_NAPS)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == "[0.0, 0.01, 0.05] 0\n"
