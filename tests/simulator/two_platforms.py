"""A simulated upper platform and a simulated lower one, joined on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gb28181.edition import Edition
from simulator.faults import Faults
from simulator.holdings import Holdings, division_tree
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from simulator.recording import Recording
from simulator.speaker import SpeakerSettings

CITY = "44010000002000000001"
COUNTY = "44010600002000000001"
CAMERA = "44010600001320000001"
GROUP = "44010600002150000001"
RECORDING = Recording(CAMERA, 1_700_000_000, 1_700_000_002)


@asynccontextmanager
async def joined(
    upper_faults: Faults = Faults(),
    lower_faults: Faults = Faults(),
    *,
    holdings: Holdings | None = None,
    speaker: dict[str, Any] | None = None,
    above: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[tuple[Upper, Lower]]:
    """Both at work; nobody is waited for."""
    settings = UpperSettings(CITY, "secret", ask_s=1.0, invite_s=3.0, keepalive_s=1.0, faults=upper_faults)
    async with Upper(replace(settings, **(above or {}))) as upper:
        speaking = SpeakerSettings(
            code=COUNTY,
            password="secret",
            server_host="127.0.0.1",
            server_port=upper.port,
            server_code=CITY,
            keepalive_s=0.2,
            retry_s=0.05,
            edition=Edition.V2022,
        )
        lower = Lower(
            LowerSettings(
                replace(speaking, **(speaker or {})), faults=lower_faults, recordings=(RECORDING,), **changes
            ),
            holdings or division_tree(COUNTY, "天河区视频监控中心", "440106", "天河区"),
        )
        running = asyncio.create_task(lower.run())
        try:
            yield upper, lower
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await lower.close()


async def until(condition: Any, patience_s: float = 5.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)
