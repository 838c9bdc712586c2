"""A camera set in motion stops although nobody says so."""

from __future__ import annotations

import asyncio
import time

import pytest

from broker.levers import Levers
from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from gb28181.peer import PeerSilent

CAMERA = "34020000001320000001"
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
        self.names: list[str] = []
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

    def in_name_of(self, identity: str) -> Camera:
        self.names.append(identity)
        return self

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


HOLD_S = 0.15


def levers_of(camera: Camera, again_s: float = 0.02) -> Levers:
    return Levers(Neighbours(camera), again_s=again_s)  # type: ignore[arg-type]  # a camera that is only told


async def steer(
    levers: Levers, camera: Camera, command: ptz.Command, hold_s: float = HOLD_S, identity: str = ""
) -> None:
    control = DeviceControl(sn=0, device=CAMERA, ptz=ptz.encode(command))
    await levers.steer(camera.code, CAMERA, command, lambda: camera.tell(control), hold_s=hold_s, identity=identity)


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
    levers = levers_of(camera, again_s=0.06)
    await steer(levers, camera, MOVE)
    await camera.until_heard(2)
    await steer(levers, camera, MOVE)
    await asyncio.sleep(0.08)
    assert camera.heard == [MOVE, STOP, MOVE]
    await levers.close()


async def test_a_house_that_closes_leaves_nothing_turning(camera):
    levers = levers_of(camera)
    await steer(levers, camera, MOVE, hold_s=60.0)
    await levers.close()
    assert camera.heard == [MOVE, STOP]


async def test_the_stop_goes_in_the_name_of_whoever_began(camera):
    levers = levers_of(camera)
    await steer(levers, camera, MOVE, identity="somebody-else")
    await steer(levers, camera, MOVE, identity="34020000-operator")
    await camera.until_heard(4)
    assert (camera.heard, camera.names) == ([MOVE, MOVE, STOP, STOP], ["34020000-operator"] * 2)


async def test_the_last_hand_on_a_lever_says_how_long_it_holds(camera):
    levers = levers_of(camera)
    await steer(levers, camera, MOVE, hold_s=0.05)
    await steer(levers, camera, MOVE, hold_s=60.0)
    await asyncio.sleep(0.2)
    assert (camera.heard, len(levers)) == ([MOVE, MOVE], 1)
    await levers.close()


async def test_what_takes_the_camera_over_is_followed_by_no_stop_of_ours(camera: Camera):
    levers = levers_of(camera, again_s=0.05)
    await steer(levers, camera, MOVE)
    await levers.still(CAMERA, CAMERA)
    assert camera.heard == [MOVE, STOP] and len(levers) == 0
    await asyncio.sleep(HOLD_S + 0.1)
    assert camera.heard == [MOVE, STOP], "neither when its time would have been, nor a second time"
    await steer(levers, camera, MOVE, hold_s=0.01)
    await camera.until_heard(4)
    await levers.still(CAMERA, CAMERA)
    await asyncio.sleep(0.1)
    assert camera.heard == [MOVE, STOP, MOVE, STOP], "the second word of a stop that ran out is not said, either"


async def test_a_preset_that_is_called_is_not_ended_by_the_second_word_of_a_stop(camera: Camera):
    levers = levers_of(camera, again_s=0.05)
    await steer(levers, camera, MOVE, hold_s=0.01)
    await camera.until_heard(2)
    await steer(levers, camera, CALL)
    await asyncio.sleep(0.1)
    assert camera.heard == [MOVE, STOP, CALL]


async def test_a_stop_of_a_motion_before_is_not_said_beside_that_of_the_next(camera: Camera):
    levers = levers_of(camera, again_s=0.2)
    await steer(levers, camera, MOVE, hold_s=0.01)
    await camera.until_heard(2)
    await steer(levers, camera, MOVE, hold_s=0.01)
    await camera.until_heard(5)
    await asyncio.sleep(0.3)
    assert camera.heard == [MOVE, STOP, MOVE, STOP, STOP], "twice for the last, and once for the one it replaced"
    await levers.close()
