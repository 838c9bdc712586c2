"""Our subscriptions at a platform below, over real sockets: grants, refreshes, refusals, restarts, news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import CatalogNotice, CatalogQuery, Item
from gb28181.manscdp.message import Manscdp, parse, serialise
from gb28181.manscdp.position import Fix, Look, MobilePosition, MobilePositionQuery, PtzPositionNotice, PtzPositionQuery
from gb28181.sdp import answer_to, live_offer, parse_offer
from gb28181.sdp import serialise as sdp_bytes
from registry.events import AlarmRaised, NoticeHeard, PositionReported, PtzPositionReported
from sipserver.below import inbox
from sipserver.below.following import Followed, Standing, Subject, Whom
from sipserver.stack import Dialog, Incoming

LOWER = "34010200002000000001"
CAMERA = "34010200001320000001"
SECOND = "34010200001320000002"


class Owner:
    """The side of the lower platform: grants subscriptions and tells its news."""

    def __init__(self, camera) -> None:
        self.camera = camera
        self.status = 200
        self.granted_s: int | None = 600
        self.subscribed: list[Incoming] = []
        self.refreshed: list[Incoming] = []
        self.dialogs: list[Dialog] = []
        self.early: bytes = b""
        self._others = camera.stack.on_request
        camera.stack.on_request = self.serve

    def serve(self, incoming: Incoming) -> None:
        if incoming.request.method != "SUBSCRIBE":
            self._others(incoming)
        elif self.status != 200:
            self.subscribed.append(incoming)
            incoming.respond(self.status)
        else:
            self.subscribed.append(incoming)
            dialog = incoming.accept_subscription(self.granted_s or 0, contact_user=LOWER)
            dialog.on_request = self.refresh
            self.dialogs.append(dialog)

    def refresh(self, incoming: Incoming) -> None:
        self.refreshed.append(incoming)
        if self.status == 200:
            incoming.accept_subscription(self.granted_s or 0, contact_user=LOWER)
        else:
            incoming.respond(self.status)

    def asked(self, kind: type) -> list[Incoming]:
        return [incoming for incoming in self.subscribed if isinstance(parse(incoming.request.body), kind)]

    def dialog(self, kind: type) -> Dialog:
        dialog = self.asked(kind)[-1].dialog
        assert dialog is not None
        return dialog

    async def notify(self, kind: type, value: Manscdp | None, state: str = "active;expires=300") -> int:
        event = self.asked(kind)[-1].request.headers.get("Event") or ""
        body = b"" if value is None else serialise(value, Charset.GB18030, Edition.V2022)
        answer = await self.dialog(kind).request(
            "NOTIFY",
            headers=(("Event", event), ("Subscription-State", state)),
            body=body,
            content_type="Application/MANSCDP+xml" if body else None,
            timeout_s=2.0,
        )
        return answer.status


def news(*items: Item) -> CatalogNotice:
    return CatalogNotice(1, LOWER, len(items), items)


def of(house, subject: Subject) -> Followed | None:
    return next((each for each in house.below.following(LOWER) if each.subject is subject), None)


def stands(house, subject: Subject, standing: Standing) -> Callable[[], bool]:
    return lambda: (found := of(house, subject)) is not None and found.standing is standing


async def online(make_house, make_camera, until_true, *, status: int = 200, granted_s: int = 600, **fields):
    house = await make_house(known=(LOWER,), **({"follow_alarms": Whom.NOBODY} | fields))
    lower = await make_camera(house, LOWER, version="3.0")
    owner = Owner(lower)
    owner.status, owner.granted_s = status, granted_s
    lower.items = (Item(CAMERA, "gate", parent_ids=(LOWER,)), Item(SECOND, "yard", parent_ids=(LOWER,)))
    await lower.register()
    await until_true(lambda: owner.subscribed)
    await until_true(lambda: not house.below.is_onboarding(LOWER))
    return house, lower, owner


async def test_sub_01_a_platform_that_comes_is_subscribed_to_as_the_book_says(make_house, make_camera, until_true):
    house, _, owner = await online(make_house, make_camera, until_true)
    request = owner.subscribed[0].request
    event = request.headers.get("Event") or ""
    assert event.startswith("Catalog;id=") and event.partition("=")[2].isdigit()
    assert request.headers.get("Expires") == "600"
    assert request.contact is not None and request.contact.uri.user == "34020000002000000001"
    query = parse(request.body)
    assert isinstance(query, CatalogQuery) and query.device == LOWER and query.sn > 0
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    assert of(house, Subject.POSITION) is None
    assert house.below.statistics()["following"]["active"] == 1


async def test_cas_02_a_lower_that_comes_online_is_asked_for_its_catalog_and_subscribed_to(
    make_house, make_camera, until_true
):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    assert lower.queries(CatalogQuery) >= 1
    assert len(owner.asked(CatalogQuery)) == 1
    assert house.device(LOWER).channels_total == 2


async def test_sub_05_news_changes_the_tree_and_is_answered_200(make_house, make_camera, until_true):
    house, _, owner = await online(make_house, make_camera, until_true)
    assert await owner.notify(CatalogQuery, news(Item(CAMERA, event="OFF "))) == 200

    async def channel(code: str):
        return await house.directory.channel(LOWER, code)

    async def becomes(code: str, true: Callable[[object], bool]) -> None:
        async with asyncio.timeout(3.0):
            while not true(await channel(code)):
                await asyncio.sleep(0.02)

    await becomes(CAMERA, lambda found: found is not None and not found.online)
    third = "34010200001320000003"
    await owner.notify(
        CatalogQuery, news(Item(third, "new", parent_ids=(LOWER,), event="ADD"), Item(CAMERA, event="ON"))
    )
    await becomes(third, lambda found: found is not None and found.name == "new")
    await becomes(CAMERA, lambda found: found is not None and found.online)
    await owner.notify(
        CatalogQuery,
        news(Item(third, "renamed", event="UPDATE"), Item(SECOND, event="DEL"), Item(CAMERA, event="VLOST")),
    )
    await becomes(third, lambda found: found is not None and found.name == "renamed")
    await becomes(SECOND, lambda found: found is None)
    await becomes(CAMERA, lambda found: found is not None and not found.online)
    assert of(house, Subject.CATALOG).notices == 3


async def test_the_initial_report_tells_who_is_offline_and_all_others_are_taken_as_online(
    make_house, make_camera, until_true
):
    house, _, owner = await online(make_house, make_camera, until_true)
    first = await house.directory.channel(LOWER, CAMERA)
    assert first is not None and first.online
    await owner.notify(CatalogQuery, news(Item(SECOND, event="OFF")))

    async def states() -> dict[str, bool]:
        page = await house.directory.channels_of(LOWER)
        return {channel.code: channel.online for channel in page.items}

    async with asyncio.timeout(3.0):
        while await states() != {CAMERA: True, SECOND: False}:
            await asyncio.sleep(0.02)


async def test_sub_06_it_is_refreshed_in_its_dialog_at_four_fifths_of_its_time(make_house, make_camera, until_true):
    house, _, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    first = owner.subscribed[0].request
    house.skew_s += 470
    house.below._follow.look()
    assert not owner.refreshed
    house.skew_s += 11
    house.below._follow.look()
    await until_true(lambda: owner.refreshed)
    again = owner.refreshed[0].request
    assert (again.call_id, again.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert (again.headers.get("Expires"), again.headers.get("Event")) == ("600", first.headers.get("Event"))
    assert parse(again.body).sn != parse(first.body).sn
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))


async def test_sub_18_a_refused_refresh_leads_to_a_new_call_id_and_the_gap_is_closed(
    make_house, make_camera, until_true
):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    asked = lower.queries(CatalogQuery)
    original = owner.refresh
    owner.dialogs[0].on_request = lambda incoming: incoming.respond(481)
    house.skew_s += 481
    house.below._follow.look()
    await until_true(lambda: len(owner.subscribed) == 2)
    assert original is not None
    assert owner.subscribed[1].request.call_id != owner.subscribed[0].request.call_id
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    await until_true(lambda: lower.queries(CatalogQuery) == asked + 1)


@pytest.mark.parametrize("status", [489, 501, 403])
async def test_one_that_refuses_is_polled_instead(make_house, make_camera, until_true, status: int):
    house, lower, owner = await online(make_house, make_camera, until_true, status=status)
    await until_true(stands(house, Subject.CATALOG, Standing.POLLING))
    view = of(house, Subject.CATALOG)
    assert str(status) in view.reason
    asked = lower.queries(CatalogQuery)
    house.skew_s += 601
    house.below._follow.look()
    await until_true(lambda: lower.queries(CatalogQuery) > asked)
    assert len(owner.subscribed) == 1


async def test_sub_09_an_end_from_the_other_side_is_answered_and_asked_for_anew(make_house, make_camera, until_true):
    house, _, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    assert await owner.notify(CatalogQuery, None, "terminated;reason=timeout") == 200
    assert of(house, Subject.CATALOG).standing is Standing.WAITING
    house.skew_s += 6
    house.below._follow.look()
    await until_true(lambda: len(owner.subscribed) == 2)


async def test_sub_08_unfollowing_cancels_in_the_same_dialog(make_house, make_camera, until_true):
    house, _, owner = await online(make_house, make_camera, until_true)
    house.below.follow(LOWER, Subject.POSITION, interval_s=7)
    await until_true(stands(house, Subject.POSITION, Standing.ACTIVE))
    request = owner.asked(MobilePositionQuery)[0].request
    assert parse(request.body).interval_s == 7
    assert (request.headers.get("Event") or "").startswith("presence;id=")
    house.below.unfollow(LOWER, Subject.POSITION)
    await until_true(lambda: owner.refreshed)
    assert owner.refreshed[0].request.headers.get("Expires") == "0"
    assert owner.refreshed[0].request.call_id == request.call_id
    assert of(house, Subject.POSITION) is None


async def test_alarms_places_and_looks_come_as_events(make_house, make_camera, until_true):
    house, lower, owner = await online(
        make_house, make_camera, until_true, follow_alarms=Whom.PLATFORMS, follow_positions=Whom.PLATFORMS
    )
    house.below.follow(LOWER, Subject.PTZ, target=CAMERA)
    await until_true(lambda: len(owner.subscribed) == 4)
    assert parse(owner.asked(PtzPositionQuery)[0].request.body).device == CAMERA
    told = len(lower.asked)
    await owner.notify(AlarmQuery, Alarm(1, CAMERA, 1, 4, longitude=117.0, latitude=31.0))
    fix = Fix(CAMERA, 1_700_000_000.0, 117.5, 31.5, 36.5, 128.0)
    await owner.notify(MobilePositionQuery, MobilePosition(1, LOWER, 1_700_000_000.0, (fix,)))
    await owner.notify(PtzPositionQuery, PtzPositionNotice(1, CAMERA, Look(90.0, 12.5, 4.0)))
    assert [event.channel for event in house.told(AlarmRaised)] == [CAMERA]
    gps, place = house.told(PositionReported)
    assert (gps.longitude, gps.channel) == (117.0, CAMERA)
    assert place == PositionReported(LOWER, CAMERA, 1_700_000_000.0, 117.5, 31.5, 36.5, 128.0)
    (look,) = house.told(PtzPositionReported)
    assert (look.channel, look.pan, look.tilt, look.zoom) == (CAMERA, 90.0, 12.5, 4.0)
    await asyncio.sleep(0.05)
    assert len(lower.asked) == told, "an alarm in a subscription has no answer but its 200"


async def test_a_notice_of_ordered_work_is_handed_on_by_its_session(make_house, make_camera, until_true):
    house, lower, _ = await online(make_house, make_camera, until_true)
    body = (
        f"<Notify><CmdType>UploadSnapShotFinished</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID>"
        "<SessionID>0f7c2a54</SessionID><SnapShotList/></Notify>"
    ).encode()
    await lower.send("MESSAGE", body)
    assert house.told(NoticeHeard) == [NoticeHeard(LOWER, "UploadSnapShotFinished", CAMERA, "0f7c2a54", body)]


async def test_a_notify_in_a_dialog_we_do_not_know_is_taken_from_a_platform_that_is_there(
    make_house, make_camera, until_true
):
    house, lower, _ = await online(make_house, make_camera, until_true)
    body = serialise(news(Item(CAMERA, event="OFF")), Charset.GB18030, Edition.V2022)
    assert (await lower.send("NOTIFY", body, headers=(("Event", "presence"),))).status == 200
    async with asyncio.timeout(3.0):
        while (await house.directory.channel(LOWER, CAMERA)).online:
            await asyncio.sleep(0.02)


async def test_news_that_comes_while_the_catalog_is_gathered_is_not_lost_to_it(make_house, make_camera, until_true):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly(value: Manscdp) -> None:
        if isinstance(value, CatalogQuery):
            asked.set()
            await go_on.wait()
        await lower.answer_as_the_book_says(value)

    lower.answer = slowly
    await house.below.resync(LOWER)
    await asked.wait()
    # The catalog that is about to come was made before this.
    await owner.notify(CatalogQuery, news(Item(SECOND, event="DEL"), Item(CAMERA, event="OFF")))
    await asyncio.sleep(0.7)
    go_on.set()
    await until_true(lambda: not house.below.is_onboarding(LOWER))
    async with asyncio.timeout(4.0):
        while True:
            second = await house.directory.channel(LOWER, SECOND)
            first = await house.directory.channel(LOWER, CAMERA)
            if second is None and first is not None and not first.online:
                break
            await asyncio.sleep(0.05)


async def test_after_our_restart_those_who_are_there_are_subscribed_to_anew(make_house, make_camera, until_true):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    port = house.stack.port
    await house.stop()
    again = await make_house(directory=house.directory, port=port, follow_alarms=Whom.NOBODY)
    await lower.keep_alive()
    await until_true(lambda: len(owner.subscribed) == 2)
    await until_true(stands(again, Subject.CATALOG, Standing.ACTIVE))
    # It still tells the old subscription, too.
    event = (("Event", owner.subscribed[0].request.headers.get("Event")), ("Subscription-State", "active"))
    body = serialise(news(Item(CAMERA, event="OFF")), Charset.GB18030, Edition.V2022)
    answer = await owner.dialogs[0].request("NOTIFY", headers=event, body=body, content_type="text/xml", timeout_s=2.0)
    assert answer.status == 200


async def test_a_platform_that_goes_and_comes_is_subscribed_to_again(make_house, make_camera, until_true):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    await lower.register(expires=0)
    await until_true(stands(house, Subject.CATALOG, Standing.AWAY))
    assert house.stack.statistics().dialogs == 0
    await lower.register()
    await until_true(lambda: len(owner.subscribed) == 2)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))


async def test_a_node_of_the_tree_is_asked_for_alone(make_house, make_camera, until_true):
    house, lower, _ = await online(make_house, make_camera, until_true)
    group = "34010200002150000001"
    lower.items = (Item(group, "Traffic", parent_ids=(LOWER,)),)
    diff = await house.below.ask_catalog(LOWER, group)
    assert diff.added == (group,)
    assert (await house.directory.channel(LOWER, CAMERA)) is not None, "nothing is removed by an answer about a part"
    with pytest.raises(LookupError):
        await house.below.ask_catalog("1", group)


async def test_two_who_wish_for_the_same_share_one_subscription_until_both_are_content(
    make_house, make_camera, until_true
):
    house, _, owner = await online(make_house, make_camera, until_true)
    house.below.follow(LOWER, Subject.POSITION, interval_s=10, by="province")
    await until_true(stands(house, Subject.POSITION, Standing.ACTIVE))
    house.below.follow(LOWER, Subject.POSITION, interval_s=3, by="army")
    await until_true(lambda: owner.refreshed)
    assert parse(owner.refreshed[0].request.body).interval_s == 3
    house.below.unfollow(LOWER, Subject.POSITION, by="army")
    house.below.unfollow(LOWER, Subject.POSITION, by="army")
    assert of(house, Subject.POSITION) is not None
    house.below.unfollow(LOWER, Subject.POSITION, by="province")
    assert of(house, Subject.POSITION) is None
    await until_true(lambda: owner.refreshed[-1].request.headers.get("Expires") == "0")
    assert len(owner.asked(MobilePositionQuery)) == 1


async def test_what_the_settings_follow_outlives_a_wish(make_house, make_camera, until_true):
    house, _, _ = await online(make_house, make_camera, until_true)
    house.below.follow(LOWER, Subject.CATALOG, by="somebody")
    house.below.unfollow(LOWER, Subject.CATALOG, by="somebody")
    assert of(house, Subject.CATALOG) is not None


async def test_a_call_of_a_channel_that_is_removed_ends(make_house, make_camera, until_true):
    house, lower, owner = await online(make_house, make_camera, until_true)

    def answer(incoming: Incoming) -> None:
        asked = parse_offer(incoming.request.body)
        said = answer_to(asked, owner=CAMERA, host="127.0.0.1", port=15_060, ssrc=102_000_001)
        incoming.accept(sdp_bytes(said), "application/sdp", CAMERA)

    lower.on_invite = answer
    call = await house.below.peer(LOWER).call(CAMERA, live_offer("1", "127.0.0.1", 30_000, 102_000_001, "udp"))
    ends: list[str] = []
    call.on_end(ends.append)
    await owner.notify(CatalogQuery, news(Item(SECOND, event="DEL")))
    await asyncio.sleep(0.6)
    assert ends == []
    await owner.notify(CatalogQuery, news(Item(CAMERA, event="DEL")))
    await until_true(lambda: ends == ["channel-removed"])


async def test_news_of_what_we_do_not_know_asks_for_the_catalog_at_once_and_then_not_too_often(
    make_house, make_camera, until_true, monkeypatch
):
    monkeypatch.setattr(inbox, "RESYNC_EVERY_S", 2.0)
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    asked = lower.queries(CatalogQuery)
    for number in (7, 8):
        await owner.notify(CatalogQuery, news(Item(f"3401020000132000000{number}", event="ON")))
        await asyncio.sleep(0.7)
        assert lower.queries(CatalogQuery) == asked + 1
    await until_true(lambda: lower.queries(CatalogQuery) == asked + 2)


async def test_a_platform_that_restarted_unnoticed_is_subscribed_to_anew_when_it_registers(
    make_house, make_camera, until_true
):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    asked = lower.queries(CatalogQuery)
    owner.dialogs[0].on_request = lambda incoming: incoming.respond(481)
    await lower.register()
    await until_true(lambda: len(owner.subscribed) == 2)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    await until_true(lambda: lower.queries(CatalogQuery) == asked + 1)


async def test_a_platform_that_merely_counts_its_registers_anew_is_left_in_peace(make_house, make_camera, until_true):
    house, lower, owner = await online(make_house, make_camera, until_true)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    asked = lower.queries(CatalogQuery)
    await lower.register()
    await until_true(lambda: owner.refreshed)
    await until_true(stands(house, Subject.CATALOG, Standing.ACTIVE))
    await asyncio.sleep(0.1)
    assert (len(owner.subscribed), lower.queries(CatalogQuery)) == (1, asked)
