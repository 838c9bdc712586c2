"""The compiled modules are the plain ones: the same tests pass, and damaged streams get the same answers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from media import compiled

HOUSE = Path(__file__).resolve().parent.parent.parent
FORMATS = (
    "aac annexb clock demux es flv fmp4 framing g711 mux pack reorder rtcp rtp run sniff strangers timeline unpack"
)
PATH = (
    "fanout inlet_order inlet_rtp_receiver inlet_scoop inlet_source_lock outlet_numbering outlet_tide outlet_viewer "
    "passage local_plane sources transcode"
)
CASES, LONG = 1200, 60_000
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"

pytestmark = [pytest.mark.compiler, pytest.mark.xdist_group("compiled"), pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def folder() -> Path:
    """The compiled modules of these sources; made at most once for them."""
    made = HOUSE / "build" / "compiled-for-tests"
    made.parent.mkdir(exist_ok=True)
    with (made.parent / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = made / compiled.STAMP
        if not stamp.is_file() or stamp.read_text() != compiled.stamp():
            run("tools/compile_formats.py", "--quick", str(made))
    return made


def run(*words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=HOUSE,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_tests_of_formats_and_packet_path_pass_on_the_compiled_ones(folder: Path) -> None:
    files = [f"tests/media/test_{name}.py" for name in f"{FORMATS} {PATH}".split()]
    shown = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, LIANWANG_COMPILED=str(folder))
    assert f"format modules: compiled ({len(compiled.MODULES)} modules by mypyc), the lane in C" in shown


def test_damaged_streams_get_the_same_answers_from_both(folder: Path) -> None:
    cases = str(LONG if IS_LONG else CASES)
    plain = run("-m", "tests.media.twins", "--cases", cases).splitlines()
    machine = run("-m", "tests.media.twins", "--cases", cases, "--compiled", str(folder)).splitlines()
    assert len(plain) == int(cases)
    assert [pair for pair in zip(plain, machine, strict=True) if pair[0] != pair[1]] == []


STARTED = """
import sys
sys.argv = ["worker", "--help"]
try:
    import media.start
except SystemExit:
    pass
print(sys.modules["media.inlets.rtp_receiver"].__file__)
"""


def test_a_media_worker_runs_the_form_that_the_server_runs(folder: Path) -> None:
    assert run("-c", STARTED, LIANWANG_COMPILED=str(folder)).rstrip().endswith(".so")
    assert run("-c", STARTED, LIANWANG_COMPILED=str(folder), LIANWANG_PLAIN="1").rstrip().endswith("rtp_receiver.py")


def test_compiled_files_of_other_sources_are_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / compiled.STAMP).write_text("0" * 64)
    said = run("-c", f"from media import compiled; print(compiled.use(__import__('pathlib').Path({str(tmp_path)!r})))")
    assert said.startswith("plain Python (the compiled files are of other sources")
    said = run("-c", "from media import compiled, rtp; print(compiled.use(), rtp.__file__)")
    assert said.startswith("plain Python") and said.rstrip().endswith("rtp.py")


def test_the_lane_is_used_by_itself_where_only_it_is_made(tmp_path: Path) -> None:
    copy = tmp_path / "house"
    for each in ("media", "tools"):
        shutil.copytree(HOUSE / each, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
    show = "from media import compiled; print(compiled.use()); import lianwang_lane; print(lianwang_lane.__file__)"
    assert "ModuleNotFoundError" in said(copy, "-c", show)
    assert said(copy, "tools/compile_lane.py").startswith("the lane is made")
    assert said(copy, "tools/compile_lane.py") == "", "it is made once"
    first, second = said(copy, "-c", show).splitlines()
    assert first == "plain Python (nothing is compiled here; `make compiled` does it), the lane in C"
    assert Path(second).parent == copy / "build" / "lane"
    assert "ModuleNotFoundError" in said(copy, "-c", show, LIANWANG_PLAIN="1")
    with (copy / "media" / "native" / "lane.c").open("a") as source:
        source.write("\n/* another */\n")
    assert "ModuleNotFoundError" in said(copy, "-c", show), "what runs is what one reads"


def test_without_a_compiler_the_lane_is_left_and_that_is_no_failure(tmp_path: Path) -> None:
    copy = tmp_path / "house"
    for each in ("media", "tools"):
        shutil.copytree(HOUSE / each, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
    assert "packets go their way in Python" in said(copy, "tools/compile_lane.py", PATH=str(tmp_path))
    assert not (copy / "build" / "lane").exists()


def said(house: Path, *words: str, **environment: str) -> str:
    """What a process says that finds this house only."""
    given = {"PYTHONPATH": str(house), "PATH": os.environ["PATH"], **environment}
    done = subprocess.run([sys.executable, *words], cwd=house, env=given, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr
