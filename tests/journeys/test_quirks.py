"""Cameras with the quirks of real ones play like any other: each of them live through a whole house."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from media.frame import Codec
from simulator.quirks import Quirks
from simulator.video import VideoSettings
from tests.estate import Estate, opened, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES = (f"3402000000132000{number:04d}" for number in range(700, 800))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with opened(Path(tmp_path_factory.mktemp("quirks"))) as estate:
        yield estate


@pytest.mark.parametrize(
    ("quirk", "transport"),
    [
        ("ssrc_zero", "udp"),
        ("ssrc_zero", "tcp-passive"),
        ("no_psm", "udp"),
        ("pes_length_0", "udp"),
        ("pes_length_0", "tcp-passive"),
        ("hik_units", "udp"),
        ("dollar", "tcp-passive"),
        ("dollar", "tcp-active"),
        ("jump", "udp"),
        ("other_port", "udp"),
    ],
)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_a_camera_with_a_quirk_plays_on_without_a_loss(estate: Estate, quirk: str, transport: str, codec: Codec):
    code = next(CODES)
    await estate.post("/api/v1/devices", {"code": code, "kind": "camera", "media_transport": transport}, 201)
    video = VideoSettings(codec=codec, width=320, height=180, fps=25, gop_s=0.5, kbps=300)
    camera = await estate.camera(code, quirks=Quirks(**{quirk: True}), video=video)
    live = await estate.live(code)
    assert (live["video"]["width"], live["video"]["height"], live["video"]["codec"]) == (320, 180, str(codec))

    async def figures() -> dict[str, float]:
        listed = await estate.get("/api/v1/streams")
        return next(item["statistics"] for item in listed["items"] if item["channel"] == code)

    # Past the first jump of the time stamps, which comes with the sixtieth picture.
    await until(lambda: _beyond(figures, 90), 20)
    seen = await figures()
    assert seen["lost"] == 0 and seen["video"]["fps"] > 15, seen
    await estate.delete(f"/api/v1/live/{live['lease']}")
    await estate.take_away(camera, deregister=True)


async def _beyond(figures: object, frames: int) -> bool:
    assert callable(figures)
    return bool((await figures())["frames"] >= frames)
