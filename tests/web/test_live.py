"""A wish to see a channel becomes an address, and is given back whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from broker.watch import OutletKind, Seen, WatchFailed, WatchKind
from gb28181.peer import Hop
from media.plane import Verdict
from web.desk import DESK
from web.server import sweep

CAMERA = "34020000001320000001"
OWN = "34020000002000000002"
LOWER = "34020200002000000001"
WISH = {"owner": CAMERA, "channel": CAMERA}


async def test_a_viewer_gets_an_address_and_what_to_expect_there(house):
    viewer = await house.person("viewer")
    status, said = await viewer.ask("POST", "/api/v1/live", WISH | {"format": "http-flv", "stream": 1, "audio": False})
    assert status == 201
    assert said == {
        "lease": "lease-1",
        "url": "/media/i1/o1.mp4?e=1&s=abc",
        "format": "http-flv",
        "call_id": "call-1",
        "video": {"codec": "H.264", "width": 1920, "height": 1080, "fps": 25.0, "mime": "avc1.64001F"},
        "audio": {"codec": "G.711A", "rate_hz": 8000, "channels": 1, "playable_as": "mp4a.40.2"},
        "owner": CAMERA,
        "path": [],
        "recoded": "",
    }
    watch = house.broker.leases["lease-1"]
    assert (watch.owner, watch.channel, watch.outlet) == (CAMERA, CAMERA, OutletKind.FLV_HTTP)
    assert (watch.stream_number, watch.audio, watch.viewer) == (1, False, "viewer")


async def test_the_book_names_the_channel_that_was_watched_and_its_owner_where_one_was_said(house):
    boss = await house.person("administrator")
    await boss.ask("POST", "/api/v1/live", WISH)
    await boss.ask("POST", "/api/v1/live", {"channel": CAMERA})
    house.broker.failure = WatchFailed("offline", code="device-offline", status=409)
    await boss.ask("POST", "/api/v1/live", {"channel": CAMERA})
    lines = [line for line in (await boss.get("/audit"))["items"] if line["what"] == "live.watch"]
    assert [line["target"] for line in lines] == [CAMERA, CAMERA, f"{CAMERA}/{CAMERA}"]


async def test_a_wished_way_goes_to_the_hall_and_the_taken_one_comes_back(house):
    viewer = await house.person("viewer")
    house.broker.path = (OWN, LOWER)
    status, said = await viewer.ask("POST", "/api/v1/live", {"channel": CAMERA, "via": [OWN, LOWER]})
    assert (status, said["path"], said["owner"]) == (201, [OWN, LOWER], "")
    watch = house.broker.leases["lease-1"]
    assert (watch.owner, watch.via, watch.kind) == ("", (OWN, LOWER), WatchKind.LIVE)
    assert watch.identity.split("-")[1:] == ["viewer", "viewer"] and len(watch.identity.split("-")[0]) == 20


async def test_a_recording_is_watched_from_a_start_to_a_stop(house):
    viewer = await house.person("viewer")
    wish = WISH | {"kind": "playback", "start": 1795226400, "stop": 1795230000}
    assert (await viewer.ask("POST", "/api/v1/live", wish))[0] == 201
    watch = house.broker.leases["lease-1"]
    assert (watch.kind, watch.start, watch.stop) == (WatchKind.PLAYBACK, 1795226400, 1795230000)
    for wrong in ({"stop": 0}, {"start": 0}, {"stop": wish["start"]}):
        status, said = await viewer.ask("POST", "/api/v1/live", wish | wrong)
        assert (status, said["error"]["code"]) == (400, "recording-span")


async def test_media_hosts_hear_of_the_origin_of_our_own_page_and_of_no_other(house):
    viewer = await house.person("viewer")
    await viewer.ask("POST", "/api/v1/live", WISH)
    assert set(house.media_admitted) == {house.base}
    elsewhere = {"Origin": "http://elsewhere.test"}
    assert (await viewer.ask("POST", "/api/v1/live", WISH, headers=elsewhere))[0] == 403
    assert set(house.media_admitted) == {house.base}


async def test_leaving_gives_the_lease_back(house):
    viewer = await house.person("viewer")
    await viewer.ask("POST", "/api/v1/live", WISH)
    assert (await viewer.ask("DELETE", "/api/v1/live/lease-1"))[0] == 204
    assert house.broker.leases == {}
    assert (await viewer.ask("DELETE", "/api/v1/live/lease-1"))[0] == 404


async def test_nobody_gives_back_anothers_lease(house):
    viewer, other = await house.person("viewer"), await house.person("viewer", "other")
    await viewer.ask("POST", "/api/v1/live", WISH)
    status, said = await other.ask("DELETE", "/api/v1/live/lease-1")
    assert (status, said["error"]["code"]) == (404, "unknown-lease")
    assert list(house.broker.leases) == ["lease-1"]


async def test_a_failure_says_at_which_hop_and_what_was_on_the_port(house):
    viewer = await house.person("viewer")
    house.broker.failure = WatchFailed(
        "no picture came",
        code="no-media",
        status=504,
        hops=(Hop(CAMERA, "INVITE", 200, "OK"), Hop("media", "first frame", 0, "nothing in 8 s")),
        seen=Seen(Verdict.NOTHING),
        call_id="call-9",
        path=(OWN, LOWER),
    )
    status, said = await viewer.ask("POST", "/api/v1/live", WISH)
    assert status == 504
    details = said["error"]["details"]
    assert details["path"] == [OWN, LOWER]
    assert [hop["what"] for hop in details["hops"]] == ["INVITE", "first frame"]
    assert details["seen"]["verdict"] == "nothing" and details["call_id"] == "call-9"
    assert house.app[DESK].leases.holders() == ()


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"owner": CAMERA},
        WISH | {"format": "rtsp"},
        WISH | {"stream": 9},
        WISH | {"channel": ""},
        WISH | {"x": 1},
        WISH | {"kind": "download"},
        WISH | {"via": [""]},
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(house, wish):
    viewer = await house.person("viewer")
    status, said = await viewer.ask("POST", "/api/v1/live", wish)
    assert (status, said["error"]["code"]) == (400, "invalid")


async def test_a_session_that_ends_while_it_waits_gets_nothing(house):
    viewer = await house.person("viewer")
    may_go_on = asyncio.Event()
    house.broker.before_granting = may_go_on.wait
    waiting = asyncio.ensure_future(viewer.ask("POST", "/api/v1/live", WISH))
    while not house.app[DESK].leases.holders():
        await asyncio.sleep(0.005)
    await house.app[DESK].show_out("viewer")
    may_go_on.set()
    status, said = await waiting
    assert (status, said["error"]["code"]) == (401, "session-ended")
    assert house.broker.leases == {}


async def test_a_removed_users_pictures_end(house):
    viewer = await house.person("viewer", "wang")
    boss = await house.person("administrator")
    await viewer.ask("POST", "/api/v1/live", WISH)
    await boss.ask("DELETE", "/api/v1/users/wang")
    assert house.broker.leases == {}


async def test_a_removed_keys_pictures_end(house):
    program, boss = await house.program("viewer"), await house.person("administrator")
    await program.ask("POST", "/api/v1/live", WISH)
    assert house.broker.leases["lease-1"].viewer == "key:viewer program"
    key = house.accounts.keys()[0]
    await boss.ask("DELETE", f"/api/v1/keys/{key.id}")
    assert house.broker.leases == {}


async def test_an_idle_sessions_pictures_end(house):
    viewer = await house.person("viewer")
    await viewer.ask("POST", "/api/v1/live", WISH)
    desk = house.app[DESK]
    await sweep(desk)
    assert list(house.broker.leases) == ["lease-1"]
    (who,) = desk.leases.holders()
    desk.leases.touch(who.id, -desk.settings.session_idle_s)
    await sweep(desk)
    assert house.broker.leases == {}


async def test_one_session_holds_no_more_than_its_share(house):
    viewer = await house.person("viewer")
    most = house.app[DESK].settings.most_leases_per_session
    for _ in range(most + 3):
        assert (await viewer.ask("POST", "/api/v1/live", WISH))[0] == 201
    assert len(house.broker.leases) == most
    assert "lease-1" not in house.broker.leases and f"lease-{most + 3}" in house.broker.leases


async def test_streams_are_shown_with_what_was_counted(house):
    viewer = await house.person("viewer")
    await viewer.ask("POST", "/api/v1/live", WISH)
    (stream,) = (await viewer.get("/streams"))["items"]
    assert (stream["owner"], stream["state"], stream["ssrc"]) == (CAMERA, "flowing", "0200000001")
    assert stream["statistics"]["packets"] == 10
    assert stream["statistics"]["video"]["mime"] == "avc1.64001F"


async def test_an_operator_cuts_a_stream_and_a_viewer_does_not(house):
    viewer, operator = await house.person("viewer"), await house.person("operator")
    await viewer.ask("POST", "/api/v1/live", WISH)
    name = f"{CAMERA}-{CAMERA}"
    assert (await viewer.ask("DELETE", f"/api/v1/streams/{name}"))[0] == 403
    assert (await operator.ask("DELETE", f"/api/v1/streams/{name}"))[0] == 204
    assert house.broker.stopped == [name]
    assert (await operator.ask("DELETE", "/api/v1/streams/none"))[0] == 404


async def test_a_viewer_who_left_while_it_rang_holds_nothing(house):
    viewer = await house.person("viewer")
    may_go_on = asyncio.Event()
    house.broker.before_granting = may_go_on.wait
    waiting = asyncio.ensure_future(viewer.ask("POST", "/api/v1/live", WISH))
    leases = house.app[DESK].leases
    while not leases.holders():
        await asyncio.sleep(0.005)
    waiting.cancel()
    await asyncio.sleep(0.05)
    may_go_on.set()
    while leases.holders():
        await asyncio.sleep(0.005)
    assert house.broker.made == 1 and house.broker.leases == {}


async def test_a_method_that_a_place_does_not_know_is_told_from_a_place_that_is_not_there(house):
    await house.camera()
    viewer = await house.person("viewer")
    lease = (await viewer.ask("POST", "/api/v1/live", WISH))[1]["lease"]
    # As a WHEP player adds candidates and restarts ICE, which nobody here does: the session stays, so it is no 404.
    for headers in ({}, {"If-Match": "*"}):
        answer = await viewer.raw(
            "PATCH",
            f"/api/v1/live/{lease}",
            data="a=ice-ufrag:EsAw\r\n",
            headers={"Content-Type": "application/trickle-ice-sdpfrag"} | headers,
        )
        assert answer.status == 405 and "DELETE" in answer.headers["Allow"].split(",")
        assert (await answer.json())["error"]["code"] == "method-not-allowed"
    assert (await viewer.raw("PATCH", f"/api/v1/whep/-/{CAMERA}")).headers["Allow"] == "POST"
    assert (await viewer.raw("PATCH", "/api/v1/lives")).status == 404
    assert list(house.broker.leases) == [lease]
