"""A platform of ours in the middle: simulated platforms above it, below it, and what they see of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.settings import PlatformSettings, Settings, joined
from app.wiring import House, open_house
from gb28181.edition import Edition
from registry import platform
from simulator.faults import Faults
from simulator.holdings import Holdings, division_tree
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings
from sipserver.below.settings import Admission
from tests.furnished import furnish

OWN = "44010000002000000001"
ABOVE = "44000000002000000001"
ALSO_ABOVE = "11000000002000000001"
BELOW = "44010600002000000001"
ALSO_BELOW = "44030500002000000001"
CAMERA = "44010600001320000001"
GROUP = "44010600002150000001"
STATION = "44010600002160000001"
PASSWORD = "a-secret-of-this-test"


async def until(condition: Any, patience_s: float = 10.0) -> Any:  # Any: a callable, or one that gives an awaitable
    async with asyncio.timeout(patience_s):
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.02)


@dataclass
class Middle:
    """The house, and those around it."""

    house: House
    garden: AsyncExitStack
    """Those below, who leave first."""
    sky: AsyncExitStack
    """Those above, who are there until the house has said goodbye."""

    async def below(self, code: str = BELOW, holdings: Holdings | None = None, **changes: Any) -> Lower:
        """A platform below, registered, its catalog read."""
        speaker = SpeakerSettings(
            code=code,
            password=PASSWORD,
            server_host="127.0.0.1",
            server_port=self.house.stack.port,
            server_code=OWN,
            keepalive_s=1.0,
            retry_s=0.2,
            **changes.pop("speaker", {}),
        )
        tree = holdings or division_tree(code, "区监控中心", code[:6], "区")
        settings = LowerSettings(speaker, video=VideoSettings(width=320, height=180, fps=20, gop_s=1.0), **changes)
        lower = Lower(settings, tree)
        running = asyncio.create_task(lower.run())

        async def away() -> None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await lower.close()

        self.garden.push_async_callback(away)
        last = tree.cameras[-1].code
        await until(lambda: self._knows(code, last))
        return lower

    async def above(self, code: str = ABOVE, faults: Faults = Faults(), **changes: Any) -> Upper:
        """A platform above, with which the house has registered."""
        edition = changes.pop("edition", Edition.V2022)
        settings = UpperSettings(code, PASSWORD, edition=edition, ask_s=3.0, invite_s=10.0, faults=faults)
        upper = await self.sky.enter_async_context(Upper(settings))
        words = {"keepalive_interval_s": 5, "edition": edition.value} | changes
        await self.house.directory.add_upper(
            platform.Upper(code, host="127.0.0.1", port=upper.port, password=PASSWORD, **words)
        )
        await upper.registered(words.get("our_code", OWN))
        return upper

    async def _knows(self, owner: str, code: str) -> bool:
        return await self.house.directory.channel(owner, code) is not None


@asynccontextmanager
async def opened(folder: Path, *, media: dict[str, Any] | None = None, **below: Any) -> AsyncIterator[Middle]:
    defaults = Settings()
    settings = joined(
        replace(
            defaults,
            platform=PlatformSettings(name="广州市", code=OWN),
            sip=replace(defaults.sip, host="127.0.0.1", port=0),
            below=replace(
                defaults.below,
                common_password=PASSWORD,
                admission=Admission.OPEN,
                keepalive_interval_s=1.0,
                part_patience_s=1.0,
                catalog_retry_s=0.5,
                **below,
            ),
            above=replace(defaults.above, retry_s=0.5, retry_longest_s=1.0, reconnect_s=0.2, answer_s=2.0, batch_s=0.2),
            # Media in this process: what is looked at is what platforms say, and journeys run with media processes.
            media=replace(defaults.media, host="127.0.0.1", first_port=0, never_came_s=3.0, workers=0, **(media or {})),
            broker=replace(defaults.broker, linger_s=0.3),
            web=replace(defaults.web, host="127.0.0.1", port=0),
        )
    )
    async with AsyncExitStack() as sky, AsyncExitStack() as inside:
        await furnish(folder)
        house = await open_house(settings, folder, inside)
        async with AsyncExitStack() as garden:
            yield Middle(house, garden, sky)
