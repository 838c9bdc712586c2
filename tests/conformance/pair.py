"""A whole house of ours and simulated devices of either edition, with every SIP message of both sides kept.

    async with house(tmp_path) as estate:
        pair = await joined(estate, edition=Edition.V2016)
        await estate.post(f"/api/v1/channels/{pair.code}/{pair.code}/ptz", {"pan": 0.5})
        control = await pair.ours.hear(DeviceControl, out=True)

For lines about devices see `bare.py`: a platform that says whatever bytes it is told to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gb28181.edition import Edition
from simulator.camera import Camera
from tests.conformance.tap import Tap
from tests.estate import CAMERA, Estate, opened, until

__all__ = ["CAMERA", "Estate", "Pair", "house", "joined", "pair", "until"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A house and one of its devices. `ours` and `theirs` are what crossed the wire between them, seen from each."""

    estate: Estate
    camera: Camera
    ours: Tap
    theirs: Tap

    @property
    def code(self) -> str:
        return self.camera.settings.speaker.code

    def clear(self) -> None:
        """Forget what was said so far, on both sides."""
        self.ours.clear()
        self.theirs.clear()


@asynccontextmanager
async def house(folder: Path, **changes: Any) -> AsyncIterator[Estate]:
    """A house with its operator logged in; `changes` of settings by room, as `opened` takes them."""
    async with opened(folder, **changes) as estate:
        yield estate


async def joined(
    estate: Estate, code: str = CAMERA, *, edition: Edition = Edition.V2022, online: bool = True, **changes: Any
) -> Pair:
    """A device that has registered, its catalog read (unless `online` is false). `changes` are of CameraSettings;
    `speaker` those of its speaker."""
    speaker = changes.pop("speaker", {})
    made = estate.camera_settings(code, speaker={"edition": edition, **speaker}, **changes)
    ours = Tap(estate.house.stack, about=code)
    camera = Camera(made)
    theirs = Tap(camera.speaker.stack)
    estate.put_to_work(camera)
    if online:
        await until(lambda: estate.is_ready(code, len(made.channels)))
    return Pair(estate, camera, ours, theirs)


@asynccontextmanager
async def pair(
    folder: Path, *, edition: Edition = Edition.V2022, rooms: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Pair]:
    """A house and one device, for a test that wants both for itself."""
    async with house(folder, **(rooms or {})) as estate:
        yield await joined(estate, edition=edition, **changes)
