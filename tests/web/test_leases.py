"""What a session holds goes back with it, however many of its wishes are on their way at that moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from broker.watch import Lease, OutletKind, VideoTrack, Watch
from media.frame import Codec
from web.auth import Proof, Role, Who
from web.errors import Problem
from web.leases import Leases

WANG = Who("wang", Role.OPERATOR, Proof.SESSION, "session-1")
WISH = Watch("34020000001320000001", "34020000001320000001", OutletKind.FMP4_WS)
VIDEO = VideoTrack(Codec.H264, 1920, 1080, 25.0, "avc1.640028")


class Places:
    """A broker that takes its time, as long as `pause` says."""

    def __init__(self, pause: Callable[[], float]) -> None:
        self.out: set[str] = set()
        self.made = 0
        self._pause = pause

    async def watch(self, watch: Watch) -> Lease:
        await asyncio.sleep(self._pause())
        self.made += 1
        self.out.add(f"lease-{self.made}")
        return Lease(f"lease-{self.made}", watch, "/media/x", "call", VIDEO, None)

    async def release(self, lease_id: str) -> None:
        self.out.discard(lease_id)
        await asyncio.sleep(self._pause())


async def test_a_picture_is_his_though_he_gave_his_last_one_back_while_room_was_made_for_it():
    places = Places(lambda: 0.0)
    leases = Leases(places, most=2)  # type: ignore[arg-type]  # as much of a broker as they need
    one, two = await leases.watch(WANG, WISH), await leases.watch(WANG, WISH)
    third = asyncio.create_task(leases.watch(WANG, WISH))
    await asyncio.sleep(0)
    assert places.out == {two.id}, "room is being made"
    assert await leases.release(WANG, two.id) and not await leases.release(WANG, one.id)
    assert leases.held(WANG, (await third).id) is not None
    await leases.end(WANG.id)
    assert places.out == set()


async def test_nothing_is_out_when_the_session_has_ended():
    dice = random.Random(28181)
    places = Places(lambda: dice.choice((0.0, 0.0, 0.001)))
    leases = Leases(places, most=3)  # type: ignore[arg-type]  # as much of a broker as they need

    async def come_and_go() -> None:
        lease = await leases.watch(WANG, WISH)
        await asyncio.sleep(dice.choice((0.0, 0.001)))
        if dice.random() < 0.5:
            await leases.release(WANG, lease.id)

    for _ in range(100):
        tasks = [asyncio.create_task(come_and_go()) for _ in range(6)]
        await asyncio.sleep(dice.choice((0.0, 0.001, 0.002)))
        dice.choice(tasks).cancel()
        ending = asyncio.create_task(leases.end(WANG.id))
        ended = await asyncio.gather(*tasks, ending, return_exceptions=True)
        assert all(each is None or isinstance(each, Problem | asyncio.CancelledError) for each in ended), ended
        await leases.end(WANG.id)
        assert (places.out, len(leases), leases.holders()) == (set(), 0, ())
