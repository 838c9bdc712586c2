"""INVITE from above over real sockets: every transport and role, ends from either side, refusals."""

from __future__ import annotations

import asyncio

import pytest

from broker.watch import RtpTo, WatchFailed, WatchKind
from gb28181.hops import read_warnings
from gb28181.peer import Hop
from gb28181.sdp import TCP_ACTIVE, TCP_PASSIVE, UDP, Offer, live_offer, parse_answer, serialise
from sipserver.stack import RequestTimedOut

UPPER_CODE = "34010000002000000001"
OTHER_UPPER = "34000000002000000009"
OUR_CODE = "34010200002000000001"
DEVICE = "34010200001180000001"
CAMERA = "34010200001320000001"
ALIAS = "34010200001320009999"
LIVE_SSRC = 100000007


def offer(transport: str = UDP, ssrc: int | None = LIVE_SSRC, **more: object) -> bytes:
    made = live_offer(UPPER_CODE, "192.0.2.50", 20000, ssrc, transport)
    return serialise(Offer(**{name: getattr(made, name) for name in made.__dataclass_fields__} | more))


@pytest.fixture
async def calling(joined):
    async def make(transport: str = "udp", **more: object):
        upper, house = await joined(transport, **more)
        house.exporter.share(UPPER_CODE, CAMERA)
        return upper, house

    return make


@pytest.mark.parametrize("signalling", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("transport", "setup"),
    [(UDP, ""), (TCP_PASSIVE, "active"), (TCP_ACTIVE, "passive")],
    ids=[UDP, TCP_PASSIVE, TCP_ACTIVE],
)
@pytest.mark.parametrize("ssrc", [LIVE_SSRC, None], ids=["with y", "without y"])
async def test_CAS_04_a_call_is_granted_in_every_role_and_y_is_always_answered(
    calling, until_true, signalling: str, transport: str, setup: str, ssrc: int | None
):
    upper, house = await calling(signalling)
    response, dialog = await upper.invite(CAMERA, offer(transport, ssrc))
    assert response.status == 200 and dialog is not None
    outlet = house.hall.watched[0].outlet
    assert isinstance(outlet, RtpTo)
    assert outlet.local_host == "", "where media comes from is the media room's to say"
    assert (outlet.host, outlet.port, outlet.transport, outlet.ssrc) == ("192.0.2.50", 20000, transport, ssrc)
    answer = parse_answer(response.body)
    assert (answer.host, answer.port, answer.setup, answer.direction) == ("127.0.0.1", 30_000, setup, "sendonly")
    assert answer.ssrc == (house.hall.own_ssrc if ssrc is None else ssrc)
    assert answer.payload_map() == {96: "PS"} and answer.owner == OUR_CODE
    assert response.headers.get("X-RoutePath") == OUR_CODE
    # Nothing flows before the ACK.
    await asyncio.sleep(0.05)
    assert house.hall.begun == []
    dialog.ack()
    await until_true(lambda: house.hall.begun == ["lease-1"])
    assert house.above.calls.of(UPPER_CODE) == 1
    await dialog.bye()
    await until_true(lambda: house.hall.released == ["lease-1"])
    assert house.above.calls.of(UPPER_CODE) == 0


async def test_the_channel_is_called_as_the_upper_knows_it_and_found_as_we_do(calling):
    upper, house = await calling()
    house.exporter.share(UPPER_CODE, ALIAS, code="34010200001320000002")
    response, dialog = await upper.invite(ALIAS, offer())
    assert response.status == 200
    watch = house.hall.watched[0]
    assert (watch.owner, watch.channel, watch.kind, watch.viewer_peer) == (
        DEVICE,
        "34010200001320000002",
        WatchKind.LIVE,
        UPPER_CODE,
    )
    assert watch.identity == f"{OUR_CODE}-{UPPER_CODE}"
    dialog.ack()


async def test_a_request_line_with_our_own_code_leaves_the_subject_to_say_the_channel(calling):
    upper, house = await calling()
    headers = (("Subject", f"{CAMERA}:0100000007,{UPPER_CODE}:0"),)
    response, dialog = await upper.invite(OUR_CODE, offer(), headers)
    assert response.status == 200 and house.hall.watched[0].channel == CAMERA
    dialog.ack()


async def test_a_cancel_before_the_answer_withdraws_the_viewer(calling, until_true):
    upper, house = await calling()
    house.hall.gate = asyncio.Event()
    with pytest.raises(RequestTimedOut):
        await upper.invite(CAMERA, offer(), timeout_s=0.2)
    await until_true(lambda: house.hall.withdrawn == 1)
    await until_true(lambda: house.above.calls.of(UPPER_CODE) == 0)
    assert house.hall.leases == {} and house.above.calls.tally.cancelled == 1


async def test_a_lost_stream_ends_the_upper_leg_with_BYE(calling, until_true):
    upper, house = await calling()
    _, dialog = await upper.invite(CAMERA, offer())
    ended: list[str] = []
    dialog.on_end = ended.append
    dialog.ack()
    await until_true(lambda: house.hall.listeners)
    house.hall.listeners["lease-1"]("the device stopped sending")
    await until_true(lambda: ended == ["BYE"])
    await until_true(lambda: house.hall.released == ["lease-1"])


async def test_the_end_of_a_file_is_told_by_MediaStatus_and_then_their_BYE_comes(calling, until_true):
    upper, house = await calling()
    _, dialog = await upper.invite(
        CAMERA, offer(ssrc=1100000007, session="Playback", uri=f"{CAMERA}:0", start=1_714_000_000, stop=1_714_000_600)
    )
    watch = house.hall.watched[0]
    assert (watch.kind, watch.start, watch.stop, watch.uri) == (
        WatchKind.PLAYBACK,
        1_714_000_000,
        1_714_000_600,
        f"{CAMERA}:0",
    )
    told: list[bytes] = []
    ended: list[str] = []
    dialog.on_request = lambda incoming: (told.append(incoming.request.body), incoming.respond(200))[1]
    dialog.on_end = ended.append
    dialog.ack()
    await until_true(lambda: house.hall.listeners)
    house.hall.listeners["lease-1"]("finished")
    await until_true(lambda: told)
    assert b"<NotifyType>121</NotifyType>" in told[0] and CAMERA.encode() in told[0]
    await dialog.bye()
    await until_true(lambda: house.hall.released == ["lease-1"])
    assert ended == []


async def test_after_the_end_of_a_file_our_BYE_goes_when_theirs_does_not_come(calling, until_true):
    upper, house = await calling()
    _, dialog = await upper.invite(CAMERA, offer(session="Download", downloadspeed=4))
    assert house.hall.watched[0].kind is WatchKind.DOWNLOAD and house.hall.watched[0].download_speed == 4
    ended: list[str] = []
    dialog.on_request = lambda incoming: incoming.respond(200)
    dialog.on_end = ended.append
    dialog.ack()
    await until_true(lambda: house.hall.listeners)
    house.hall.listeners["lease-1"]("finished")
    await until_true(lambda: ended == ["BYE"])


async def test_INFO_goes_down_byte_for_byte_and_its_status_comes_back(calling):
    upper, house = await calling()
    _, dialog = await upper.invite(CAMERA, offer(session="Playback", start=1, stop=2))
    dialog.ack()
    body = b"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 2.0\r\n\r\n"
    response = await dialog.request("INFO", body=body, content_type="Application/MANSRTSP")
    assert response.status == 200
    assert house.hall.informed == [("lease-1", body, "Application/MANSRTSP")]
    house.hall.inform_status = 454
    assert (await dialog.request("INFO", body=body, content_type="Application/MANSRTSP")).status == 454


async def test_media_rule_K3_the_same_stream_asked_again_replaces_the_session(calling, until_true):
    upper, house = await calling()
    subject = (("Subject", f"{CAMERA}:0100000007,{UPPER_CODE}:0"),)
    _, first = await upper.invite(CAMERA, offer(), subject)
    ended: list[str] = []
    first.on_end = ended.append
    first.ack()
    response, second = await upper.invite(CAMERA, offer(), subject)
    assert response.status == 200
    second.ack()
    await until_true(lambda: ended == ["BYE"])
    assert house.hall.released == ["lease-1"] and house.above.calls.of(UPPER_CODE) == 1
    other = (("Subject", f"{CAMERA}:0100000008,{UPPER_CODE}:1"),)
    response, third = await upper.invite(CAMERA, offer(), other)
    third.ack()
    assert response.status == 200 and house.above.calls.of(UPPER_CODE) == 2


async def test_the_same_INVITE_in_the_session_has_the_same_answer_and_another_is_refused(calling):
    upper, house = await calling()
    response, dialog = await upper.invite(CAMERA, offer())
    dialog.ack()
    again = await dialog.request("INVITE", body=offer(), content_type="application/sdp")
    assert again.status == 200 and again.body == response.body
    assert len(house.hall.watched) == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (WatchFailed("offline", code="device-offline", status=480), 480),
        (WatchFailed("busy", code="device-refused", status=486), 486),
        (WatchFailed("unknown", code="device-refused", status=404), 404),
        (WatchFailed("sdp", code="device-refused", status=488), 488),
        (WatchFailed("denied", code="device-refused", status=401), 403),
        (WatchFailed("silent", code="device-silent", status=408), 408),
        (WatchFailed("slow", code="timeout", status=504), 408),
        (WatchFailed("no packet", code="no-media", status=504), 504),
        (WatchFailed("full", code="no-capacity", status=503), 486),
        (WatchFailed("down", code="device-failed", status=503), 503),
        (WatchFailed("loop", code="loop", status=482), 482),
        (WatchFailed("odd", code="device-refused", status=302), 502),
    ],
    ids=lambda each: each.code if isinstance(each, WatchFailed) else str(each),
)
async def test_what_failed_below_has_a_fitting_status_above(calling, failure: WatchFailed, expected: int):
    upper, house = await calling()
    house.hall.failure = failure
    response, dialog = await upper.invite(CAMERA, offer())
    assert dialog is None and response.status == expected


async def test_a_failure_carries_its_ladder_and_its_path(calling):
    upper, house = await calling()
    county = "34010201002000000001"
    hops = (
        Hop(county, "INVITE", 480, "Temporarily Unavailable"),
        Hop(CAMERA, "INVITE", 408, "no answer"),
        Hop("media", "await the first picture", 0, "nothing: not one packet"),
    )
    house.hall.failure = WatchFailed(
        "the county could not", code="device-refused", status=480, hops=hops, path=(OUR_CODE, county)
    )
    response, _ = await upper.invite(CAMERA, offer())
    told = read_warnings(response.headers.all("Warning"), "INVITE")
    assert [(hop.who, hop.status) for hop in told] == [(county, 480), (CAMERA, 408), (OUR_CODE, 0)]
    assert response.headers.get("X-RoutePath") == f"{OUR_CODE}-{county}"
    assert "cause=480" in (response.headers.get("Reason") or "")


async def test_CAS_11_our_code_stands_in_front_of_the_path_from_below(calling):
    upper, house = await calling()
    county = "34010201002000000001"
    house.hall.path = (OUR_CODE, county)
    response, dialog = await upper.invite(CAMERA, offer())
    assert response.headers.get("X-RoutePath") == f"{OUR_CODE}-{county}"
    dialog.ack()


async def test_CAS_12_a_preferred_path_that_names_us_goes_on_without_us(calling):
    upper, house = await calling()
    county = "34010201002000000001"
    response, dialog = await upper.invite(CAMERA, offer(), (("X-PreferredPath", f"{OUR_CODE}-{county}"),))
    assert response.status == 200 and house.hall.watched[0].via == (county,)
    dialog.ack()
    _, other = await upper.invite(CAMERA, offer())
    other.ack()
    assert house.hall.watched[1].via == ()


async def test_several_owners_leave_the_choice_of_the_path_to_the_hall(calling):
    upper, house = await calling()
    house.exporter.share(UPPER_CODE, CAMERA, owners=(DEVICE, "34010200002000000005"))
    _, dialog = await upper.invite(CAMERA, offer())
    dialog.ack()
    assert house.hall.watched[0].owner == ""


async def test_what_is_not_shared_is_404_and_what_came_from_the_upper_is_482(calling):
    upper, house = await calling()
    assert (await upper.invite("34010200001320000077", offer()))[0].status == 404
    house.exporter.share(UPPER_CODE, ALIAS, owner=UPPER_CODE)
    assert (await upper.invite(ALIAS, offer()))[0].status == 482
    circle = (("Monitor-User-Identity", f"{UPPER_CODE}-{OUR_CODE}-{UPPER_CODE}-u"),)
    assert (await upper.invite(CAMERA, offer(), circle))[0].status == 482
    assert house.hall.watched == [] and house.above.calls.of(UPPER_CODE) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"v=0\r\n", 488),
        (offer(session="Talk"), 488),
        (offer(media="audio"), 488),
        (offer(payloads=((98, "H264", 90000),)), 488),
    ],
    ids=["none", "no media", "talk", "audio", "no PS"],
)
async def test_an_offer_we_cannot_meet_is_refused(calling, body: bytes, status: int):
    upper, house = await calling()
    response, _ = await upper.invite(CAMERA, body)
    assert response.status == status and house.hall.watched == []


async def test_more_calls_than_the_house_holds_are_486(calling):
    upper, _house = await calling(calls=1)
    _, dialog = await upper.invite(CAMERA, offer())
    dialog.ack()
    assert (await upper.invite(CAMERA, offer()))[0].status == 486


async def test_CAS_06_an_upper_that_is_lost_is_sent_nothing_any_more(calling, until_true):
    upper, house = await calling()
    _, dialog = await upper.invite(CAMERA, offer())
    dialog.ack()
    await until_true(lambda: house.hall.begun)
    upper.is_silent = True
    for missed in range(3):
        house.pass_time(61)
        await until_true(
            lambda missed=missed: house.state().keepalives_missed > missed or not house.above.is_up(UPPER_CODE)
        )
    await until_true(lambda: house.hall.released == ["lease-1"])
    await until_true(lambda: house.above.calls.of(UPPER_CODE) == 0)


async def test_the_end_of_the_house_hangs_up_and_gives_everything_back(calling, until_true):
    upper, house = await calling()
    _, dialog = await upper.invite(CAMERA, offer())
    ended: list[str] = []
    dialog.on_end = ended.append
    dialog.ack()
    await until_true(lambda: house.hall.begun)
    await house.above.close()
    await until_true(lambda: ended == ["BYE"])
    assert house.hall.released == ["lease-1"]


async def test_CAS_05_two_uppers_watch_one_camera_each_with_a_session_of_its_own(make_upper, make_lower, until_true):
    one, two = await make_upper(), await make_upper(OTHER_UPPER)
    house = await make_lower(one.as_upper(), two.as_upper())
    await house.registered()
    await house.registered(OTHER_UPPER)
    for code in (UPPER_CODE, OTHER_UPPER):
        house.exporter.share(code, CAMERA)
    _, first = await one.invite(CAMERA, offer())
    _, second = await two.invite(CAMERA, offer())
    first.ack()
    second.ack()
    keys = {(watch.owner, watch.channel, watch.stream_number) for watch in house.hall.watched}
    assert keys == {(DEVICE, CAMERA, 0)} and len(house.hall.watched) == 2
    await first.bye()
    await until_true(lambda: house.hall.released == ["lease-1"])
    assert house.above.calls.of(OTHER_UPPER) == 1
