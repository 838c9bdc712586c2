"""Make the lane (media/native/lane.c) for this interpreter into build/lane: seconds, and once for its source.

Without a C compiler or Python's headers it says so in one sentence and fails nothing: packets go their way in Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from media.compiled import LANE, LANE_FOLDER, LANE_SOURCE, STAMP, lane_stamp

ARGUMENTS = ["-O2", "-ffp-contract=off", "-fPIC", "-shared"]
LEFT = "packets go their way in Python"


def build() -> str:
    """Make it unless it is there; what was done, in a sentence, or nothing."""
    stamp = LANE_FOLDER / STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii") == lane_stamp():
        return ""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    include = Path(sysconfig.get_path("include"))
    if sys.platform != "linux" or compiler is None:
        return f"no C compiler for the lane here: {LEFT}"
    if not (include / "Python.h").is_file():
        return f"Python's headers are missing (Debian: python3-dev): {LEFT}"
    LANE_FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lane-", dir=LANE_FOLDER.parent) as scratch:
        made = Path(scratch) / "lane"
        made.mkdir()
        name = LANE + (sysconfig.get_config_var("EXT_SUFFIX") or ".so")
        words = [compiler, *ARGUMENTS, f"-I{include}", str(LANE_SOURCE), "-o", str(made / name)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        if done.returncode:
            return f"the lane could not be compiled, {LEFT}: {done.stderr.strip()[-300:]}"
        (made / STAMP).write_text(lane_stamp(), encoding="ascii")
        shutil.rmtree(LANE_FOLDER, ignore_errors=True)
        os.replace(made, LANE_FOLDER)
    return "the lane is made: ordinary packets go their way in C"


if __name__ == "__main__":
    print(build(), end="")
