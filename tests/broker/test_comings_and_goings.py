"""Hundreds who come and go at any moment, while calls break, media is lost and channels are cut: nothing is left of
them, nobody waits for ever, and who is cancelled is told so."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from broker.watch import OutletKind, Peek, RecordTo, RtpTo, TakeHome, Watch, WatchFailed, WatchKind
from gb28181.peer import PeerRefused, PeerSilent
from media.plane import Recorder, RecordingWish, Seen, Sender, SenderWish, TakingWish, Verdict
from tests.broker.conftest import OWNER, FakePlane, Hall

ROUNDS = 60
SECOND = "34020000001110000002"
NOTHING = Seen(Verdict.NOTHING)
KINDS = (OutletKind.FMP4_WS, OutletKind.FLV_HTTP)


class Plane(FakePlane):
    """It takes a moment for everything, as one in another process does."""

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        await asyncio.sleep(0)
        return await super().attach(inlet, kind, audio=audio)

    async def attach_sender(self, inlet: str, wish: SenderWish) -> Sender:
        await asyncio.sleep(0)
        return await super().attach_sender(inlet, wish)

    async def attach_recording(self, inlet: str, wish: RecordingWish) -> Recorder:
        outlet, _ = await self.attach(inlet, OutletKind.FMP4_WS)
        return Recorder(outlet, wish.recording)

    async def attach_taking(self, inlet: str, wish: TakingWish) -> Recorder:
        outlet, _ = await self.attach(inlet, OutletKind.FMP4_WS)
        return Recorder(outlet, wish.name)

    async def detach(self, inlet: str, outlet: str) -> None:
        await asyncio.sleep(0)
        await super().detach(inlet, outlet)


class Crowd:
    """Whoever watches, and whatever befalls them; `dice` decides."""

    def __init__(self, home: Hall, dice: random.Random) -> None:
        self.home = home
        self.dice = dice
        self.ended: list[str] = []
        self.failures: list[str] = []

    def wish(self) -> Watch:
        dice, number = self.dice, self.dice.randrange(2)
        owner = dice.choice((OWNER, OWNER, SECOND, ""))
        outlets: tuple[Any, ...] = (
            dice.choice(KINDS),
            RtpTo("192.0.2.7", 40000, "udp", dice.choice((None, 200000009))),
            RecordTo(f"r{dice.randrange(1 << 30)}"),
            Peek(),
        )
        if dice.random() < 0.3:
            outlet = dice.choice((dice.choice(KINDS), TakeHome(f"t{dice.randrange(1 << 30)}")))
            kind = WatchKind.DOWNLOAD if isinstance(outlet, TakeHome) else WatchKind.PLAYBACK
            return self.home.wish(owner=owner, outlet=outlet, kind=kind, start=1, stop=61)
        return self.home.wish(owner=owner, outlet=dice.choice(outlets), stream_number=number)

    async def moment(self) -> None:
        await asyncio.sleep(self.dice.choice((0, 0, 0, 0.001, 0.005, 0.02)))

    async def one(self) -> None:
        """Somebody comes, looks for a while, and goes."""
        await self.moment()
        broker = self.home.broker
        try:
            lease = await broker.watch(self.wish())
        except WatchFailed as failed:
            self.failures.append(failed.code)
            return
        try:
            broker.on_lease_end(lease.id, self.ended.append)
            broker.along(lease.id, lambda: None)
            broker.begin(lease.id)
            await self.moment()
        finally:
            await broker.release(lease.id)

    async def fate(self) -> None:
        """Something happens."""
        await self.moment()
        home, dice = self.home, self.dice
        match dice.randrange(7):
            case 0:
                home.plane.lose()
            case 1:
                for peer in home.peers.values():
                    for call in [call for call in peer.calls if not call.is_over][-1:]:
                        call.device_hangs_up()
            case 2:
                streams = home.broker.streams()
                if streams:
                    await home.broker.stop(dice.choice(streams).id)
            case 3:
                refusal = PeerRefused("no", status=486, reason="Busy Here")
                dice.choice(tuple(home.peers.values())).refuses.append(dice.choice((refusal, PeerSilent("no"))))
            case 4:
                home.plane.silent.append(NOTHING)
            case 5:
                for inlet in tuple(home.plane.open_inlets)[-1:]:  # as when its media host dies
                    await home.plane.close(inlet)
            case 6:
                home.peer.fails = dice.choice(("", "", "call"))


@pytest.mark.parametrize("seed", [28181, 35114])
async def test_nothing_is_left_of_them(hall, seed: int):
    home: Hall = hall(viewer_patience_s=1.0, answer_s=0.2, first_frame_s=0.2, linger_s=0.01, retry_last_s=0.05)
    home.add(SECOND)
    plane = Plane()
    home.plane = plane
    home.broker._placement._plane = plane
    plane.listen(home.broker._plane_said)
    dice = random.Random(seed)
    crowd = Crowd(home, dice)
    before = asyncio.all_tasks()
    for _ in range(ROUNDS):
        tasks = [asyncio.create_task(crowd.one()) for _ in range(6)]
        tasks += [asyncio.create_task(crowd.fate()) for _ in range(2)]
        for _ in range(dice.randrange(4)):
            await crowd.moment()
            dice.choice(tasks).cancel()
        async with asyncio.timeout(30):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in ended), ended
        home.peer.fails = ""
    broker = home.broker
    await home.until(lambda: home.nothing_is_held() and not broker._ending, 20)
    counted = broker.statistics()
    assert (counted.leases, counted.waiting, counted.granted > ROUNDS) == (0, 0, True), counted
    assert not (broker._by_inlet or broker._by_outlet or broker._takers or broker._leaving)
    assert asyncio.all_tasks() == before
    assert all(call.is_over for peer in home.peers.values() for call in peer.calls)
