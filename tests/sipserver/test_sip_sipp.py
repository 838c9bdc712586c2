"""sipp, which shares no line with us, registers with a digest and keeps itself alive at a registrar on our stack."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path as FilePath

import pytest

from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Request
from sipserver.sip.parser import parse_datagram
from sipserver.stack import Incoming, Stack, StackSettings, Traffic

RECORDINGS = FilePath(__file__).parents[1] / "recordings"
PASSWORD = "12345678"
CALLS = 20

SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register and keep alive">
  <send retrans="500"><![CDATA[
REGISTER sip:34020000002000000001@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000001320000001@3402000000>;tag=[pid]SIPpTag00[call_number]
To: <sip:34020000001320000001@3402000000>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:34020000001320000001@[local_ip]:[local_port]>
Max-Forwards: 70
Expires: 3600
User-Agent: sipp
Content-Length: 0

]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
REGISTER sip:34020000002000000001@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000001320000001@3402000000>;tag=[pid]SIPpTag00[call_number]
To: <sip:34020000001320000001@3402000000>
Call-ID: [call_id]
CSeq: 2 REGISTER
Contact: <sip:34020000001320000001@[local_ip]:[local_port]>
[authentication username=34020000001320000001 password=PASSWORD]
Max-Forwards: 70
Expires: 3600
User-Agent: sipp
Content-Length: 0

]]></send>
  <recv response="200"/>
  <send retrans="500"><![CDATA[
MESSAGE sip:34020000002000000001@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000001320000001@3402000000>;tag=[pid]SIPpTag01[call_number]
To: <sip:34020000002000000001@3402000000>
Call-ID: [call_id]
CSeq: 3 MESSAGE
Content-Type: Application/MANSCDP+xml
Max-Forwards: 70
User-Agent: sipp
Content-Length: [len]

<?xml version="1.0" encoding="GB2312"?>
<Notify>
<CmdType>Keepalive</CmdType>
<SN>[call_number]</SN>
<DeviceID>34020000001320000001</DeviceID>
<Status>OK</Status>
</Notify>
]]></send>
  <recv response="200"/>
</scenario>
""".replace("PASSWORD", PASSWORD)


class Registrar:
    """The least that can be called one."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self.registered = 0
        self.alive = 0
        self.wrong = 0

    def __call__(self, incoming: Incoming) -> None:
        request = incoming.request
        if request.method == "MESSAGE":
            self.alive += b"<CmdType>Keepalive</CmdType>" in request.body and request.body.endswith(b"</Notify>\r\n")
            incoming.respond(200)
            return
        authorization = request.headers.get("Authorization")
        if authorization is None:
            incoming.respond(401, headers=(("WWW-Authenticate", str(self.challenge)),))
        elif Credentials.parse(authorization).is_right(PASSWORD, "REGISTER"):
            self.registered += 1
            incoming.respond(200, headers=(("Expires", str(request.expires)),))
        else:
            self.wrong += 1
            incoming.respond(403)


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["udp", "tcp"])
@pytest.mark.parametrize(
    "challenge",
    [
        Challenge("3402000000", "a1b2c3d4e5f60718", "MD5"),
        Challenge("3402000000", "a1b2c3d4e5f60718", "MD5", qop="auth"),
    ],
    ids=["plain", "qop"],
)
async def test_sipp_registers_and_keeps_alive(tmp_path: FilePath, transport: str, challenge: Challenge) -> None:
    sipp = shutil.which("sipp")
    assert sipp is not None
    scenario = tmp_path / "register.xml"
    scenario.write_text(SCENARIO)
    registrar = Registrar(challenge)
    seen: list[Traffic] = []
    stack = Stack(StackSettings(host="127.0.0.1", port=0))
    stack.on_request = registrar
    stack.on_traffic = seen.append
    await stack.start()
    try:
        process = await asyncio.create_subprocess_exec(
            sipp,
            *("-sf", str(scenario), "-t", transport, "-m", str(CALLS), "-r", "50", "-i", "127.0.0.1"),
            *("-timeout", "15s", "-nostdin", f"127.0.0.1:{stack.port}"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode(errors="replace")[-500:]
    finally:
        await stack.close()
    assert (registrar.registered, registrar.alive, registrar.wrong) == (CALLS, CALLS, 0)
    assert len([traffic for traffic in seen if not traffic.repeated]) == 6 * CALLS


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("sipp-register.sip", "REGISTER"),
        ("sipp-register-digest.sip", "REGISTER"),
        ("sipp-register-digest-qop.sip", "REGISTER"),
        ("sipp-keepalive.sip", "MESSAGE"),
    ],
)
def test_what_sipp_once_sent_is_still_understood(name: str, method: str) -> None:
    request = parse_datagram((RECORDINGS / name).read_bytes())
    assert isinstance(request, Request)
    assert request.method == method
    assert request.from_.user == "34020000001320000001"
    authorization = request.headers.get("Authorization")
    assert (authorization is not None) == ("digest" in name)
    if authorization is not None:
        credentials = Credentials.parse(authorization)
        assert credentials.is_right(PASSWORD, "REGISTER")
        assert (credentials.qop == "auth") == ("qop" in name)
    if method == "MESSAGE":
        assert request.body.startswith(b"<?xml") and request.body.endswith(b"</Notify>\r\n")


def test_every_recording_has_its_origin() -> None:
    told = (RECORDINGS / "README.md").read_text(encoding="utf-8")
    for recording in RECORDINGS.glob("*.sip"):
        assert f"`{recording.name}`" in told
