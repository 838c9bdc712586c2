"""A camera set in motion stops although nobody says so."""

from __future__ import annotations

import asyncio
import time

import pytest

from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from gb28181.peer import PeerSilent
from web.desk import DESK
from web.levers import Levers
from web.settings import WebSettings

CAMERA = "34020000001320000001"
STEER = f"/api/v1/channels/{CAMERA}/{CAMERA}/ptz"
MOVE, STOP = ptz.Move(pan=1.0), ptz.Stop()
LENS, LENS_STOP = ptz.FocusIris(focus=1.0), ptz.FocusIris()
CALL = ptz.Preset(ptz.PresetAction.CALL, 1)


class Camera:
    """Writes down when it was told what; `fails` breaks the next words to it."""

    dialect = None
    is_online = True

    def __init__(self, code: str = CAMERA) -> None:
        self.code = code
        self.heard: list[ptz.Command] = []
        self.at: list[float] = []
        self.fails = 0
        self.news = asyncio.Event()

    async def tell(self, notice: DeviceControl) -> None:
        assert notice.ptz is not None
        self.heard.append(ptz.decode(notice.ptz))
        self.at.append(time.monotonic())
        self.news.set()
        if self.fails:
            self.fails -= 1
            raise PeerSilent("no answer")

    async def until_heard(self, count: int) -> None:
        async with asyncio.timeout(5.0):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()


class Neighbours:
    def __init__(self, camera: Camera) -> None:
        self.camera = camera

    def peer(self, code: str) -> Camera | None:
        return self.camera if code == self.camera.code else None


@pytest.fixture
def camera() -> Camera:
    return Camera()


def levers_of(camera: Camera, hold_s: float = 0.15) -> Levers:
    return Levers(Neighbours(camera), hold_s, again_s=0.02)  # type: ignore[arg-type]  # a camera that is only told


async def steer(levers: Levers, camera: Camera, command: ptz.Command) -> None:
    control = DeviceControl(sn=0, device=CAMERA, ptz=ptz.encode(command))
    await levers.steer(camera, CAMERA, command, control)  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(("motion", "stop"), [(MOVE, STOP), (LENS, LENS_STOP)])
async def test_a_motion_nobody_speaks_of_any_more_is_stopped_and_the_stop_said_twice(camera, motion, stop):
    levers = levers_of(camera)
    await steer(levers, camera, motion)
    await camera.until_heard(3)
    assert camera.heard == [motion, stop, stop]
    assert camera.at[1] - camera.at[0] >= 0.14
    assert len(levers) == 0


async def test_whoever_goes_on_saying_so_goes_on(camera):
    levers = levers_of(camera)
    for _ in range(6):
        await steer(levers, camera, MOVE)
        await asyncio.sleep(0.05)
    assert camera.heard == [MOVE] * 6
    await levers.close()


@pytest.mark.parametrize("end", [STOP, CALL])
async def test_what_was_stopped_or_sent_to_a_preset_is_left_alone(camera, end):
    levers = levers_of(camera)
    await steer(levers, camera, MOVE)
    await steer(levers, camera, end)
    assert len(levers) == 0
    await asyncio.sleep(0.25)
    assert camera.heard == [MOVE, end]


async def test_the_stop_of_the_head_leaves_the_lens_to_its_own(camera):
    levers = levers_of(camera)
    await steer(levers, camera, LENS)
    await steer(levers, camera, STOP)
    await camera.until_heard(3)
    assert camera.heard[2] == LENS_STOP


async def test_a_stop_that_was_not_taken_is_followed_by_ours(camera):
    levers = levers_of(camera)
    await steer(levers, camera, MOVE)
    camera.fails = 1
    with pytest.raises(PeerSilent):
        await steer(levers, camera, STOP)
    await camera.until_heard(4)
    assert camera.heard == [MOVE, STOP, STOP, STOP]


async def test_a_motion_whose_answer_never_came_is_stopped_too(camera):
    levers = levers_of(camera)
    camera.fails = 1
    with pytest.raises(PeerSilent):
        await steer(levers, camera, MOVE)
    await camera.until_heard(3)
    assert camera.heard[1:] == [STOP, STOP]


async def test_a_camera_moved_again_is_not_told_to_stop_a_second_time(camera):
    levers = Levers(Neighbours(camera), 0.1, again_s=0.06)  # type: ignore[arg-type]  # a camera that is only told
    await steer(levers, camera, MOVE)
    await camera.until_heard(2)
    await steer(levers, camera, MOVE)
    await asyncio.sleep(0.08)
    assert camera.heard == [MOVE, STOP, MOVE]
    await levers.close()


async def test_a_house_that_closes_leaves_nothing_turning(camera):
    levers = levers_of(camera, hold_s=60.0)
    await steer(levers, camera, MOVE)
    await levers.close()
    assert camera.heard == [MOVE, STOP]


async def test_the_route_holds_the_lever_and_lets_it_go(house):
    peer = await house.camera()
    operator = await house.person("operator")
    assert (await operator.ask("POST", STEER, {"pan": 1}))[0] == 204
    assert len(house.app[DESK].levers) == 1
    assert (await operator.ask("POST", STEER, {"stop": True}))[0] == 204
    assert len(house.app[DESK].levers) == 0
    assert len(peer.told) == 2


def test_a_lever_that_is_never_let_go_or_at_once_is_refused():
    for wrong in (0.0, -1.0, 61.0, float("nan")):
        with pytest.raises(ValueError, match="ptz_hold_s"):
            WebSettings(ptz_hold_s=wrong)
