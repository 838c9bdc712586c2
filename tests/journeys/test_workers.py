"""A media worker dies or stands still: signalling and console go on, streams are called again, viewers come back."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.journeys.recovery import blow, crowd

LOOSE_S = 15.0
"""What we promise is three seconds; this is for machines on which many tests run at once. The bench says the number."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_streams_and_viewers_come_back_and_keepalives_are_answered_meanwhile(tmp_path: Path, how: signal.Signals):
    async with crowd(tmp_path, streams=12, viewers=36) as crowded:
        recovery = await blow(crowded, how)
        print(f"{how.name}: {recovery}")
        assert recovery.streams_s < LOOSE_S and recovery.viewers_s < LOOSE_S
        assert recovery.keepalives > 0 and recovery.slowest_keepalive_s < LOOSE_S / 2
        (worker,) = await crowded.workers()
        assert (worker["restarts"], worker["state"]) == (1, "up")
