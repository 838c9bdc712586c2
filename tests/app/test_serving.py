"""What the log is spared, and that who is asked to stop does."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from app.serving import is_ours
from tests.ending import ends_within

HANGS = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path

from app.serving import run, serve, set_up_log
from app.settings import Settings

async def something_that_hangs():
    await asyncio.Event().wait()

async def ready(house, taken):
    taken.push_async_callback(something_that_hangs)
    print("ready", flush=True)

set_up_log("warning")
defaults = Settings()
settings = replace(
    defaults,
    sip=replace(defaults.sip, host="127.0.0.1", port=0),
    web=replace(defaults.web, host="127.0.0.1", port=0),
    media=replace(defaults.media, host="127.0.0.1", first_port=0, workers=0),
)
sys.exit(run(serve(settings, Path(sys.argv[1]), ready=ready, closing_s=float(sys.argv[2]))))
"""


def line_about(error: Exception | None) -> logging.LogRecord:
    try:
        if error is not None:
            raise error
    except Exception:
        return logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
    return logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "it failed", (), None)


def test_nonsense_of_strangers_fills_no_log_and_our_own_faults_are_written_down():
    assert not is_ours(line_about(BadHttpMessage("Too many headers received")))
    assert is_ours(line_about(KeyError("ours")))
    assert is_ours(line_about(None))


@pytest.mark.parametrize(
    ("closing_s", "signals", "why"), [(0.5, 1, "not closed within 0.5 s"), (60, 2, "asked a second")]
)
async def test_closing_that_hangs_is_named_and_left_behind(tmp_path: Path, closing_s: float, signals: int, why: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HANGS, str(tmp_path), str(closing_s), stdout=-1, stderr=-1
    )
    assert process.stdout is not None and process.stderr is not None
    async with ends_within(60, "a house whose closing hangs"):
        assert await process.stdout.readline() == b"ready\n"
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
        said = (await process.stderr.read()).decode()
        assert await process.wait() == 1
    assert why in said and "something_that_hangs (<string>:10)" in said, said
