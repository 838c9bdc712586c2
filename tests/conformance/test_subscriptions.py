"""The lines about subscriptions between a platform and devices (signalling reference 11), each a test named by its
line; those between platforms stand in `test_cascade.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.manscdp.alarm import AlarmQuery
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.message import serialise as write
from gb28181.manscdp.position import MobilePosition, MobilePositionQuery, PtzPositionNotice, PtzPositionQuery
from registry.events import Event, PositionReported, PtzPositionReported
from simulator.alarming import AlarmingSettings, Scare
from simulator.camera import ChannelSettings
from sipserver.below.following import Subject, Whom
from sipserver.stack import Dialog, Incoming
from tests.conformance.bare import CAMERA, SERVER, Platform, bare
from tests.conformance.pair import Estate, Pair, house, joined, until
from tests.conformance.tap import Seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD = "34020000001320000016"
NEW = "34020000001180000022"
CHANNELS = tuple(ChannelSettings(f"3402000000132000002{number}", f"门 {number}") for number in range(1, 4))
MANSCDP = "Application/MANSCDP+xml"


class Heard:
    """A subscription of a bare platform at a device, and the NOTIFYs that came in its dialog."""

    def __init__(self) -> None:
        self.notices: list[Any] = []
        self.status = 0
        self.dialog: Dialog | None = None

    def take(self, incoming: Incoming) -> None:
        self.notices.append(incoming.request)
        incoming.respond(200)


async def subscribe(platform: Platform, query: Manscdp, expires_s: int = 60, **more: Any) -> Heard:
    heard = Heard()
    path = platform.path
    assert path is not None
    request = platform.stack.new_request(
        "SUBSCRIBE",
        f"sip:{CAMERA}@127.0.0.1",
        from_uri=f"sip:{SERVER}@3402000000",
        to_uri=f"sip:{CAMERA}@3402000000",
        path=path,
        contact_user=SERVER,
        headers=(("Event", "presence;id=7"), ("Expires", str(expires_s))),
        body=more.get("body") or write(query, "GB18030", platform.edition),
        content_type=MANSCDP,
    )
    response, heard.dialog = await platform.stack.subscribe(request, path, on_request=heard.take, timeout_s=5)
    heard.status = response.status
    return heard


def notices(platform: Platform, kind: type) -> list[Seen]:
    return [seen for seen in platform.tap.all(kind, out=False) if seen.method == "NOTIFY"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    folder = Path(tmp_path_factory.mktemp("subscriptions"))
    async with house(folder, below={"ask_patience_s": 3.0, "position_interval_s": 1}) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old(estate: Estate) -> Pair:
    """A camera of the edition 2016."""
    return await joined(estate, OLD, edition=Edition.V2016, alarming=AlarmingSettings(armed=True))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def new(estate: Estate) -> Pair:
    """A device of the edition 2022 with three channels."""
    return await joined(estate, NEW, channels=CHANNELS, alarming=AlarmingSettings(armed=True))


def facts(estate: Estate, kind: type) -> list[Any]:
    """What the house tells of a kind from now on."""
    told: list[Any] = []

    def listen(event: Event) -> None:
        if isinstance(event, kind):
            told.append(event)

    estate.house.directory.bus.listen(listen)
    return told


async def standing(pair: Pair, subject: str) -> Any:
    listed = await pair.estate.get(f"/api/v1/devices/{pair.code}/subscriptions")
    return next((each for each in listed["items"] if each["subject"] == subject), None)


async def is_active(pair: Pair, subject: str) -> Any:
    seen = await standing(pair, subject)
    return seen if seen and seen["standing"] == "active" else None


async def test_SUB_13_places_are_notified_at_the_interval_that_was_asked_for():
    async with bare(Edition.V2022) as (platform, _):
        quick = await subscribe(platform, MobilePositionQuery(1, CAMERA, 1))
        assert quick.status == 200
        await until(lambda: len(quick.notices) >= 3)
        first, second, third = [said.said for said in notices(platform, MobilePosition)][:3]
        assert isinstance(first, MobilePosition) and isinstance(third, MobilePosition)
        assert len({each.fixes[0].at for each in (first, second, third)}) == 3  # type: ignore[union-attr]
        assert {said.headers.get("Event") for said in quick.notices} == {"presence;id=7"}
        assert all((said.headers.get("Subscription-State") or "").startswith("active") for said in quick.notices)


async def test_SUB_14_the_flat_form_of_a_2016_device_is_parsed(estate: Estate, old: Pair):
    told = facts(estate, PositionReported)
    estate.house.below.follow(OLD, Subject.POSITION, interval_s=1)
    await until(lambda: told)
    seen = await old.ours.see(lambda seen: seen.method == "NOTIFY" and seen.body, out=False)
    assert seen.xml.find("DeviceList") is None
    assert float(seen.xml.findtext("Longitude") or "") == told[0].longitude
    assert (told[0].owner, told[0].channel) == (OLD, OLD)
    estate.house.below.unfollow(OLD, Subject.POSITION)


async def test_SUB_15_items_of_a_2022_device_carry_code_time_and_place(estate: Estate, new: Pair):
    told = facts(estate, PositionReported)
    estate.house.below.follow(NEW, Subject.POSITION, interval_s=1)
    await until(lambda: len(told) >= 3)
    seen = await new.ours.see(lambda seen: seen.method == "NOTIFY" and seen.body, out=False)
    items = seen.xml.findall("DeviceList/Item")
    assert [item.findtext("DeviceID") for item in items] == [channel.code for channel in CHANNELS]
    for item in items:
        assert all(item.findtext(name) for name in ("CaptureTime", "Longitude", "Latitude"))
    assert {event.channel for event in told[:3]} == {channel.code for channel in CHANNELS}
    estate.house.below.unfollow(NEW, Subject.POSITION)


async def test_SUB_16_how_a_dome_looks_is_notified_when_it_turns(estate: Estate, new: Pair):
    told = facts(estate, PtzPositionReported)
    estate.house.below.follow(NEW, Subject.PTZ)
    gate = CHANNELS[0].code
    await until(lambda: len(told) >= 3)  # one of each, to begin with
    count = len(told)
    await estate.post(f"/api/v1/channels/{NEW}/{gate}/ptz", {"pan": 1.0}, 204)
    await until(lambda: len(told) > count + 1)
    await estate.post(f"/api/v1/channels/{NEW}/{gate}/ptz", {"stop": True}, 204)
    assert {event.channel for event in told[count:]} == {gate}
    assert told[-1].pan > told[0].pan
    seen = new.ours.all(PtzPositionNotice, out=False)[-1]
    assert seen.method == "NOTIFY" and all(seen.xml.findtext(name) for name in ("Pan", "Tilt", "Zoom"))
    estate.house.below.unfollow(NEW, Subject.PTZ)


async def test_SUB_16_a_2016_device_knows_no_such_subscription_and_is_asked_for_none():
    async with bare(Edition.V2016) as (platform, _):
        assert (await subscribe(platform, PtzPositionQuery(1, CAMERA))).status == 489


async def test_SUB_17_a_subscription_to_what_nobody_understands_is_refused(estate: Estate, new: Pair):
    speaker = new.camera.speaker
    path = speaker.stack.udp_path(("127.0.0.1", estate.house.stack.port))
    for body in (b"", b"<Query><CmdType>Weather</CmdType><SN>1</SN><DeviceID>1</DeviceID></Query>"):
        request = speaker.stack.new_request(
            "SUBSCRIBE",
            "sip:34020000002000000001@3402000000",
            from_uri=f"sip:{NEW}@3402000000",
            to_uri="sip:34020000002000000001@3402000000",
            path=path,
            contact_user=NEW,
            headers=(("Event", "weather"), ("Expires", "60")),
            body=body,
            content_type=MANSCDP,
        )
        response = await speaker.stack.ask(request, path, timeout_s=5)
        assert 400 <= response.status < 500
    async with bare() as (platform, _):
        body = b"<Query><CmdType>Weather</CmdType><SN>1</SN><DeviceID>1</DeviceID></Query>"
        assert (await subscribe(platform, AlarmQuery(1, CAMERA), body=body)).status == 489


async def test_SUB_18_after_a_481_to_a_refresh_a_fresh_subscription_has_a_new_call_id(estate: Estate, old: Pair):
    estate.house.below.follow(OLD, Subject.ALARM, interval_s=60)
    await until(lambda: is_active(old, "alarm"))
    first = old.camera.followers.of("alarm")[0].dialog.call_id
    old.clear()
    old.camera.followers.forget_all()
    estate.house.below.follow(OLD, Subject.ALARM, interval_s=30, by="another")  # a new interval is told by a refresh
    refusal = await old.ours.see(lambda seen: seen.status == 481, out=False)
    assert refusal.message.call_id == first
    await until(lambda: old.camera.followers.of("alarm"))
    assert old.camera.followers.of("alarm")[0].dialog.call_id != first
    await until(lambda: is_active(old, "alarm"))


async def test_what_is_chosen_for_a_device_is_subscribed_to_at_once_and_ended_at_once(estate: Estate):
    code = "34020000001320000044"
    pair = await joined(estate, code)
    path = f"/api/v1/devices/{code}/subscriptions"

    async def choose(**wish: str) -> None:
        async with estate.http.put(path, json=wish) as response:
            assert response.status == 200, await response.text()

    await choose(alarm="on", ptz="on")
    await until(lambda: pair.camera.followers.of("alarm") and pair.camera.followers.of("ptz"))
    await until(lambda: is_active(pair, "alarm"))
    await choose(ptz="on")
    await until(lambda: not pair.camera.followers.of("alarm"))
    ended = pair.ours.all("SUBSCRIBE", out=True)[-1]
    assert ended.message.headers.get("Expires") == "0"
    assert pair.camera.followers.of("ptz")


async def test_alarms_that_are_followed_come_by_notify_and_those_that_are_not_by_message(old: Pair, new: Pair):
    old.clear()
    await old.camera.raise_alarm(scare=Scare(5, 1))
    assert (await old.ours.see("Alarm", out=False)).method == "NOTIFY"
    new.clear()
    await new.camera.raise_alarm(CHANNELS[1].code, Scare(5, 1))
    assert (await new.ours.see("Alarm", out=False)).method == "MESSAGE"


async def test_a_device_tells_nobody_any_more_when_the_time_is_over_or_the_subscription_ended():
    async with bare(alarming=AlarmingSettings(armed=True)) as (platform, camera):
        heard = await subscribe(platform, AlarmQuery(1, CAMERA), expires_s=1)
        await until(lambda: not camera.followers.of("alarm"))
        await camera.raise_alarm()
        assert (await platform.tap.see("Alarm", out=False)).method == "MESSAGE"
        assert heard.notices == []


async def test_a_subscription_filters_alarms_by_priority_method_and_type():
    async with bare(alarming=AlarmingSettings(armed=True)) as (platform, camera):
        heard = await subscribe(platform, AlarmQuery(1, CAMERA, 1, 2, (5,), alarm_type="6"))
        for scare in (Scare(5, 6, priority=4), Scare(2, None, priority=1), Scare(5, 2, priority=1)):
            await camera.raise_alarm(scare=scare)
        assert heard.notices == []
        await camera.raise_alarm(scare=Scare(5, 6, priority=2))
        await until(lambda: len(heard.notices) == 1)


async def test_after_our_restart_and_after_the_devices_registration_it_is_subscribed_anew(tmp_path: Path):
    rooms: dict[str, Any] = {"below": {"follow_alarms": Whom.ALL}}
    async with house(tmp_path, **rooms) as estate:
        pair = await joined(estate, OLD)
        await until(lambda: pair.camera.followers.of("alarm"))
        first = pair.camera.followers.of("alarm")[0].dialog.call_id
        await estate.post(f"/api/v1/channels/{OLD}/{OLD}/reboot", {}, 204)
        # It has forgotten us, and registers as if it were new.
        await until(lambda: any(each.dialog.call_id != first for each in pair.camera.followers.of("alarm")))
        before = pair.camera.followers.of("alarm")[0].dialog.call_id
        await estate.close()
        await estate.open()
        await until(
            lambda: any(each.dialog.call_id != before for each in pair.camera.followers.of("alarm")), patience_s=20
        )
