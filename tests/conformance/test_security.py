"""The lines about signed signalling, redirection and certificates (signalling reference 3.6.6, 3.8, 3.9, 11)."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm
from gb28181.manscdp.keepalive import Keepalive
from simulator.camera import Camera
from sipserver.sip.message import Request, Response
from sipserver.sip.note import Seal
from sipserver.stack import Path as SipPath
from sipserver.stack import RequestTimedOut, Stack, StackSettings
from tests.conformance.bare import Platform
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNED = "34020000001320000031"
SPOILED = "34020000001320000032"
LATE = "34020000001320000033"
CERTIFIED = "34020000001320000034"
SEED = "s3cr3t-seed"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("security"))) as estate:
        yield estate


async def sealed(estate: Estate, code: str, algorithm: str = "SM3") -> Pair:
    """A device with which every message is signed, known to the house before it comes."""
    await estate.post("/api/v1/devices", {"code": code, "kind": "camera"}, 201)
    async with estate.http.put(f"/api/v1/seals/{code}", json={"algorithm": algorithm, "seed": SEED}) as response:
        assert response.status == 200, await response.text()
    return await joined(estate, code, edition=Edition.V2022, speaker={"seal": Seal(SEED, algorithm), "answer_s": 1.0})


async def tally(estate: Estate, code: str) -> dict[str, object]:
    listed = await estate.get("/api/v1/seals")
    return next(item for item in listed["items"] if item["code"] == code)


def spoil(camera: Camera, seal: Seal, *, ahead_s: float = 0.0) -> None:
    """From now on the device signs with another seal, or at another time, and believes everything."""

    class Spoiler:
        def stamp(self, message: Request | Response, path: SipPath) -> None:
            if "REGISTER" not in (message.headers.get("CSeq") or ""):
                seal.stamp(message, datetime.now(UTC).timestamp() + ahead_s)

        def why_not(self, message: Request | Response, path: SipPath) -> str:
            return ""

    camera.speaker.stack.notary = Spoiler()


@pytest.mark.parametrize(("number", "algorithm"), [(41, "SM3"), (42, "SHA-256"), (43, "MD5")])
async def test_SEC_04_requests_and_responses_of_both_sides_are_signed_and_verify(
    estate: Estate, number: int, algorithm: str
):
    pair = await sealed(estate, f"340200000013200000{number}", algorithm)
    seen = await pair.ours.see(Keepalive, out=False)
    everything = [each for each in pair.ours.messages if each.method != "REGISTER"]
    assert everything and all(
        f",algorithm={algorithm}" in (each.message.headers.get("Note") or "") for each in everything
    )
    await until(lambda: pair.ours.answer_to(seen).message.headers.get("Note"))
    told = await tally(estate, pair.code)
    assert told["disbelieved"] == 0 and told["signed"] and told["believed"]
    assert all("Note" not in each.message.headers for each in pair.ours.messages if each.method == "REGISTER")


async def test_SEC_02_a_message_with_a_wrong_note_is_dropped_and_its_session_ended(estate: Estate):
    pair = await sealed(estate, SPOILED)
    await estate.live(pair.code)
    invite = await pair.ours.see("INVITE", out=True)
    assert len(pair.camera.calls) == 1
    spoil(pair.camera, Seal("another seed"))
    pair.clear()
    # A wrong message in the session ends it; a wrong one outside of any is not even answered.
    call = next(iter(pair.camera.calls))
    with pytest.raises(RequestTimedOut):
        await call.dialog.request("MESSAGE", body=b"<Notify/>", content_type="Application/MANSCDP+xml", timeout_s=1.0)
    bye = await pair.ours.see("BYE", out=True)
    assert bye.message.call_id == invite.message.call_id
    with pytest.raises(RequestTimedOut):
        await pair.camera.speaker.tell(Alarm(sn=1, device=pair.code, priority=1, method=5, at=1.0))
    told = await tally(estate, pair.code)
    assert int(str(told["disbelieved"])) >= 2 and told["last_why"] == "its Note is wrong"
    refused = await estate.get("/api/v1/refusals")
    assert "unproven" in str(refused)


async def test_SEC_03_a_date_more_than_ten_minutes_off_is_rejected(estate: Estate):
    pair = await sealed(estate, LATE)
    spoil(pair.camera, Seal(SEED), ahead_s=-601)
    with pytest.raises(RequestTimedOut):
        await pair.camera.speaker.tell(Keepalive(sn=1, device=pair.code))
    assert "s off, more than 600 s" in str((await tally(estate, pair.code))["last_why"])
    spoil(pair.camera, Seal(SEED), ahead_s=-500)
    assert (await pair.camera.speaker.tell(Keepalive(sn=2, device=pair.code))).status == 200


async def test_who_spoofs_a_signed_device_from_elsewhere_is_not_believed(estate: Estate):
    pair = await sealed(estate, SIGNED)
    stranger = Stack(StackSettings(host="127.0.0.1", port=0))
    await stranger.start()
    try:
        path = stranger.udp_path(("127.0.0.1", estate.house.stack.port))
        request = stranger.new_request(
            "MESSAGE",
            "sip:34020000002000000001@3402000000",
            from_uri=f"sip:{pair.code}@3402000000",
            to_uri="sip:34020000002000000001@3402000000",
            path=path,
            body=b"<Notify><CmdType>Keepalive</CmdType></Notify>",
        )
        with pytest.raises(RequestTimedOut):
            await stranger.ask(request, path, timeout_s=1.0)
    finally:
        await stranger.close()


async def test_REG_19_to_21_a_device_is_sent_on_and_returns_when_it_is_lost_there(tmp_path: Path):
    far = Platform()
    await far.stack.start()
    there = f"34020000002000000009@127.0.0.1:{far.stack.port}"
    try:
        async with house(tmp_path, below={"redirect_to": (there,), "redirect_ask_s": 1.0}) as estate:
            made = estate.camera_settings(speaker={"edition": Edition.V2022, "keepalive_s": 0.2, "password": "secret"})
            far.edition = Edition.V2022
            await estate.post(
                "/api/v1/devices", {"code": made.speaker.code, "kind": "camera", "password": "secret"}, 201
            )
            camera = estate.put_to_work(Camera(made))
            await far.registered()
            # REG-19: an authenticated REGISTER was answered 302 with Contact and Expires.
            seen = [
                rung
                for rung in estate.house.below.ladder.of_peer(made.speaker.code, 50)
                if rung.method == "REGISTER" and rung.status in (302, 401)
            ]
            assert [rung.status for rung in sorted(seen, key=lambda rung: rung.at)][:2] == [401, 302]
            sent_on = next(rung for rung in seen if rung.status == 302)
            assert f"Contact: <sip:{there}>" in sent_on.text and "Expires: 86400" in sent_on.text
            # REG-20: there it went through the whole challenge again, at its own address.
            first, second = far.registers[:2]
            assert "Authorization" not in first.headers and "Authorization" in second.headers
            assert first.uri == second.uri == f"sip:{there}"
            # REG-21: what it was sent to refuses, so it returns; and as it is back so soon, it is taken here.
            far.refuse_keepalives = True
            await until(lambda: estate.is_ready(made.speaker.code, 1))
            assert camera.speaker.server[1:] == ("127.0.0.1", estate.house.stack.port)
    finally:
        await far.stack.close()


async def test_a_server_that_answers_no_options_is_sent_nobody(tmp_path: Path):
    deaf = Stack(StackSettings(host="127.0.0.1", port=0))
    await deaf.start()
    port = deaf.port
    await deaf.close()
    async with house(tmp_path, below={"redirect_to": (f"34020000002000000009@127.0.0.1:{port}",)}) as estate:
        redirect = estate.house.below.redirect
        await until(lambda: not redirect.answers(redirect.servers[0]))
        await estate.camera()
        assert redirect.kept == 1


async def test_REG_22_a_capability_is_answered_by_a_401_asymmetric_and_the_right_key_comes_in(tmp_path: Path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    ours, theirs = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    (folder / "own.key").write_bytes(ours.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CERTIFIED)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(theirs.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(theirs, hashes.SHA256())
    )
    (folder / f"{CERTIFIED}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    async with house(tmp_path / "house", below={"certificates": str(folder)}) as estate:
        await estate.post("/api/v1/devices", {"code": CERTIFIED, "kind": "camera", "password": "never told"}, 201)
        device = Stack(StackSettings(host="127.0.0.1", port=0))
        await device.start()
        try:
            path = device.udp_path(("127.0.0.1", estate.house.stack.port))

            async def register(authorization: str, cseq: int) -> Response:
                request = device.new_request(
                    "REGISTER",
                    "sip:34020000002000000001@3402000000",
                    from_uri=f"sip:{CERTIFIED}@3402000000",
                    to_uri=f"sip:{CERTIFIED}@3402000000",
                    path=path,
                    contact_user=CERTIFIED,
                    headers=[("Authorization", authorization), ("Expires", "3600")],
                    call_id="one",
                    cseq=cseq,
                )
                return await device.ask(request, path, timeout_s=5)

            capability = 'Capability algorithm="A:RSA/ECB/PKCS1;H:SHA1;S:DES/ECB/PKCS5"'
            asked = await register(capability, 1)
            header = asked.headers.get("WWW-Authenticate") or ""
            assert asked.status == 401 and header.startswith('Asymmetric nonce="')
            nonce = header.partition('nonce="')[2].partition('"')[0]
            secret = theirs.decrypt(b64decode(nonce.partition("&")[2]), PKCS1v15())
            wrong = f'Asymmetric nonce="{nonce}",response="{"0" * 40}",algorithm=SHA1'
            assert (await register(wrong, 2)).status == 401
            assert "wrong-certificate" in str(await estate.get("/api/v1/refusals"))
            header = (await register(capability, 3)).headers.get("WWW-Authenticate") or ""
            nonce = header.partition('nonce="')[2].partition('"')[0]
            secret = theirs.decrypt(b64decode(nonce.partition("&")[2]), PKCS1v15())
            response = hashlib.sha1(secret + nonce.encode()).hexdigest()
            proof = f'Asymmetric nonce="{nonce}",response="{response}",algorithm=SHA1'
            assert (await register(proof, 4)).status == 200
            await until(lambda: estate.house.below.at(replace(path, remote=(path.local[0], device.port))) or True)
            assert (await estate.device(CERTIFIED))["presence"] == "online"
        finally:
            await device.close()
        await asyncio.sleep(0)
