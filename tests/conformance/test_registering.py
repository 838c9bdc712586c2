"""The lines about registering and leaving (signalling reference 3.6, 3.7, 11)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from gb28181.edition import Edition
from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.keepalive import Keepalive
from registry.device import Presence
from registry.platform import Upper
from simulator.camera import Camera
from simulator.speaker import SpeakerSettings
from sipserver.above.registration import Heard, Pace, Place, Registration
from sipserver.sip.digest import Challenge, Credentials
from sipserver.stack import Incoming, Path, Traffic
from tests.conformance.bare import CAMERA, PASSWORD, Platform, bare, settings
from tests.sipserver.conftest import CODE, House, until
from tests.sipserver.conftest import Camera as RawCamera

Made = Callable[..., Awaitable[Any]]


async def test_REG_01_a_register_without_credentials_is_challenged(make_house: Made, make_camera: Made):
    camera: RawCamera = await make_camera(await make_house())
    answer = await camera.send("REGISTER", headers=(("Expires", "3600"),))
    challenge = Challenge.parse(answer.headers.get("WWW-Authenticate") or "")
    assert (answer.status, challenge.realm) == (401, "3402000000")
    assert challenge.nonce


async def test_REG_02_after_a_401_the_device_goes_on_with_call_id_cseq_and_its_own_code():
    async with bare() as (platform, _):
        first, second = platform.registers[:2]
    assert first.call_id == second.call_id and second.cseq.number == first.cseq.number + 1
    assert Credentials.parse(second.headers.get("Authorization")).username == CAMERA


async def test_REG_03_a_right_digest_is_granted_and_it_is_online(make_house: Made, make_camera: Made):
    house: House = await make_house()
    answer = await (await make_camera(house)).register()
    assert (answer.status, answer.headers.get("Expires"), house.presence()) == (200, "3600", Presence.ONLINE)


async def test_REG_04_a_wrong_digest_is_refused_and_it_stays_offline(make_house: Made, make_camera: Made):
    house: House = await make_house()
    answer = await (await make_camera(house)).register(password="wrong")
    assert answer.status in (401, 403) and house.presence() is not Presence.ONLINE


async def test_REG_05_a_goodbye_without_credentials_is_challenged_and_ends_nothing(make_house: Made, make_camera: Made):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house)
    await camera.register()
    assert (await camera.send("REGISTER", headers=(("Expires", "0"),))).status == 401
    assert house.presence() is Presence.ONLINE


async def test_REG_06_a_proven_goodbye_is_taken_and_it_is_offline(make_house: Made, make_camera: Made):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house)
    await camera.register()
    answer = await camera.register(expires=0)
    assert (answer.status, answer.headers.get("Expires"), house.presence()) == (200, "0", Presence.OFFLINE)


async def test_REG_07_a_device_asks_for_a_day_by_default():
    async with bare() as (platform, _):
        assert {request.headers.get("Expires") for request in platform.registers} == {"86400"}


def test_REG_08_less_than_an_hour_cannot_be_configured():
    with pytest.raises(ValueError, match="3600"):
        SpeakerSettings(CAMERA, PASSWORD, "127.0.0.1", 5060, "34020000002000000001", expires_s=3599)
    with pytest.raises(ValueError, match="3600"):
        Upper("34000000002000000001", host="10.0.0.1", expires_s=3599)


async def test_REG_09_a_registration_is_refreshed_by_the_whole_challenge_before_it_ends():
    platform = Platform()
    platform.granted_s = 1
    await platform.stack.start()
    camera = Camera(settings(platform))
    running = asyncio.create_task(camera.run())
    try:
        began = time.monotonic()
        await platform.registered(2)
        assert time.monotonic() - began < 5
        proven = ["Authorization" in request.headers for request in platform.registers[:4]]
        assert proven == [False, True, False, True]
        assert len({request.call_id for request in platform.registers}) == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await camera.close()
        await platform.stack.close()


async def test_REG_10_a_registration_that_is_not_refreshed_ends(make_house: Made, make_camera: Made):
    house: House = await make_house(keepalive_interval_s=1000.0)
    await (await make_camera(house)).register(expires=60)
    for second in range(0, 80, 4):
        house.skew_s = float(second)
        house.below.look()
    assert (house.presence(), house.device().presence_reason) == (Presence.OFFLINE, "registration-expired")


async def test_REG_11_and_12_a_failed_registration_rests_for_its_interval_and_a_random_while_more():
    came: list[float] = []
    platform = Platform()

    def refuse(incoming: Incoming) -> None:
        came.append(time.monotonic())
        incoming.respond(403)

    platform.stack.on_request = refuse
    await platform.stack.start()
    camera = Camera(settings(platform, speaker={"retry_s": 0.2}))
    running = asyncio.create_task(camera.run())
    try:
        await until(lambda: len(came) > 4, 20)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await camera.close()
        await platform.stack.close()
    pauses = [after - before for before, after in pairwise(came)]
    assert all(pause >= 0.19 for pause in pauses)


def test_REG_11_and_12_so_does_our_own_towards_a_platform_above():
    def pause_s(noise: float) -> float:
        registration = Registration(Place("34000000002000000001", "10.0.0.1", 5060), Pace(), lambda: noise)
        registration.heard(Heard.START, 0.0)
        registration.heard(Heard.SILENT, 100.0)
        assert registration.due_at is not None
        return registration.due_at - 100.0

    assert pause_s(0.0) >= Pace().retry_s
    assert pause_s(1.0) > pause_s(0.5) > pause_s(0.0)


async def test_REG_13_over_tcp_the_answer_comes_by_the_connection_of_the_request(make_house: Made, make_camera: Made):
    house: House = await make_house()
    seen: list[Traffic] = []
    house.stack.on_traffic = seen.append
    camera: RawCamera = await make_camera(house, transport="TCP")
    assert (await camera.register()).status == 200
    ours = [traffic.path for traffic in seen if traffic.message.cseq.method == "REGISTER"]
    assert len(ours) == 4 and len({path.connection for path in ours}) == 1 and ours[0].connection


async def test_REG_14_a_device_on_tcp_has_all_in_both_directions_by_one_connection():
    async with bare(Edition.V2022, speaker={"transport": "tcp"}) as (platform, camera):
        paths: list[Path] = []
        listening = platform.stack.on_traffic

        def listen(traffic: Traffic) -> None:
            paths.append(traffic.path)
            if listening is not None:
                listening(traffic)

        platform.stack.on_traffic = listen
        await platform.hear(Keepalive)
        assert await platform.say(DeviceControl(1, CAMERA, teleboot=True)) == 200
        await platform.registered(2)
        assert await platform.say(CatalogQuery(2, CAMERA)) == 200
        assert camera.speaker.registrations == 2
    assert {path.transport for path in paths} == {"TCP"} and len({path.connection for path in paths}) == 1


async def test_REG_15_a_broken_connection_is_an_abnormal_end_at_once(make_house: Made, make_camera: Made):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house, transport="TCP", version="3.0")
    await camera.register()
    await camera.stack.close()
    await until(lambda: house.presence() is Presence.OFFLINE)
    assert house.device().presence_reason == "connection-lost"


async def test_REG_16_a_device_of_2022_names_its_version_in_every_register():
    async with bare(Edition.V2022) as (platform, _):
        assert {request.headers.get("X-GB-Ver") for request in platform.registers} == {"3.0"}


async def test_REG_17_our_401_403_and_200_name_our_version(make_house: Made, make_camera: Made):
    camera: RawCamera = await make_camera(await make_house(lock_after=2))
    answers = [await camera.send("REGISTER"), await camera.register()]
    answers += [await camera.register(password="wrong") for _ in range(2)]
    assert [answer.status for answer in answers] == [401, 200, 401, 403]
    assert {answer.headers.get("X-GB-Ver") for answer in answers} == {"3.0"}


@pytest.mark.parametrize("domain", ["3402000000", "3402000000.spvmn.cn", "127.0.0.1:5060"])
async def test_REG_23_the_three_forms_of_a_domain_in_use_are_taken(make_house: Made, make_camera: Made, domain: str):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house)
    assert camera.path is not None

    async def register(authorization: str, cseq: int) -> Any:
        request = camera.stack.new_request(
            "REGISTER",
            f"sip:34020000002000000001@{domain}",
            from_uri=f"sip:{CODE}@{domain}",
            to_uri=f"sip:{CODE}@{domain}",
            path=camera.path,
            contact_user=CODE,
            headers=(("Authorization", authorization),) if authorization else (),
            cseq=cseq,
        )
        return await camera.stack.ask(request, camera.path, timeout_s=5.0)

    challenge = Challenge.parse((await register("", 1)).headers.get("WWW-Authenticate"))
    uri = f"sip:34020000002000000001@{domain}"
    proof = Credentials.answering(challenge, username=CODE, password="12345678", method="REGISTER", uri=uri)
    assert (await register(str(proof), 2)).status == 200
    assert house.presence() is Presence.ONLINE


async def test_REG_24_a_register_that_comes_twice_is_answered_twice_and_counts_once(make_house: Made):
    house: House = await make_house()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.setblocking(False)
        port = device.getsockname()[1]
        loop = asyncio.get_running_loop()

        async def register(cseq: int, proof: str = "") -> bytes:
            raw = (
                f"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{cseq}\r\n"
                f"From: <sip:{CODE}@3402000000>;tag=1\r\nTo: <sip:{CODE}@3402000000>\r\nCall-ID: one\r\n"
                f"CSeq: {cseq} REGISTER\r\nContact: <sip:{CODE}@127.0.0.1:{port}>\r\nExpires: 3600\r\n"
                f"{proof}Content-Length: 0\r\n\r\n"
            ).encode()
            for _ in range(2):
                await loop.sock_sendto(device, raw, house.address)
            async with asyncio.timeout(5):
                first, second = await loop.sock_recv(device, 4096), await loop.sock_recv(device, 4096)
            assert first == second
            return first

        challenged = (await register(1)).decode()
        text = challenged.partition("WWW-Authenticate: ")[2].partition("\r\n")[0]
        uri = "sip:34020000002000000001@3402000000"
        proof = Credentials.answering(
            Challenge.parse(text), username=CODE, password="12345678", method="REGISTER", uri=uri
        )
        assert (await register(2, f"Authorization: {proof}\r\n")).startswith(b"SIP/2.0 200")
    registrar = house.below.statistics()["registrar"]
    assert (registrar["challenged"], registrar["granted"], registrar["refused"]) == (1, 1, 0)
