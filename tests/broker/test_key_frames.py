"""Key frames that a camera is asked for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from broker.key_frames import KeyFrames
from gb28181.peer import PeerSilent

OWNER, CHANNEL = "34020000001110000001", "34020000001320000001"


class Camera:
    """A neighbour that counts what it was told, and answers when it may."""

    def __init__(self, *, is_online: bool = True, error: Exception | None = None) -> None:
        self.is_online = is_online
        self.told = self.over = 0
        self.answers = asyncio.Event()
        self._error = error

    async def tell(self, notice) -> None:
        assert notice.i_frame and notice.device == CHANNEL
        self.told += 1
        try:
            if self._error is not None:
                raise self._error
            await self.answers.wait()
        finally:
            self.over += 1


def of(camera: Camera | None, every_s: float = 60.0) -> KeyFrames:
    return KeyFrames(SimpleNamespace(peer=lambda code: camera if code == OWNER else None), every_s)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_wishes_that_come_close_are_one():
    camera = Camera()
    frames = of(camera)
    for _ in range(3):
        frames.ask(OWNER, CHANNEL)
    await turns()
    assert camera.told == 1


async def test_nobody_is_asked_who_is_away_and_his_turn_is_not_used_up():
    camera = Camera(is_online=False)
    frames = of(camera)
    frames.ask("nobody", CHANNEL)
    frames.ask(OWNER, CHANNEL)
    await turns()
    assert camera.told == 0
    camera.is_online = True
    frames.ask(OWNER, CHANNEL)
    await turns()
    assert camera.told == 1


async def test_closing_ends_the_asking():
    camera = Camera()
    frames = of(camera)
    frames.ask(OWNER, CHANNEL)
    await turns()
    assert camera.over == 0
    frames.close()
    await turns()
    assert camera.over == 1


async def test_a_camera_that_does_not_answer_is_asked_again_later(caplog):
    caplog.set_level("INFO", logger="broker.key_frames")
    camera = Camera(error=PeerSilent("it is silent"))
    frames = of(camera, every_s=0.0)
    frames.ask(OWNER, CHANNEL)
    await turns()
    frames.ask(OWNER, CHANNEL)
    await turns()
    assert camera.told == camera.over == 2 and "it is silent" in caplog.text
