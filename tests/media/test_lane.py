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
