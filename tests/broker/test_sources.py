"""Sources of our own are fetched instead of called, watched like any camera, and asked whether they are there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.broker import Broker
from broker.placement import Placement
from broker.sources import SourceKeeper, SourceSettings
from broker.watch import RtpTo, Watch, WatchFailed, WatchKind
from media.plane import OutletKind, Probed, Seen, Source, Step, Verdict
from registry.directory import Directory
from registry.events import Bus, Event, StreamChanged
from registry.own_sources import OwnSources
from registry.source import OwnSource
from tests.broker.conftest import QUICK, FakePlane

OURS, GATE = "34020000002000000001", "34020000001320900001"
URL = "rtsp://10.0.0.9/live"
PATIENT = replace(QUICK, first_frame_s=10.0, viewer_patience_s=15.0)


class _Nobody:
    def peer(self, code: str) -> None:
        return None


class Home:
    def __init__(self, directory: Directory, settings: SourceSettings) -> None:
        self.plane = FakePlane()
        self.directory = directory
        self.sources = OwnSources(directory, OURS)
        placement = Placement(self.plane)  # type: ignore[arg-type]  # it seats nobody
        self.keeper = SourceKeeper(self.sources, placement, directory.bus, settings)
        self.broker = Broker(_Nobody(), directory, placement, directory.bus, PATIENT, sources=self.keeper.of)
        self.states: list[str] = []
        directory.bus.listen(
            lambda event: self.states.append(event.state) if isinstance(event, StreamChanged) else None
        )

    def _note(self, event: Event) -> None:
        if isinstance(event, StreamChanged):
            self.states.append(event.state)

    async def channel_is_online(self) -> bool:
        channel = await self.directory.channel(self.sources.owner, GATE)
        return channel is not None and channel.online

    async def channel_is_gone(self) -> bool:
        return not await self.channel_is_online()

    async def until(self, is_so: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while True:
                found = is_so()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.01)


@pytest.fixture
async def home() -> AsyncIterator[Callable[..., Any]]:
    made: list[Home] = []

    async def build(source: OwnSource | None = None, **settings: Any) -> Home:
        directory = Directory(Bus())
        await directory.open("memory:")
        made.append(Home(directory, SourceSettings(**settings)))
        await made[-1].sources.add(source or OwnSource(GATE, "gate", URL, "admin", "secret", "udp"))
        return made[-1]

    yield build
    for each in made:
        await each.broker.close()
        await each.keeper.close()
        assert each.plane.open_inlets == {} and each.plane.outlets == {}
        await each.directory.close()


def wish(**more: Any) -> Watch:
    return Watch(**{"owner": "", "channel": GATE, "outlet": OutletKind.FMP4_WS, "viewer": "ann", **more})


async def test_a_watch_fetches_once_for_all_and_lets_go_after_the_last(home: Any) -> None:
    here = await home()
    one, two = await asyncio.gather(here.broker.watch(wish()), here.broker.watch(wish(viewer="bob")))
    assert here.plane.pulled == [Source(URL, "admin", "secret", "udp")] and here.plane.opened == []
    [stream] = here.broker.streams()
    assert (stream.transport, stream.state, stream.path) == ("pulled", "live", (OURS,))
    assert one.path == (OURS,) and one.call_id
    await here.broker.release(one.id)
    await here.broker.release(two.id)
    await here.until(lambda: not here.plane.open_inlets)


async def test_a_platform_above_gets_it_like_any_camera(home: Any) -> None:
    here = await home()
    lease = await here.broker.watch(wish(outlet=RtpTo("192.0.2.99", 40000, "udp", 100000001), viewer_peer="upper"))
    assert lease.sender is not None and lease.sender.ssrc == 100000001
    here.broker.begin(lease.id)
    assert here.plane.begun == [lease.sender.outlet]


async def test_the_ladder_of_a_failure_is_what_the_source_answered(home: Any) -> None:
    here = await home()
    steps = (Step("OPTIONS", 200, "OK"), Step("DESCRIBE", 401, "Unauthorized"))
    here.plane.silent = [Seen(Verdict.REFUSED, note="DESCRIBE was answered 401", steps=steps)]
    with pytest.raises(WatchFailed) as failed:
        await here.broker.watch(wish())
    assert [(hop.who, hop.what, hop.status) for hop in failed.value.hops] == [
        (GATE, "OPTIONS", 200),
        (GATE, "DESCRIBE", 401),
    ]
    assert (failed.value.code, failed.value.status) == ("no-media", 480)
    assert "401" in str(failed.value) and "secret" not in str(failed.value)


async def test_nothing_is_tried_by_another_transport(home: Any) -> None:
    here = await home()
    here.plane.silent = [Seen(Verdict.CANNOT_CONNECT, note="10.0.0.9: Connection refused")]
    with pytest.raises(WatchFailed) as failed:
        await here.broker.watch(wish())
    assert len(here.plane.pulled) == 1 and failed.value.status == 480


async def test_a_lost_source_is_fetched_again_on_the_same_inlet(home: Any) -> None:
    here = await home()
    await here.broker.watch(wish())
    here.plane.silent = [Seen(Verdict.CANNOT_CONNECT)]
    here.plane.lose("the server closed the connection")
    await here.until(lambda: here.states.count("live") == 2)
    assert len(here.plane.pulled) == 1 and len(here.plane.aims) == 3 and "retrying" in here.states


async def test_what_is_switched_off_or_recorded_is_not_fetched(home: Any) -> None:
    here = await home()
    with pytest.raises(WatchFailed, match="no recordings"):
        await here.broker.watch(wish(kind=WatchKind.PLAYBACK, start=1, stop=2))
    await here.sources.change(GATE, enabled=False)
    with pytest.raises(WatchFailed, match="switched off"):
        await here.broker.watch(wish())
    assert here.plane.pulled == []


async def test_a_film_is_fetched_from_the_folder_of_the_settings(home: Any) -> None:
    here = await home(OwnSource(GATE, file="north/a.mp4"), folder="/films")
    await here.broker.watch(wish())
    assert here.plane.pulled == [Source(folder="/films", file="north/a.mp4")]
    assert await here.keeper.films() == ("/films/a.mp4",)
    assert await (await home()).keeper.films() == ()


async def test_a_source_that_nobody_watches_is_asked_now_and_then(home: Any) -> None:
    here = await home()
    here.plane.probes[URL] = Probed(Verdict.REFUSED, "DESCRIBE was answered 404 Not Found")
    await here.keeper.start()
    await here.until(lambda: here.sources.state(GATE).online is False)
    assert "404" in here.sources.state(GATE).note and not await here.channel_is_online()
    del here.plane.probes[URL]
    assert (await here.keeper.ask(GATE)).failure is None
    assert await here.channel_is_online() and here.sources.state(GATE).codecs == ("H.264",)
    assert await here.keeper.ask("34020000001320999999") is None


async def test_what_flows_is_there_and_is_not_asked(home: Any) -> None:
    here = await home()
    here.plane.probes[URL] = Probed(Verdict.REFUSED, "busy: one connection only")
    await here.keeper.start()
    await here.until(lambda: here.sources.state(GATE).online is False)
    await here.broker.watch(wish())
    await here.until(lambda: here.sources.state(GATE).online)
    asked = len(here.plane.probed)
    await here.keeper.ask(GATE)  # somebody tries it out: told to him, but not noted against what flows
    assert here.sources.state(GATE).online and len(here.plane.probed) == asked + 1


async def test_what_broke_off_is_gone_when_it_cannot_be_had_again(home: Any) -> None:
    here = await home()
    await here.keeper.start()
    await here.until(lambda: here.sources.state(GATE).online)
    asked = len(here.plane.probed)
    await here.broker.watch(wish())
    here.plane.silent = [Seen(Verdict.CANNOT_CONNECT, note="10.0.0.9: Connection refused")] * 30
    here.plane.lose("the server closed the connection")
    await here.until(lambda: here.sources.state(GATE).online is False)
    assert "Connection refused" in here.sources.state(GATE).note
    await here.until(here.channel_is_gone)
    here.plane.silent = []
    await here.until(lambda: here.sources.state(GATE).online)
    # The stream found it out by itself: a camera that serves one at a time was not asked beside it.
    assert len(here.plane.probed) == asked


async def test_trying_out_keeps_nothing(home: Any) -> None:
    here = await home()
    probed = await here.keeper.try_out(OwnSource("34020000001320900777", url="rtsp://10.0.0.10/x"))
    assert probed.failure is None and here.sources.get("34020000001320900777") is None
