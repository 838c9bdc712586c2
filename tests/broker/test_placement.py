"""Which media host takes a stream, and what becomes of a stream whose host died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.broker import Broker, BrokerSettings
from broker.placement import Placement, expected_cpu, in_order
from broker.watch import RtpTo, WatchFailed, WatchKind
from media.plane import (
    Inlet,
    NoCapacity,
    OutletClosed,
    PlaneEvent,
    Seen,
    StreamFailed,
    Transport,
    Verdict,
    WorkerStatistics,
)
from registry.device import Device
from tests.broker.conftest import QUICK, FakePlane, Hall, _Neighbours


class FakeHost(FakePlane):
    """A plane that can be busy, full, and dead."""

    def __init__(self, name: str, zone: str = "", cpu: float = 0.0) -> None:
        super().__init__()
        self.name = name
        self.zone = zone
        self.cpu = cpu
        self.is_well = True
        self.is_here = True
        self.is_full = False
        self.unmeasured = 0

    @property
    def load(self) -> WorkerStatistics:
        return WorkerStatistics(self.name, load=self.cpu, streams=len(self.open_inlets))

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return (self.load,)

    async def open(self, ssrc: int, transport: Transport, **more: Any) -> Inlet:
        if self.is_full:
            raise NoCapacity(f"{self.name} is full")
        inlet = replace(await super().open(ssrc, transport, **more), id=f"{self.name}/{self._number}")
        self.open_inlets = {each.id: each for each in (*self.open_inlets.values(), inlet) if "/" in each.id}
        return inlet

    def die(self) -> None:
        inlets, outlets = tuple(self.open_inlets), dict(self.outlets)
        self.is_well = False
        self.open_inlets.clear()
        self.outlets.clear()
        for inlet in inlets:
            self.tell(StreamFailed(inlet, Seen(Verdict.LOST, note=f"the media host {self.name} is gone")))
        for outlet, inlet in outlets.items():
            self.tell(OutletClosed(inlet, outlet, f"the media host {self.name} is gone"))


class FakeHosts:
    def __init__(self, *hosts: FakeHost) -> None:
        self.all = list(hosts)

    def hosts(self) -> list[FakeHost]:
        return self.all

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        for host in self.all:
            host.listen(listener)

    def workers(self) -> tuple[WorkerStatistics, ...]:
        return tuple(host.load for host in self.all)


class Town(Hall):
    """A broker with several media hosts."""

    def __init__(self, settings: BrokerSettings, *hosts: FakeHost) -> None:
        super().__init__(settings)
        self.hosts = hosts
        placement = Placement(hosts=[FakeHosts(host) for host in hosts])
        self.broker = Broker(_Neighbours(self), self.channels, placement, self.bus, settings)

    def inlets(self) -> list[str]:
        return [inlet for host in self.hosts for inlet in host.open_inlets]


@pytest.fixture
async def town() -> AsyncIterator[Callable[..., Town]]:
    made: list[Town] = []

    def build(*hosts: FakeHost, **changes: Any) -> Town:
        made.append(Town(replace(QUICK, **changes), *hosts))
        return made[-1]

    yield build
    for each in made:
        await each.broker.close()
        assert not each.inlets() and each.broker.statistics().ssrcs_lent == 0


def names(hosts: Any, zone: str = "") -> list[str]:
    return [host.name for host in in_order(hosts, zone)]


def test_the_least_busy_host_of_the_zone_is_first():
    hosts = [FakeHost("far", "south"), FakeHost("busy", "north", 0.8), FakeHost("idle", "north", 0.2)]
    assert names(hosts, "north") == ["idle", "busy", "far"]
    assert names(hosts, "south") == ["far", "idle", "busy"]
    assert names(hosts) == ["far", "idle", "busy"], "no zone of ours is there, so the idlest"


def test_streams_that_nobody_has_measured_count_as_much_as_those_before_them():
    assert expected_cpu(WorkerStatistics("a", load=0.4, streams=10), 5) == pytest.approx(0.8)
    assert expected_cpu(WorkerStatistics("a", streams=3), 3) == pytest.approx(0.03)


async def test_a_host_that_is_full_hands_on_to_the_next(town):
    full, other = FakeHost("full"), FakeHost("other", cpu=0.9)
    full.is_full = True
    home = town(full, other)
    await home.broker.watch(home.wish())
    assert home.inlets() == ["other/1"]


async def test_when_all_are_full_the_viewer_is_told_so(town):
    full = FakeHost("full")
    full.is_full = True
    home = town(full)
    with pytest.raises(WatchFailed, match="full is full") as failed:
        await home.broker.watch(home.wish())
    assert (failed.value.code, failed.value.status) == ("no-capacity", 503)


async def test_all_uses_of_a_stream_stay_on_its_host(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two)
    first = await home.broker.watch(home.wish())
    one.cpu = 0.9
    second = await home.broker.watch(home.wish())
    assert home.inlets() == ["one/1"] and "one/1" in first.address and "one/1" in second.address


async def test_a_stream_whose_host_died_is_called_again_on_another_before_its_viewer_is_back(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two, retry_first_s=30.0)
    lease = await home.broker.watch(home.wish())
    ended: list[str] = []
    home.broker.on_lease_end(lease.id, ended.append)
    one.die()
    assert ended and "one is gone" in ended[0], "whoever holds a place on it is told at once"
    await home.until(lambda: home.inlets() == ["two/1"])
    await home.until(lambda: home.states[-1] in ("live", "lingering"))
    again = await home.broker.watch(home.wish())
    assert "two/1" in again.address
    assert home.said() == {"INVITE": 2, "BYE": 1}


async def test_a_stream_whose_viewer_does_not_come_back_lingers_and_ends(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two)
    await home.broker.watch(home.wish())
    one.die()
    await home.until(lambda: home.inlets() == ["two/1"])
    await home.until(lambda: not home.inlets())
    assert home.said() == {"INVITE": 2, "BYE": 2}


async def test_a_stream_that_only_lingered_is_not_called_again(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two, linger_s=5.0)
    lease = await home.broker.watch(home.wish())
    await home.broker.release(lease.id)
    await home.until(lambda: home.states[-1] == "lingering")
    one.die()
    await home.until(lambda: home.states[-1] == "ended")
    assert home.said() == {"INVITE": 1, "BYE": 1}


async def test_a_platform_above_is_told_and_finds_the_stream_again_when_it_calls(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two)
    to = RtpTo("192.0.2.99", 6000, "udp", ssrc=7)
    lease = await home.broker.watch(home.wish(outlet=to))
    ended: list[str] = []
    home.broker.on_lease_end(lease.id, ended.append)
    one.die()
    assert ended
    again = await home.broker.watch(home.wish(outlet=to))
    home.broker.begin(again.id)
    assert two.begun == [again.sender.outlet]


async def test_a_host_that_dies_while_the_stream_rings_is_replaced_by_another(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    one.fails = "never"
    home = town(one, two)
    watching = asyncio.create_task(home.broker.watch(home.wish()))
    await home.until(lambda: one.aims)
    one.die()
    assert "two/1" in (await watching).address


async def test_a_stream_waits_a_little_for_a_host_that_is_being_replaced(town):
    only = FakeHost("only")
    home = town(only)
    await home.broker.watch(home.wish())
    only.die()
    await asyncio.sleep(0.1)
    assert not home.inlets()
    only.is_well = True
    await home.until(home.inlets)


async def test_a_recording_whose_host_died_has_failed_and_is_not_called_again(town):
    one, two = FakeHost("one"), FakeHost("two", cpu=0.5)
    home = town(one, two)
    wish = home.wish(kind=WatchKind.PLAYBACK, start=1, stop=2)
    lease = await home.broker.watch(wish)
    ended: list[str] = []
    home.broker.on_lease_end(lease.id, ended.append)
    one.die()
    await home.until(lambda: home.broker.statistics().streams == 0)
    assert ended and ended[0] != "finished"
    assert home.said()["INVITE"] == 1


async def test_a_device_of_a_zone_sends_to_a_host_of_that_zone(town):
    near, far = FakeHost("near", "north", 0.9), FakeHost("far", "south")
    home = town(near, far)
    home.channels.change(media_zone="north")
    await home.broker.watch(home.wish())
    assert home.inlets() == ["near/1"]


async def test_what_is_on_our_disk_goes_to_no_host_of_another_machine():
    here, there = FakeHost("here", cpu=0.9), FakeHost("there")
    there.is_here = False
    placement = Placement(hosts=[FakeHosts(there), FakeHosts(here)])
    assert await placement.planes_for(None, within_s=0.0) == [there, here]
    assert await placement.planes_for(None, within_s=0.0, is_on_disk=True) == [here]


def test_small_differences_of_load_are_chance_and_the_emptier_host_is_better():
    full, empty = FakeHost("full", cpu=0.01), FakeHost("empty", cpu=0.15)
    full.open_inlets = {"a": None}  # type: ignore[dict-item]  # only counted
    assert names([full, empty]) == ["empty", "full"]


async def test_one_plane_alone_takes_every_stream():
    plane = FakePlane()
    assert await Placement(plane).planes_for(Device("1"), within_s=0.0) == (plane,)
