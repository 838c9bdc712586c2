"""Orders to devices for photographs: an address for one order, no more than was asked for, and an end in any case."""

from __future__ import annotations

import asyncio

import pytest

from broker import device_shots as module
from broker.device_shots import DeviceShots, NotWanted
from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import serialise
from gb28181.manscdp.snapshot import UploadSnapShotFinished
from gb28181.peer import PeerRefused, PeerSilent
from media.plane import NoCapacity, Photograph
from registry.events import Bus, NoticeHeard

from .conftest import CHANNEL, OWNER

JPEG = b"\xff\xd8\xff picture"
NAMES = tuple(f"{CHANNEL}0220261129101500250{number:02d}" for number in range(1, 4))


class Keeper:
    """An album that takes what begins as a JPEG does."""

    def __init__(self):
        self.kept, self.failure = [], None

    async def judge(self, data):
        await asyncio.sleep(0)
        if not data.startswith(b"\xff\xd8\xff"):
            raise ValueError("it does not begin as a JPEG does")
        return Photograph(data, data, 64, 48)

    async def keep(self, photograph, shot):
        if self.failure is not None:
            raise self.failure
        self.kept.append(shot)
        return module.Shot(
            **{**{name: getattr(shot, name) for name in shot.__struct_fields__}, "id": str(len(self.kept))}
        )


class Device:
    def __init__(self):
        self.asked, self.answer = [], None

    async def ask(self, query, *, timeout_s=None):
        self.asked.append(query)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or ControlResponse(query.sn, query.device, True, "", "DeviceConfig")


@pytest.fixture
async def desk():
    bus, keeper, device = Bus(), Keeper(), Device()
    shots = DeviceShots(keeper, bus, lambda: 1000.0)
    yield shots, bus, keeper, device
    await shots.close()


async def ordered(shots, device, wanted=3):
    """An order, and the secret of its address."""
    view = await shots.order(device, OWNER, CHANNEL, wanted, 1, "http://10.0.0.1:8088", "wang")
    (setting,) = device.asked[-1].settings
    url = setting.find("UploadURL").text
    assert url.startswith("http://10.0.0.1:8088/snap/") and setting.find("SessionID").text == view.session
    return view.session, url.rpartition("/")[2]


def finished(bus, session, files, owner=OWNER):
    said = UploadSnapShotFinished(1, CHANNEL, session, tuple(files))
    body = serialise(said, Charset.GB18030, Edition.V2022)
    bus.tell(NoticeHeard(owner, "UploadSnapShotFinished", CHANNEL, session, body))


async def test_an_order_is_done_when_the_device_has_said_so_and_all_is_here(desk):
    shots, bus, keeper, device = desk
    session, token = await ordered(shots, device)
    for name in NAMES:
        await shots.take(token, name, JPEG)
    assert shots.view(session).state == "ordered"
    finished(bus, session, NAMES)
    view = shots.view(session)
    assert (view.state, view.received, view.listed) == ("done", ("1", "2", "3"), NAMES)
    assert [(shot.reason, shot.session, shot.name) for shot in keeper.kept] == [("device", session, n) for n in NAMES]
    with pytest.raises(NotWanted) as no:
        await shots.take(token, NAMES[0], JPEG)
    assert no.value.status == 404


async def test_what_is_said_to_be_sent_may_come_a_little_later(desk):
    shots, bus, _, device = desk
    session, token = await ordered(shots, device, 1)
    finished(bus, session, NAMES[:1])
    assert shots.view(session).state == "ordered"
    await shots.take(token, NAMES[0], JPEG)
    assert shots.view(session).state == "done"


async def test_fewer_than_were_asked_for_are_a_partial_failure_and_none_is_a_failure(desk):
    shots, bus, _, device = desk
    session, token = await ordered(shots, device)
    await shots.take(token, NAMES[0], JPEG)
    finished(bus, session, NAMES[:1])
    assert shots.view(session).state == "partial"
    session, _ = await ordered(shots, device)
    finished(bus, session, ())
    assert shots.view(session).state == "failed"


async def test_no_more_are_taken_than_were_asked_for_even_at_once(desk):
    shots, _, keeper, device = desk
    session, token = await ordered(shots, device, 2)
    done = await asyncio.gather(*(shots.take(token, "x", JPEG) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(each, NotWanted) for each in done) == 4 and len(keeper.kept) == 2
    assert shots.view(session).refused == 4


@pytest.mark.parametrize(("data", "status"), [(b"<html>", 415), (b"", 415), (b"\xff\xd8\xff" + bytes(9 << 20), 413)])
async def test_what_is_no_picture_or_too_large_is_refused_and_counted(desk, data, status):
    shots, _, keeper, device = desk
    session, token = await ordered(shots, device)
    with pytest.raises(NotWanted) as no:
        await shots.take(token, "x", data)
    assert no.value.status == status and shots.view(session).refused == 1 and not keeper.kept
    await shots.take(token, "x", JPEG)


async def test_nobody_but_the_device_that_was_asked_can_end_an_order(desk):
    shots, bus, _, device = desk
    session, token = await ordered(shots, device)
    finished(bus, session, (), owner="34020000001110000099")
    bus.tell(NoticeHeard(OWNER, "UploadSnapShotFinished", CHANNEL, session, b"no message"))
    assert shots.view(session).state == "ordered" and shots.waits(token) and not shots.waits("guess")


@pytest.mark.parametrize("answer", ["refusal", PeerSilent("it is silent")], ids=["refused", "silent"])
async def test_a_device_that_does_not_agree_has_no_address(desk, answer):
    shots, _, _, device = desk
    device.answer = ControlResponse(0, CHANNEL, False, "no lens", "DeviceConfig") if answer == "refusal" else answer
    with pytest.raises(PeerRefused if answer == "refusal" else PeerSilent):
        await ordered(shots, device)
    (view,) = shots.views(CHANNEL)
    assert view.state == "failed" and view.note in ("no lens", "it is silent")


async def test_an_order_has_an_end_though_the_device_says_nothing(desk, monkeypatch):
    monkeypatch.setattr(module, "GRACE_S", -0.99)
    shots, _, _, device = desk
    session, token = await ordered(shots, device, 1)
    async with asyncio.timeout(5):
        while shots.view(session).state == "ordered":
            await asyncio.sleep(0.01)
    assert (shots.view(session).state, shots.view(session).note) == ("failed", "deadline")
    assert not shots.waits(token)


async def test_a_full_disk_is_told_to_the_device_and_the_operator(desk):
    shots, _, keeper, device = desk
    session, token = await ordered(shots, device)
    keeper.failure = OSError(28, "No space left on device")
    with pytest.raises(NotWanted) as no:
        await shots.take(token, "x", JPEG)
    assert no.value.status == 507 and "space" in shots.view(session).note


async def test_orders_under_way_are_bounded_and_old_ones_forgotten(desk, monkeypatch):
    monkeypatch.setattr(module, "MOST_OPEN", 2)
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    shots, bus, _, device = desk
    for _ in range(2):
        await ordered(shots, device)
    with pytest.raises(NoCapacity):
        await ordered(shots, device)
    for _ in range(6):
        finished(bus, shots.views()[0].session, ())
        await ordered(shots, device)
    assert len(shots.views()) <= 4
