"""Tests that share something are sent to one process, all others wherever there is room."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
SHARING = """
import os
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
seen = []

@pytest.mark.parametrize("number", range(8))
async def test_one_process_runs_us_all(number):
    seen.append(number)
    assert seen == list(range(number + 1))
"""


def test_a_file_whose_tests_share_a_loop_is_run_by_one_process_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "tests" / f"test_{name}.py").write_text(SHARING)
    (tmp_path / "tests" / "together.py").write_text((HOUSE / "tests" / "together.py").read_text())
    (tmp_path / "conftest.py").write_text(
        "from tests.together import Together\n\n\n"
        "def pytest_xdist_make_scheduler(config, log):\n    return Together(config, log)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "3", "--dist", "loadgroup", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert re.search(r"\b24 passed", done.stdout), done.stdout[-2000:] + done.stderr[-2000:]
