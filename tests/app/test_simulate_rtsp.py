"""`lianwang simulate rtsp` plays a camera without GB/T 28181."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from click.testing import CliRunner

from app.cli import main
from media.plane import Source, Verdict
from media.ports import Ports
from media.sources.rtsp_session import RtspPace, RtspPull

HOUSE = Path(__file__).resolve().parents[2]


async def test_it_says_its_address_and_answers_there_until_it_is_stopped():
    command = [sys.executable, "-m", "app", "simulate", "rtsp", "--port", "0", "--size", "64x36", "--fault"]
    process = await asyncio.create_subprocess_exec(
        *command, "refuse=DESCRIBE:404", cwd=HOUSE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            url = (await process.stdout.readline()).decode().strip()
        ports = Ports("127.0.0.1", 0, 0, quarantine_s=0.0, receive_buffer=0)
        probed = await RtspPull(Source(url), ports, RtspPace()).probe()
        assert probed.failure is Verdict.REFUSED and "404" in probed.note
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0


def test_a_fault_that_nobody_knows_is_told_with_those_that_are():
    said = CliRunner().invoke(main, ["simulate", "rtsp", "--fault", "dance"])
    assert said.exit_code == 2 and "silent-media" in said.output
