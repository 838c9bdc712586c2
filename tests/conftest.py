"""What the tests need of the machine, and a clear word on what was left out when it is not there."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import settings

from media import compiled
from tests.conformance.page import Page
from tests.journeys.clicks_page import ClicksPage
from tests.small_disk import may_be_had
from tests.together import Together

# Before anybody imports them: the same tests hold the compiled form of the format modules.
FORM = compiled.use() if "LIANWANG_COMPILED" in os.environ else None

HOUSE = Path(__file__).resolve().parent.parent
STRICT = os.environ.get("LIANWANG_LEAVE_NOTHING_OUT") == "1"

settings.register_profile("ci", max_examples=60, deadline=None)
settings.register_profile("long", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def _program(name: str) -> bool:
    return shutil.which(name) is not None or any(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))


NEEDS = {
    "browser": lambda: _program("chromium") and (HOUSE / "web/console/dist/index.html").is_file(),
    "ffmpeg": lambda: _program("ffmpeg") and _program("ffprobe"),
    "sipp": lambda: _program("sipp"),
    "gstreamer": lambda: (
        any(Path("/usr/lib").glob("*/girepository-1.0/GstRtspServer-1.0.typelib"))
        and any(Path("/usr/lib").glob("*/gstreamer-1.0/libgstrtp.so"))
        and Path("/usr/lib/python3/dist-packages/gi").is_dir()
    ),
    "postgres": lambda: _program("initdb") and _program("postgres"),
    "compiler": lambda: _program("cc"),
    "small_disk": may_be_had,
    "atheris": lambda: importlib.util.find_spec("atheris") is not None,
}

# The product runs on uvloop where it can, and must run without it: what touches sockets is tried on both.
ON_BOTH_LOOPS = ("test_transport_", "test_stack", "test_below", "test_inlet_", "test_outlet_", "test_local_plane")

_left_out: dict[str, int] = {}
_page = Page()
_clicks = ClicksPage()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-page", type=Path, help="write there which lines of the conformance list hold")
    parser.addoption("--clicks-page", type=Path, help="write there what the operator's tasks cost")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _page.note(report)
    _clicks.note(report)


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    both = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    if item.path.name.startswith(ON_BOTH_LOOPS):
        return both
    return {"uvloop": both["uvloop"]} if item.path.parent.name == "journeys" else {"asyncio": both["asyncio"]}


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Tests that share something are run by one process."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be run."""
    missing = {name for name, is_there in NEEDS.items() if not is_there()}
    for item in items:
        for name in missing:
            if item.get_closest_marker(name):
                _left_out[name] = _left_out.get(name, 0) + 1
                item.add_marker(pytest.mark.skip(reason=f"{name} is not on this machine"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FORM is not None:
        terminalreporter.write_line(f"format modules: {FORM}")
    if len(_page):
        terminalreporter.write_line(_page.summary)
    written = terminalreporter.config.getoption("--conformance-page")
    if written is not None:
        _page.write(written)
    clicks = terminalreporter.config.getoption("--clicks-page")
    if clicks is not None:
        _clicks.write(clicks)
    for name, count in sorted(_left_out.items()):
        terminalreporter.write_line(f"LEFT OUT: {count} tests that need {name}", red=STRICT, yellow=not STRICT)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if STRICT and _left_out and session.exitstatus == 0:
        session.exitstatus = 1
