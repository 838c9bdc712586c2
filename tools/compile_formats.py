"""Compile the format modules with mypyc into build/compiled: `python tools/compile_formats.py [--quick] [FOLDER]`.

Optional. Without a C compiler it says so in one sentence and the modules run as they are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))

from media.compiled import FOLDER, LANE, LANE_SOURCE, MODULES, STAMP, source_of, stamp  # noqa: E402

LANE_ARGUMENTS = ["-ffp-contract=off", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-cast-function-type"]
"""Sums of floating point are to be Python's to the last bit."""


def build(folder: Path, *, is_quick: bool) -> None:
    """Make `folder` anew. Raises SystemExit with one sentence when it cannot be done.

    Quick ones are made in half the time and run slower: for tests.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("no C compiler here: the format modules run as plain Python; on Debian: apt-get install gcc")
    try:
        from mypyc.build import mypycify
        from setuptools import Distribution, Extension
    except ImportError as missing:
        raise SystemExit(f"{missing.name} is missing: pip install 'mypy' 'setuptools'") from None
    made_from = stamp()
    with tempfile.TemporaryDirectory(prefix="lianwang-compile-") as scratch:
        extensions = mypycify(
            [str(source_of(module).relative_to(HOUSE)) for module in MODULES],
            opt_level="0" if is_quick else "3",
            debug_level="0",
            target_dir=str(Path(scratch) / "c"),
            group_name="lianwang_formats",
        )
        lane = Extension(LANE, [str(LANE_SOURCE.relative_to(HOUSE))], extra_compile_args=["-O2", *LANE_ARGUMENTS])
        extensions.append(lane)
        command = Distribution({"name": "lianwang", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_temp = str(Path(scratch) / "o")
        command.build_lib = str(Path(scratch) / "out")
        command.parallel = 2
        command.ensure_finalized()
        command.run()
        made = Path(scratch) / "out"
        (made / STAMP).write_text(made_from, encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, folder)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    asked.add_argument("--quick", action="store_true")
    arguments = asked.parse_args()
    into = arguments.folder.resolve()
    os.chdir(HOUSE)
    build(into, is_quick=arguments.quick)
    print(f"compiled {len(MODULES)} modules and the lane into {into.name}/")
