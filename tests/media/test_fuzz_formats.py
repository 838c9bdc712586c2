"""A bounded run of the coverage-guided fuzzer; `python -m tests.media.fuzz_formats` runs it as long as one likes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent.parent
FUZZER = "tests.media.fuzz_formats"


@pytest.mark.atheris
@pytest.mark.timeout(300)
def test_noise_grown_by_coverage_finds_no_reader_that_raises_or_hangs() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.media.fuzz_formats",
            "-runs=3000",
            "-max_total_time=40",
            "-timeout=20",
            "-seed=1",
        ],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done " in done.stderr
