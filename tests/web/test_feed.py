"""Open consoles hear the news: gathered, bounded, and as long as their session lives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from registry.alarm import KeptAlarm
from registry.events import (
    AlarmChanged,
    AlarmCountsChanged,
    CatalogChanged,
    CatalogProgress,
    ChannelStatusChanged,
    CountsChanged,
    DeviceChanged,
    DeviceRemoved,
    DeviceWentOffline,
    PictureWished,
    RegistrationRefused,
    StreamChanged,
)
from registry.platform import Upper, UpperState
from registry.refusal import Refusal, RefusalSeen
from registry.sharing import ShareRule
from web.alarm_views import alarm_item
from web.auth import Proof, Role, Who
from web.desk import DESK
from web.feed import MOST_GATHERED, RESYNC, Listener, line
from web.server import sweep
from web.settings import WebSettings

CAMERA = "34020000001320000001"
UPPER = "34000000002000000001"
KEPT = KeptAlarm(7, "x", "y", 1, 5, "2", None, 9.0, 9.0, 9.5, description="motion")
ALARM = AlarmChanged(KEPT, "raised")
WANG = Who("wang", Role.VIEWER, Proof.SESSION, "s1")


class Ear:
    """A console that listens."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.heartbeats = 0

    async def hear(self) -> tuple[str, Any] | None:
        """The next event; None when the feed has ended."""
        kind = ""
        async with asyncio.timeout(5):
            async for raw in self.response.content:
                text = raw.decode().rstrip("\n")
                if text.startswith("event: "):
                    kind = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    if kind != "beat":
                        return kind, json.loads(text.removeprefix("data: "))
                    self.heartbeats += 1
        return None

    async def hear_kind(self, kind: str) -> Any:
        while (heard := await self.hear()) is not None:
            if heard[0] == kind:
                return heard[1]
        raise AssertionError(f"the feed ended without a {kind}")


@asynccontextmanager
async def listening(client: Any) -> AsyncIterator[Ear]:
    async with client.session.get(client.base + "/api/v1/events") as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        ear = Ear(response)
        assert (await ear.hear() or ("",))[0] == "hello"
        yield ear


async def test_the_first_word_says_who_hears_and_which_server_this_is(house):
    viewer = await house.person("viewer")
    async with viewer.session.get(viewer.base + "/api/v1/events") as response:
        kind, said = await Ear(response).hear()
    assert kind == "hello"
    assert said == {"user": "viewer", "role": "viewer", "version": "0.1.0", "started_at": 5.0, "heartbeat_s": 0.2}


@pytest.mark.parametrize(
    ("event", "kind", "data"),
    [
        (DeviceRemoved("x"), "device-removed", {"code": "x"}),
        (CatalogProgress("x", 40, 200), "catalog-progress", {"owner": "x", "got": 40, "expected": 200}),
        (ChannelStatusChanged("x", "y", False), "channel", {"owner": "x", "code": "y", "online": False}),
        (
            CountsChanged((("division:34", 3, 4),)),
            "counts",
            {"nodes": [{"id": "division:34", "online": 3, "total": 4}]},
        ),
        (
            StreamChanged("s1", "x", "y", "flowing"),
            "stream",
            {"id": "s1", "owner": "x", "channel": "y", "state": "flowing", "note": ""},
        ),
        (ALARM, "alarm", {"what": "raised", "alarm": msgspec.to_builtins(alarm_item(KEPT))}),
        (AlarmCountsChanged(((1, 2), (4, 1)), 5), "alarm-counts", {"open": {"1": 2, "4": 1}, "unclosed": 5}),
        (PictureWished(7, "x", "y", "门"), "picture-wished", {"alarm": 7, "owner": "x", "channel": "y", "name": "门"}),
    ],
)
async def test_each_fact_is_news_of_its_kind(house, event, kind, data):
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        house.bus.tell(event)
        assert await ear.hear() == (kind, data)


async def test_a_device_is_told_as_it_stands(house):
    await house.camera(password="a secret")
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        house.bus.tell(DeviceWentOffline(CAMERA, "silent", 9.0))
        said = await ear.hear_kind("device")
        assert said["code"] == CAMERA and said["has_password"] is True and "a secret" not in str(said)
        assert said == await viewer.get(f"/devices/{CAMERA}")


async def test_a_platform_above_is_told_as_it_stands_to_operators_only(house):
    operator, viewer = await house.person("operator"), await house.person("viewer")
    async with listening(operator) as ear, listening(viewer) as other:
        await house.directory.add_upper(Upper(UPPER, host="10.0.0.1", password="a secret"))
        assert (await ear.hear_kind("platform"))["state"]["state"] == "unknown"
        house.directory.note_upper_state(UpperState(UPPER, "registered", catalog_sent=(4, 9)))
        said = await ear.hear_kind("platform")
        assert said["state"]["catalog_sent"] == {"sent": 4, "total": 9} and "a secret" not in str(said)
        assert said == await operator.get(f"/platforms/{UPPER}")
        await house.directory.share(UPPER, [ShareRule("division:34", True)])
        assert await ear.hear_kind("sharing") == {"platform": UPPER}
        await house.directory.remove_upper(UPPER)
        assert await ear.hear_kind("platform-removed") == {"code": UPPER}
        house.bus.tell(DeviceRemoved("x"))
        assert await other.hear() == ("device-removed", {"code": "x"})


async def test_a_long_catalog_is_cut_and_its_counts_are_whole(house):
    await house.camera()
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        added = tuple(str(n) for n in range(5000))
        house.bus.tell(CatalogChanged(CAMERA, added, (), (), 5000, 0, 0, True))
        said = await ear.hear_kind("catalog")
        assert len(said["added"]) == 200 and said["added_count"] == 5000


async def test_refusals_are_news_for_operators_only(house):
    refusal = RefusalSeen("x", Refusal.WRONG_PASSWORD, "", "10.0.0.65:5060", "UDP", 9.0)
    viewer, operator = await house.person("viewer"), await house.person("operator")
    async with listening(viewer) as low, listening(operator) as high:
        house.bus.tell(RegistrationRefused(refusal))
        house.bus.tell(DeviceRemoved("end"))
        assert (await high.hear())[0] == "refusal"
        assert (await low.hear())[0] == "device-removed"


async def test_many_changes_of_one_thing_are_one_line(house):
    await house.camera()
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        for n in range(100):
            house.bus.tell(DeviceChanged(CAMERA))
            house.bus.tell(CountsChanged((("division:34", n, 100), (f"division:34{n % 3:02}", n, 9))))
            house.bus.tell(CatalogProgress(CAMERA, n, 100))
        house.bus.tell(DeviceRemoved("end"))
        heard = []
        while not heard or heard[-1][0] != "device-removed":
            heard.append(await ear.hear())
        assert sorted(kind for kind, _ in heard) == ["catalog-progress", "counts", "device", "device-removed"]
        told = dict(heard)
        assert told["catalog-progress"]["got"] == 99
        assert {node["id"]: node["online"] for node in told["counts"]["nodes"]}["division:34"] == 99


async def test_a_storm_of_different_things_is_one_resync(house):
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        for n in range(MOST_GATHERED + 50):
            house.bus.tell(DeviceRemoved(str(n)))
        heard = [await ear.hear()]
        house.bus.tell(StreamChanged("end", "x", "y", "ended"))
        while heard[-1][0] != "stream":
            heard.append(await ear.hear())
        assert heard[0] == ("resync", {}) and len(heard) < 60


async def test_a_quiet_feed_is_kept_warm_by_beats_that_a_page_can_see(house):
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        await asyncio.sleep(0.5)
        house.bus.tell(DeviceRemoved("end"))
        await ear.hear()
        assert ear.heartbeats >= 1


@pytest.mark.parametrize("how", ["log-out", "removed", "role", "shown-out"])
async def test_the_feed_ends_with_its_session(house, how):
    viewer, boss = await house.person("viewer", "wang"), await house.person("administrator")
    async with listening(viewer) as ear:
        if how == "log-out":
            await viewer.ask("DELETE", "/api/v1/session")
        elif how == "removed":
            await boss.ask("DELETE", "/api/v1/users/wang")
        elif how == "role":
            await boss.ask("PATCH", "/api/v1/users/wang", {"role": "operator"})
        else:
            await boss.ask("DELETE", "/api/v1/users/wang/sessions")
        assert await ear.hear() is None
    assert (await viewer.ask("GET", "/api/v1/events"))[0] == 401


async def test_a_session_that_ended_behind_our_back_is_found_out(house):
    viewer = await house.person("viewer")
    async with listening(viewer) as ear:
        await house.accounts.end_sessions_of("viewer")
        await sweep(house.app[DESK])
        assert await ear.hear() is None


async def test_others_feeds_go_on(house):
    one, other = await house.person("viewer", "one"), await house.person("viewer", "other")
    async with listening(one), listening(other) as ear:
        await one.ask("DELETE", "/api/v1/session")
        house.bus.tell(DeviceRemoved("x"))
        assert await ear.hear() == ("device-removed", {"code": "x"})


async def test_a_console_that_left_is_forgotten(house):
    viewer = await house.person("viewer")
    feed = house.app[DESK].feed
    async with listening(viewer):
        assert feed.statistics()["listeners"] == 1
    for n in range(200):
        if not feed.statistics()["listeners"]:
            break
        house.bus.tell(DeviceRemoved(str(n)))
        await asyncio.sleep(0.02)
    assert feed.statistics()["listeners"] == 0


class TestTooManyFeeds:
    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, most_feeds=2)

    async def test_are_refused(self, house):
        viewer = await house.person("viewer")
        async with listening(viewer), listening(viewer):
            assert (await viewer.ask("GET", "/api/v1/events"))[0] == 503


async def test_a_slow_console_gets_a_resync_instead_of_a_pile():
    slow = Listener(WANG, size=4)
    for n in range(100):
        slow.put(line("stream", {"n": n}))
    block = await slow.take(0.0)
    assert block.startswith(RESYNC)
    assert block.count(b"event: ") <= 4
    assert slow.missed > 80


async def test_a_console_that_keeps_up_misses_nothing():
    quick = Listener(WANG, size=4)
    heard = b""
    for n in range(100):
        quick.put(line("stream", {"n": n}))
        heard += await quick.take(0.0)
    assert heard.count(b"event: stream") == 100 and quick.missed == 0


def test_a_line_break_in_the_data_does_not_break_the_line():
    assert line("alarm", {"d": "a\n\nevent: x\ndata: y"}).count(b"\n") == 3


class TestAConsoleThatReadsNothing:
    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, longest_feed_queue=8, feed_patience_s=0.5)

    async def test_is_not_waited_for_and_then_cut(self, house):
        viewer = await house.person("viewer")
        cookie = next(iter(viewer.session.cookie_jar)).value
        _reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=1024)
        writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nCookie: lianwang={cookie}\r\n\r\n".encode())
        feed = house.app[DESK].feed
        while feed.statistics()["listeners"] < 1:
            await asyncio.sleep(0.01)
        async with listening(viewer) as ear:
            for n in range(400):
                house.bus.tell(AlarmChanged(replace(KEPT, id=n + 1, description="a" * 60_000), "raised"))
                heard = await ear.hear()
                assert heard[0] == "alarm" and heard[1]["alarm"]["id"] == n + 1
                if feed.statistics()["missed"]:
                    break
            assert feed.statistics()["missed"] > 0
            while feed.statistics()["listeners"] > 1:
                house.bus.tell(DeviceRemoved("x"))
                await ear.hear()
        writer.close()
