"""Sessions that we begin: what the INVITE says, what comes back, and every way a call may end."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.hops import write_warnings
from gb28181.manscdp.message import serialise
from gb28181.manscdp.status import MediaStatus
from gb28181.peer import Hop, PeerOffline, PeerRefused, PeerSilent
from gb28181.sdp import Offer, answer_to, live_offer, parse_offer
from gb28181.sdp import serialise as sdp_bytes
from gb28181.subject import Subject
from sipserver.below.calls import place_call
from sipserver.sip.message import Request, response_to
from sipserver.sip.message import serialise as message_bytes
from sipserver.sip.parser import parse_datagram

CODE = "34020000001320000001"
CHANNEL = "34020000001310000000"
OUR_CODE = "34020000002000000001"
SDP = "application/sdp"


def offer(ssrc: int = 102_000_001) -> Offer:
    return live_offer(OUR_CODE, "127.0.0.1", 30_000, ssrc, "udp")


class Called:
    """A camera that takes calls as a test says, and remembers its side of them."""

    def __init__(self, camera) -> None:
        self.camera = camera
        self.invites: list[Request] = []
        self.dialogs = []
        self.ended: list[str] = []
        self.informed: list[bytes] = []
        self.ssrc: int | None = 102_000_001
        camera.on_invite = self.accept

    def accept(self, incoming) -> None:
        self.invites.append(incoming.request)
        asked = parse_offer(incoming.request.body)
        answer = answer_to(asked, owner=CHANNEL, host="127.0.0.1", port=15_060, ssrc=self.ssrc)
        dialog = incoming.accept(sdp_bytes(answer), SDP, CHANNEL)
        dialog.on_end = self.ended.append
        dialog.on_request = self.asked
        self.dialogs.append(dialog)

    def asked(self, incoming) -> None:
        self.informed.append(incoming.request.body)
        incoming.respond(200)


@pytest.fixture
async def pair(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    return house, Called(camera), house.below.peer(CODE)


async def test_an_invite_names_sender_stream_and_receiver_and_is_acknowledged(pair, until_true):
    house, called, link = pair
    acks: list[Request] = []
    call = await link.call(CHANNEL, offer())
    called.dialogs[0].on_ack = acks.append
    (invite,) = called.invites
    assert Subject.parse(invite.headers.get("Subject") or "") == Subject(CHANNEL, "0102000001", OUR_CODE, "0")
    assert invite.request_uri.user == CHANNEL and invite.to.user == CHANNEL and invite.from_.user == OUR_CODE
    assert invite.contact is not None and invite.contact.user == OUR_CODE
    assert invite.content_type == SDP and b"y=0102000001\r\n" in invite.body
    assert (call.answer.host, call.answer.port, call.answer.ssrc) == ("127.0.0.1", 15_060, 102_000_001)
    assert call.call_id == invite.call_id
    assert [each.call_id for each in house.below.calls.of(CODE)] == [call.call_id]
    await until_true(lambda: [r for r in house.below.ladder.of_call(call.call_id) if r.method == "ACK"])


async def test_the_answers_own_ssrc_is_what_the_caller_gets(pair):
    _, called, link = pair
    called.ssrc = 102_009_999
    assert (await link.call(CHANNEL, offer())).answer.ssrc == 102_009_999
    called.ssrc = 0
    call = await link.call(CHANNEL, offer())
    assert call.answer.ssrc in (None, 102_000_001)


async def test_we_hang_up_once_and_no_listener_hears_of_it(pair, until_true):
    house, called, link = pair
    call = await link.call(CHANNEL, offer())
    heard: list[str] = []
    call.on_end(heard.append)
    await call.hang_up()
    await call.hang_up()
    await until_true(lambda: called.ended == ["BYE"])
    assert heard == []
    assert len(house.below.calls) == 0
    assert await call.inform(b"PAUSE RTSP/1.0\r\n", "Application/MANSRTSP") == 481


async def test_their_bye_ends_the_call_for_every_listener_once(pair, until_true):
    house, called, link = pair
    call = await link.call(CHANNEL, offer())
    heard: list[str] = []
    call.on_end(lambda reason: 1 / 0)
    call.on_end(heard.append)
    await called.dialogs[0].bye()
    assert heard == ["hung-up"]
    late: list[str] = []
    call.on_end(late.append)
    assert late == ["hung-up"], "who asks too late is told at once"
    assert len(house.below.calls) == 0
    await call.hang_up()


async def test_the_end_of_a_file_ends_the_call_inside_or_outside_of_it(pair, until_true):
    _, called, link = pair
    body = serialise(MediaStatus(1, CHANNEL), Charset.GB2312, Edition.V2016)
    call = await link.call(CHANNEL, offer())
    heard: list[str] = []
    call.on_end(heard.append)
    answer = await called.dialogs[0].request("MESSAGE", body=body, content_type="Application/MANSCDP+xml")
    assert answer.status == 200
    assert heard == ["file-sent"]
    await until_true(lambda: called.ended == ["BYE"])

    playback = dataclasses.replace(offer(1_102_000_002), session="Playback", uri=f"{CHANNEL}:0", start=1, stop=2)
    call = await link.call(CHANNEL, playback)
    call.on_end(heard.append)
    assert str(Subject.parse(called.invites[-1].headers.get("Subject") or "")).startswith(f"{CHANNEL}:1102000002,")
    await called.camera.say(MediaStatus(1, CHANNEL))
    await until_true(lambda: heard == ["file-sent", "file-sent"])


async def test_info_goes_through_and_its_status_comes_back(pair):
    _, called, link = pair
    call = await link.call(CHANNEL, offer())
    assert await call.inform(b"PLAY RTSP/1.0\r\nCSeq: 1\r\n\r\n", "Application/MANSRTSP") == 200
    assert called.informed == [b"PLAY RTSP/1.0\r\nCSeq: 1\r\n\r\n"]


@pytest.mark.parametrize("status", [403, 404, 486, 488, 503, 603])
async def test_a_refused_call_keeps_the_neighbours_status(pair, status: int):
    house, called, link = pair
    called.camera.on_invite = lambda incoming: incoming.respond(status)
    with pytest.raises(PeerRefused) as failure:
        await link.call(CHANNEL, offer())
    assert failure.value.status == status
    (hop,) = failure.value.hops
    assert (hop.who, hop.what, hop.status) == (CODE, f"INVITE {CHANNEL}", status)
    assert len(house.below.calls) == 0


async def test_a_call_that_nobody_answers_is_cancelled(pair, until_true):
    _, called, link = pair
    cancelled: list[bool] = []

    def ring(incoming) -> None:
        incoming.respond(180)
        incoming.on_cancel = lambda: cancelled.append(True)

    called.camera.on_invite = ring
    with pytest.raises(PeerSilent, match=r"did not answer our call to 34020000001310000000 in 0\.2 s"):
        await link.call(CHANNEL, offer(), timeout_s=0.2)
    await until_true(lambda: cancelled == [True])


class LateCamera(asyncio.DatagramProtocol):
    """Not of our stack: answers an INVITE with 200 only when CANCEL is on its way, as slow devices do."""

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address) -> None:
        self.got.append(data.split(b" ")[0])
        if data.startswith(b"INVITE"):
            self.invite = parse_datagram(data)
            self.transport.sendto(message_bytes(response_to(self.invite, 100)), address)
        elif data.startswith(b"CANCEL"):
            answer = answer_to(parse_offer(self.invite.body), owner=CHANNEL, host="127.0.0.1", port=15_060)
            late = response_to(self.invite, 200, body=sdp_bytes(answer), content_type=SDP, to_tag="late")
            self.transport.sendto(message_bytes(late), address)
        elif data.startswith(b"BYE"):
            self.transport.sendto(message_bytes(response_to(parse_datagram(data), 200)), address)


async def test_a_200_that_comes_after_we_gave_up_is_acknowledged_and_hung_up(make_house, until_true):
    house = await make_house()
    loop = asyncio.get_running_loop()
    transport, camera = await loop.create_datagram_endpoint(LateCamera, local_addr=("127.0.0.1", 0))
    try:
        path = house.stack.udp_path(transport.get_extra_info("sockname"))
        with pytest.raises(PeerSilent):
            await place_call(
                house.stack,
                house.below.calls,
                owner=CODE,
                channel=CHANNEL,
                offer=offer(),
                path=path,
                our_code=OUR_CODE,
                our_domain="3402000000",
                timeout_s=0.2,
            )
        await until_true(lambda: b"ACK" in camera.got and b"BYE" in camera.got)
        assert camera.got.index(b"ACK") < camera.got.index(b"BYE")
        assert len(house.below.calls) == 0
    finally:
        transport.close()


async def test_an_answer_without_a_usable_description_is_hung_up(pair, until_true):
    house, called, link = pair
    ended: list[str] = []

    def accept_badly(incoming) -> None:
        incoming.accept(b"v=0\r\nthis is no description\r\n", SDP, CHANNEL).on_end = ended.append

    called.camera.on_invite = accept_badly
    with pytest.raises(PeerRefused, match="session description we cannot use") as failure:
        await link.call(CHANNEL, offer())
    assert failure.value.status == 488
    await until_true(lambda: ended == ["BYE"])
    assert len(house.below.calls) == 0


async def test_a_neighbour_that_goes_offline_takes_its_calls_with_it(pair, until_true):
    _, called, link = pair
    call = await link.call(CHANNEL, offer())
    heard: list[str] = []
    call.on_end(heard.append)
    await called.camera.register(expires=0)
    assert heard == ["deregistered"]
    with pytest.raises(PeerOffline):
        await link.call(CHANNEL, offer())


async def test_a_broken_connection_ends_the_calls_over_it(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house, transport="TCP")
    await camera.register()
    called = Called(camera)
    call = await house.below.peer(CODE).call(CHANNEL, offer())
    assert called.invites[0].via.transport == "TCP"
    heard: list[str] = []
    call.on_end(heard.append)
    await camera.stack.close()
    await until_true(lambda: heard)
    assert heard == ["connection lost"]


async def test_a_viewer_who_leaves_while_it_rings_cancels_the_call(pair, until_true):
    _, called, link = pair
    cancelled: list[bool] = []

    def ring(incoming) -> None:
        incoming.on_cancel = lambda: cancelled.append(True)

    called.camera.on_invite = ring
    ringing = asyncio.create_task(link.call(CHANNEL, offer()))
    await asyncio.sleep(0.1)
    ringing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ringing
    await until_true(lambda: cancelled == [True])


async def test_a_camera_that_calls_us_unasked_is_declined(pair):
    _, called, _ = pair
    assert (await called.camera.send("INVITE")).status == 488
    assert (await called.camera.send("SUBSCRIBE")).status == 489


async def test_a_call_takes_a_wished_path_along_and_brings_the_path_taken_back(pair):
    _, called, link = pair
    paths: list[str | None] = []

    def accept(incoming) -> None:
        paths.append(incoming.request.headers.get("X-PreferredPath"))
        asked = parse_offer(incoming.request.body)
        answer = answer_to(asked, owner=CHANNEL, host="127.0.0.1", port=15_060, ssrc=102_000_001)
        incoming.accept(sdp_bytes(answer), SDP, CHANNEL, headers=(("X-RoutePath", f"{CODE}-{OUR_CODE}"),))

    called.camera.on_invite = accept
    call = await link.call(CHANNEL, offer(), headers=(("X-PreferredPath", CODE),))
    assert paths == [CODE]
    assert call.headers["X-RoutePath"] == f"{CODE}-{OUR_CODE}"
    call = await link.call(CHANNEL, offer())
    assert paths[1] is None, "CAS-12: a path nobody wished for is not written"


async def test_a_refusal_from_far_below_names_every_hop(pair):
    _, called, link = pair
    below = "34010200002000000001"
    hops = write_warnings(CODE, (Hop(below, "", 480, "Temporarily Unavailable"), Hop(CHANNEL, "", 0, "no answer")))
    headers = (*(("Warning", value) for value in hops), ("X-RoutePath", f"{CODE}-{below}"))
    called.camera.on_invite = lambda incoming: incoming.respond(480, headers=headers)
    with pytest.raises(PeerRefused) as failure:
        await link.call(CHANNEL, offer())
    assert [(hop.who, hop.status) for hop in failure.value.hops] == [(CODE, 480), (below, 480), (CHANNEL, 0)]
    assert failure.value.headers["X-RoutePath"] == f"{CODE}-{below}"
