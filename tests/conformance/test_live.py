"""The lines about live view (signalling reference 8.1, 8.3, 11)."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gb28181.edition import Edition
from gb28181.sdp import live_offer, parse_answer, serialise
from sipserver.stack import Dialog, Incoming
from tests.conformance.bare import CAMERA, Platform, bare
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = "34020000001320000051"
DEAF = "34020000001320000052"
ALLOWED = {"INVITE", "ACK", "INFO", "CANCEL", "BYE", "OPTIONS", "MESSAGE"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("live")), broker={"answer_s": 1.0, "linger_s": 0.5}) as estate:
        yield estate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(estate: Estate) -> Pair:
    return await joined(estate, NEW, edition=Edition.V2022)


async def quiet(pair: Pair) -> None:
    """Nobody watches, and nothing of before is remembered."""
    await until(lambda: not pair.camera.calls)
    pair.clear()


async def test_LIV_01_the_invite_names_its_subject_play_no_time_and_a_live_ssrc(pair: Pair):
    await quiet(pair)
    live = await pair.estate.live(pair.code)
    invite = await pair.theirs.see("INVITE", out=False)
    lines = invite.text.split("\r\n")
    ssrc = next(line for line in lines if line.startswith("y="))
    assert {"s=Play", "t=0 0"} <= set(lines) and re.fullmatch(r"y=0\d{9}", ssrc)
    subject = invite.message.headers.get("Subject") or ""
    assert re.fullmatch(rf"{NEW}:0\w{{0,19}},34020000002000000001:\w+", subject)
    await pair.estate.delete(f"/api/v1/live/{live['lease']}")


async def test_LIV_03_the_200_is_acknowledged_in_the_dialog(pair: Pair):
    await quiet(pair)
    live = await pair.estate.live(pair.code)
    invite = await pair.theirs.see("INVITE", out=False)
    ack = await pair.theirs.see("ACK", out=False)
    answer = pair.theirs.answer_to(invite)
    assert (ack.message.call_id, ack.message.to.tag) == (invite.message.call_id, answer.message.to.tag)
    assert ack.message.cseq.number == invite.message.cseq.number and not ack.body
    await pair.estate.delete(f"/api/v1/live/{live['lease']}")


async def test_LIV_04_and_05_a_second_viewer_makes_no_second_call_and_the_last_to_leave_ends_it(pair: Pair):
    await quiet(pair)
    first, second = await pair.estate.live(pair.code), await pair.estate.live(pair.code)
    assert len(pair.ours.all("INVITE", out=True)) == 1
    await pair.estate.delete(f"/api/v1/live/{first['lease']}")
    assert not pair.ours.all("BYE", out=True) and pair.camera.calls
    await pair.estate.delete(f"/api/v1/live/{second['lease']}")
    bye = await pair.ours.see("BYE", out=True)
    await until(lambda: any(seen.status == 200 and seen.method == "BYE" for seen in pair.ours.messages))
    assert pair.ours.answer_to(bye).status == 200


async def test_LIV_11_a_sub_stream_of_2022_is_asked_for_by_its_number(pair: Pair):
    await quiet(pair)
    live = await pair.estate.live(pair.code, stream=1)
    assert "a=streamnumber:1" in (await pair.theirs.see("INVITE", out=False)).text.split("\r\n")
    await pair.estate.delete(f"/api/v1/live/{live['lease']}")


async def test_LIV_13_a_call_that_nobody_answers_is_cancelled_and_its_487_acknowledged(estate: Estate):
    deaf = await joined(estate, DEAF)
    ringing: list[Incoming] = []

    def ring(incoming: Incoming) -> None:
        ringing.append(incoming)
        incoming.respond(180)

    deaf.camera.invite = ring  # type: ignore[method-assign]  # a device that lets it ring
    failed = await estate.post("/api/v1/live", {"owner": DEAF, "channel": DEAF}, 504)
    assert failed["error"]["details"]
    await deaf.theirs.see("CANCEL", out=False)
    invite = ringing[0].request
    refused = await deaf.theirs.see(lambda seen: seen.status == 487, out=True)
    assert refused.message.call_id == invite.call_id
    await deaf.theirs.see(
        lambda seen: not seen.status and seen.method == "ACK" and seen.message.call_id == invite.call_id
    )


async def test_LIV_12_and_14_options_are_answered_with_what_we_allow(pair: Pair):
    stack, path = pair.camera.speaker.stack, await pair.camera.speaker._way()  # its own way to us
    request = stack.new_request(
        "OPTIONS",
        "sip:34020000002000000001@3402000000",
        from_uri=f"sip:{NEW}@3402000000",
        to_uri="sip:34020000002000000001@3402000000",
        path=path,
    )
    answer = await stack.ask(request, path, timeout_s=5)
    assert answer.status == 200
    assert {word.strip() for word in (answer.headers.get("Allow") or "").split(",")} >= ALLOWED


class Ear:
    """A port that hears RTP."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    async def hear(self) -> bytes:
        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().sock_recv(self.socket, 4096)

    def is_still(self) -> bool:
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        return False


def offer_to(ear: Ear, ssrc: int = 200_001) -> bytes:
    return serialise(live_offer("34020000002000000001", "127.0.0.1", ear.port, ssrc, "udp"))


async def call(platform: Platform, ear: Ear, *, ssrc: int = 200_001, serial: str = "0200001") -> Dialog:
    subject = ("Subject", f"{CAMERA}:{serial},34020000002000000001:1")
    response, dialog = await platform.invite_raw(CAMERA, offer_to(ear, ssrc), (subject,))
    assert response.status == 200 and dialog is not None
    dialog.ack()
    return dialog


async def test_LIV_02_the_device_repeats_y_and_sends_with_that_ssrc():
    async with bare() as (platform, _):
        ear = Ear()
        response, dialog = await platform.invite_raw(CAMERA, offer_to(ear, 200_001))
        assert dialog is not None
        dialog.ack()
        assert parse_answer(response.body).ssrc == 200_001 and b"\r\ny=0000200001\r\n" in response.body
        packet = await ear.hear()
        assert packet[0] >> 6 == 2 and int.from_bytes(packet[8:12], "big") == 200_001
        allow = {word.strip() for word in (response.headers.get("Allow") or "").split(",")}
        assert allow >= ALLOWED  # LIV-12 of the device's answer
        await dialog.bye()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=application 9 UDP 1\r\n",
    ],
)
async def test_LIV_06_an_offer_that_cannot_be_used_is_refused_with_488(body: bytes):
    async with bare() as (platform, camera):
        response, _ = await platform.invite_raw(CAMERA, body)
        assert response.status == 488 and not camera.calls


async def test_LIV_07_with_no_place_left_a_call_is_refused_with_486():
    async with bare(most_calls=1) as (platform, _):
        dialog = await call(platform, Ear())
        response, _ = await platform.invite_raw(CAMERA, offer_to(Ear(), 200_002))
        assert response.status == 486
        await dialog.bye()


async def test_LIV_08_the_same_stream_asked_for_anew_by_the_same_replaces_the_old_link():
    async with bare() as (platform, camera):
        old, new, other = Ear(), Ear(), Ear()
        first = await call(platform, old)
        hung_up = asyncio.Event()
        first.on_end = lambda reason: hung_up.set()
        await old.hear()
        beside = await call(platform, other, ssrc=200_009, serial="0200009")
        assert not first.is_over, "another stream of the same camera goes beside it"
        second = await call(platform, new)
        async with asyncio.timeout(5):
            await hung_up.wait()
        await new.hear()
        await until(lambda: len(camera.calls) == 2)
        while not old.is_still():
            pass
        await new.hear()
        assert old.is_still()
        await second.bye()
        await beside.bye()
