"""What strangers with plain sockets see of the house: registrations, sessions and their ends at awkward moments."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from contextlib import AsyncExitStack

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.control import HomePosition
from gb28181.manscdp.home_position import HomePositionQuery
from gb28181.manscdp.relay import recode
from gb28181.sdp import live_offer
from registry.device import Device, Presence
from sipserver.below.following import Whom
from sipserver.sip.limits import Limits
from sipserver.sip.note import Seal
from sipserver.stack import Incoming, Stack, StackSettings
from tests.sipserver.by_hand import Stranger, value_of
from tests.sipserver.conftest import QUICK, Camera, House

CODE = "34020000001320000001"
CHANNEL = "34020000001310000001"
OUR_CODE = "34020000002000000001"
PASSWORD = "12345678"
SDP = "application/sdp"
OFFER = live_offer(OUR_CODE, "127.0.0.1", 30_000, 102_000_001, "udp")
OFFER_BYTES = (
    b"v=0\r\no=x 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 8000 RTP/AVP 8\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
)


@pytest.mark.parametrize(
    ("contact", "more", "granted"),
    [
        ("<sip:{}@10.0.0.9:5060>;expires=5", "User-Agent: x", "60"),
        ("<sip:{}@10.0.0.9:5060>;expires=99999999;q=0.5", "User-Agent: x", "604800"),
        ("<sip:{}@10.0.0.9:5060>;EXPIRES=7200", "Expires: 3600", "3600"),
        ('"a, ;expires=1" <sip:{}@10.0.0.9;expires=2>;expires=7200, <sip:{}@10.0.0.8>', "Expires: 3600", "3600"),
    ],
)
async def test_a_contact_comes_back_with_the_time_that_was_granted(make_house, contact, more, granted):
    """RFC 3261 10.2.4: a client goes by the expires of its Contact, and takes Expires only where there is none."""
    house = await make_house()
    with Stranger(CODE, house.address) as stranger:
        answer = await stranger.register(PASSWORD, more=more, contact=contact.format(CODE, CODE))
        assert answer.startswith("SIP/2.0 200")
        assert value_of(answer, "Expires") == granted
        said = value_of(answer, "Contact").lower().partition(">")[2]
        assert f";expires={granted}" in said and "expires=7200" not in said


# Ends of sessions at awkward moments.

INVITE = """
INVITE sip:{code}@3402000000 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-inv-{port}
From: <sip:34010000002000000001@3401000000>;tag=up1
To: <sip:{code}@3402000000>
Call-ID: call-1
CSeq: 7 INVITE
Contact: <sip:34010000002000000001@127.0.0.1:{port}>
Max-Forwards: 70
Content-Type: application/sdp"""

IN_DIALOG = """
{method} sip:{code}@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-{method}-{number}-{port}
From: <sip:34010000002000000001@3401000000>;tag=up1
To: {to}
Call-ID: call-1
CSeq: {number} {method}
Max-Forwards: 70"""


class Answering:
    """A stack of ours that takes every INVITE, and a stranger that calls it."""

    def __init__(self, t1_s: float) -> None:
        self.stack = Stack(StackSettings(host="127.0.0.1", port=0, t1_s=t1_s))
        self.stack.on_request = self._take
        self.dialogs = []
        self.ends: list[str] = []

    def _take(self, incoming: Incoming) -> None:
        dialog = incoming.accept(b"v=0\r\n", SDP, CODE)
        dialog.on_end = self.ends.append
        self.dialogs.append(dialog)

    async def __aenter__(self) -> Answering:
        await self.stack.start()
        self.upper = Stranger("34010000002000000001", ("127.0.0.1", self.stack.port))
        self.upper.say(INVITE.format(code=CODE, port=self.upper.port), "v=0\r\n")
        self.answer = await self.upper.hear("SIP/2.0 200")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.close()
        self.upper.__exit__()

    def say(self, method: str, number: int = 7) -> None:
        to = value_of(self.answer, "To")
        self.upper.say(IN_DIALOG.format(code=CODE, port=self.upper.port, method=method, number=number, to=to))


async def test_who_is_called_hangs_up_after_the_ACK_and_not_before():
    """RFC 3261 15: a BYE that overtakes the 200 is answered 481, and the 200 behind it begins a call with nobody."""
    async with Answering(t1_s=0.05) as called:
        called.dialogs[0].hang_up()
        assert await called.upper.hears_nothing_of("BYE", for_s=0.15)
        assert (await called.upper.hear("SIP/2.0 200")) == called.answer  # the first one was lost, say
        called.say("ACK")
        bye = await called.upper.hear("BYE")
        assert value_of(bye, "From") == value_of(called.answer, "To") and value_of(bye, "Call-ID") == "call-1"
        called.upper.answer(bye, "200 OK")
        assert called.ends == [] and called.stack.statistics().dialogs == 0


async def test_without_an_ACK_the_BYE_goes_when_nobody_awaits_it_any_more():
    async with Answering(t1_s=0.01) as called:
        await called.dialogs[0].bye(timeout_s=0.05)
        bye = await called.upper.hear("BYE", within_s=5.0)
        called.upper.answer(bye, "200 OK")


async def test_a_BYE_of_theirs_that_crosses_ours_is_the_only_one():
    async with Answering(t1_s=0.05) as called:
        ending = asyncio.create_task(called.dialogs[0].bye(timeout_s=5))
        await asyncio.sleep(0)
        called.say("BYE", 8)
        assert await called.upper.hear("SIP/2.0 200", holds="CSeq: 8 BYE")
        async with asyncio.timeout(1):
            await ending
        called.say("ACK")
        assert await called.upper.hears_nothing_of("BYE", for_s=0.2)


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_after_their_BYE_the_200_is_not_repeated_though_its_ACK_was_lost(hangs_up):
    async with Answering(t1_s=0.05) as called:
        if hangs_up:
            called.dialogs[0].hang_up()
        called.say("BYE", 8)
        assert await called.upper.hear("SIP/2.0 200", holds="CSeq: 8 BYE")
        called.upper.forget()
        assert await called.upper.hears_nothing_of("SIP/2.0", for_s=0.4)


async def test_the_end_of_the_house_owes_nobody_a_BYE():
    async with Answering(t1_s=0.05) as called:
        called.dialogs[0].hang_up()
        await called.stack.close()
        assert await called.upper.hear("BYE")


# A camera whose address changes in the middle of a call.

ANSWER = """v=0
o={code} 0 0 IN IP4 127.0.0.1
s=Play
c=IN IP4 127.0.0.1
t=0 0
m=video 15060 RTP/AVP 96
a=sendonly
a=rtpmap:96 PS/90000
y=0102000001
""".replace("\n", "\r\n")


async def test_a_call_is_steered_and_ended_where_the_camera_is_now(make_house):
    """Behind NAT of a mobile network the port changes between messages (signalling 3.1, 10.1): what goes to the old one
    is heard by nobody, and the camera would send for ever."""
    house = await make_house()
    with Stranger(CODE, house.address) as before, Stranger(CODE, house.address) as now:
        await before.register(PASSWORD)
        calling = asyncio.create_task(house.below.peer(CODE).call(CODE, OFFER))
        invite = await before.hear("INVITE")
        contact = f"Contact: <sip:{CODE}@10.0.0.9:5060>\nContent-Type: application/sdp"
        before.answer(invite, "200 OK", contact, ANSWER.format(code=CODE))
        ack = await before.hear("ACK")
        assert ack.startswith(f"ACK sip:{CODE}@10.0.0.9:5060 SIP/2.0")  # as its Contact says, but to where it is
        call = await calling
        assert (await now.register(PASSWORD, number=3)).startswith("SIP/2.0 200")
        asking = asyncio.create_task(call.inform(b"PAUSE RTSP/1.0\r\n", "Application/MANSRTSP"))
        now.answer(await now.hear("INFO"), "200 OK")
        assert await asking == 200
        ending = asyncio.create_task(call.hang_up())
        now.answer(await now.hear("BYE"), "200 OK")
        await ending


async def test_who_asks_for_the_end_of_a_session_after_it_is_told_at_once():
    """Their BYE may follow their 200 so closely that both are read before anybody is woken."""
    ours = Stack(StackSettings(host="127.0.0.1", port=0))
    await ours.start()
    with Stranger(CODE, ("127.0.0.1", ours.port)) as camera:
        path = ours.udp_path(("127.0.0.1", camera.port))
        uri = f"sip:{CODE}@127.0.0.1"
        request = ours.new_request("INVITE", uri, from_uri=f"sip:{OUR_CODE}@x", to_uri=uri, path=path, contact_user="u")
        calling = asyncio.create_task(ours.invite(request, path, timeout_s=5))
        invite = await camera.hear("INVITE")
        camera.answer(invite, "200 OK", f"Contact: <{uri}>")
        camera.say(
            f"BYE sip:u@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:{camera.port};branch=z9hG4bKb1\n"
            f"From: <{uri}>;tag=t1\nTo: {value_of(invite, 'From')}\nCall-ID: {value_of(invite, 'Call-ID')}\nCSeq: 1 BYE"
        )
        _, dialog = await calling
        dialog.ack()
        ends = []
        dialog.on_end = ends.append
        assert ends == ["BYE"] or (await camera.hear("SIP/2.0 200", holds="BYE") and ends == ["BYE"])
    await ours.close()


async def test_a_subscription_that_is_too_brief_is_asked_for_again_as_long_as_it_must_be(make_house, until_true):
    """RFC 6665 4.1.2.1: 423 says in Min-Expires what would be granted."""
    house = await make_house(follow_catalog=Whom.ALL, follow_alarms=Whom.NOBODY)
    with Stranger(CODE, house.address) as camera:
        await camera.register(PASSWORD)
        asked = await camera.hear("SUBSCRIBE")
        assert value_of(asked, "Expires") == "600"
        camera.answer(asked, "423 Interval Too Brief", "Min-Expires: 3600")
        await until_true(lambda: house.below.following(CODE)[0].standing == "waiting")
        house.skew_s += 6
        house.below.look()
        again = await camera.hear("SUBSCRIBE")
        assert value_of(again, "Expires") == "3600" and value_of(again, "Call-ID") != value_of(asked, "Call-ID")
        contact = f"Contact: <sip:{CODE}@127.0.0.1:{camera.port}>"
        camera.answer(again, "200 OK", f"{contact}\nExpires: 3600")
        await until_true(lambda: house.below.following(CODE)[0].standing == "active")
        (followed,) = house.below.following(CODE)
        assert followed.expires_at > time.time() + 3000


# Strangers.

CALL = """
INVITE sip:{our}@3402000000 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-{port}-{number}
From: <sip:{code}@3402000000>;tag=s{number}
To: <sip:{our}@3402000000>{tag}
Call-ID: call-{port}-{number}
CSeq: 1 INVITE
Max-Forwards: 70
Content-Type: application/sdp"""


async def test_calls_of_strangers_take_no_room_from_neighbours_and_are_refused_once(make_house):
    """Whoever forges addresses could fill the table of calls for half a minute with every INVITE, and have each refusal
    repeated ten times to somebody else."""
    house = await make_house()
    house.stack.endpoint.limits = dataclasses.replace(house.stack.endpoint.limits, calls=2)
    with Stranger("34020000001320000666", house.address) as stranger, Stranger(CODE, house.address) as camera:
        await camera.register(PASSWORD)
        for number, tag, refusal in ((1, "", "403"), (2, "", "403"), (3, "", "403"), (4, ";tag=x", "481")):
            words = {"our": OUR_CODE, "port": stranger.port, "code": stranger.code, "number": number, "tag": tag}
            stranger.say(CALL.format(**words), OFFER_BYTES)
            assert await stranger.hear(f"SIP/2.0 {refusal}")
        assert await stranger.hears_nothing_of("SIP/2.0", for_s=0.4)
        camera.say(CALL.format(our=OUR_CODE, port=camera.port, code=CODE, number=1, tag=""), OFFER_BYTES)
        assert "Nobody Speaks To You" in await camera.hear("SIP/2.0")


@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY", "SUBSCRIBE", "BYE", "INFO", "OPTIONS", "PUBLISH", "INVITE"])
async def test_nothing_is_kept_of_what_a_stranger_asked(make_house, method):
    """Thirty thousand forged ones a second would else be kept for half a minute each."""
    house = await make_house()
    with Stranger("34020000001320000666", house.address) as stranger:
        words = {"our": OUR_CODE, "port": stranger.port, "code": stranger.code, "number": 1, "tag": ""}
        for _ in range(2):
            stranger.say(CALL.format(**words).replace("INVITE", method))
            assert (await stranger.hear("SIP/2.0")).split()[1] in ("403", "481", "200", "405")
        assert house.stack.statistics().transactions == 0


# What a maker calls otherwise.


async def test_an_answer_called_after_what_it_tells_answers_the_question(make_house):
    """Dahua answers HomePositionQuery under the name HomePosition (signalling 10.1)."""
    house = await make_house()
    with Stranger(CODE, house.address) as camera:
        await camera.register(PASSWORD, more="Expires: 3600\nX-GB-Ver: 3.0")
        link = house.below.peer(CODE)
        raw = b'<?xml version="1.0"?>\r\n<Query>\r\n<CmdType>HomePositionQuery</CmdType>\r\n<SN>1</SN>\r\n</Query>\r\n'
        typed = asyncio.create_task(link.ask(HomePositionQuery(0, CODE), timeout_s=5))
        handed = asyncio.create_task(
            link.relay(lambda sn: raw.replace(b"<SN>1", f"<SN>{sn}".encode()), timeout_s=5, answer=True)
        )
        for _ in range(2):
            asked = await camera.hear("MESSAGE", holds="HomePositionQuery")
            camera.answer(asked, "200 OK")
            sn = asked.partition("<SN>")[2].partition("<")[0]
            camera.say(
                MESSAGE.format(our=OUR_CODE, port=camera.port, code=CODE, number=sn),
                '<?xml version="1.0" encoding="GB18030"?>\r\n<Response>\r\n<CmdType>HomePosition</CmdType>\r\n'
                f"<SN>{sn}</SN>\r\n<DeviceID>{CODE}</DeviceID>\r\n"
                "<HomePosition><Enabled>1</Enabled><ResetTime>120</ResetTime></HomePosition>\r\n</Response>\r\n",
            )
        assert (await typed).home == HomePosition(True, 120)
        (body,) = await handed
        upward = recode(body, sn=7, codes=lambda code: code, charset=Charset.GB18030, edition=Edition.V2022)
        assert b"<CmdType>HomePositionQuery</CmdType>" in upward and b"<ResetTime>120</ResetTime>" in upward


async def test_a_kind_of_configuration_that_is_refused_does_not_end_the_wait_for_the_others(make_house):
    """One answer for each kind (signalling 4.5), and a device may know only one of two."""
    house = await make_house()
    with Stranger(CODE, house.address) as camera:
        await camera.register(PASSWORD)
        asking = asyncio.create_task(
            house.below.peer(CODE).relay(
                lambda sn: CONFIG.format("Query", sn, "<ConfigType>VideoParamOpt/BasicParam</ConfigType>").encode(),
                timeout_s=5,
            )
        )
        asked = await camera.hear("MESSAGE", holds="ConfigDownload")
        camera.answer(asked, "200 OK")
        sn = asked.partition("<SN>")[2].partition("<")[0]
        for number, inside in enumerate(
            ("<Result>ERROR</Result>", "<Result>OK</Result><BasicParam><Name>gate</Name></BasicParam>")
        ):
            camera.say(
                MESSAGE.format(our=OUR_CODE, port=camera.port, code=CODE, number=f"{sn}{number}"),
                CONFIG.format("Response", sn, inside),
            )
        first, second = await asking
        assert b"ERROR" in first and b"<Name>gate</Name>" in second


CONFIG = (
    f"<{{0}}>\r\n<CmdType>ConfigDownload</CmdType>\r\n<SN>{{1}}</SN>\r\n<DeviceID>{CODE}</DeviceID>\r\n{{2}}</{{0}}>"
)

MESSAGE = """
MESSAGE sip:{our}@3402000000 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-m-{port}-{number}
From: <sip:{code}@3402000000>;tag=m{number}
To: <sip:{our}@3402000000>
Call-ID: message-{port}-{number}
CSeq: 1 MESSAGE
Max-Forwards: 70
Content-Type: Application/MANSCDP+xml"""


async def test_a_message_that_brings_the_endpoint_down_costs_a_connection_nothing():
    """From cannot be read, so the refusal could not be signed as was agreed; what came behind it was lost with it."""
    ours = Stack(StackSettings(host="127.0.0.1", port=0))
    ours.on_request = lambda incoming: incoming.respond(200)
    ours.notary = Signing()
    await ours.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    head = "MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKs{0}\r\nFrom: {1};tag=a\r\n"
    rest = "To: <sip:x@y>\r\nCall-ID: s{0}\r\nCSeq: {0} MESSAGE\r\nContent-Length: 0\r\n\r\n"
    for number, whom in ((1, "<sip:a"), (2, "<sip:a@b>")):
        writer.write((head + rest).format(number, whom).encode())
    answers = b""
    async with asyncio.timeout(5):
        while b"CSeq: 2 MESSAGE" not in answers:
            answers += await reader.read(4096) or b"CSeq: 2 MESSAGE never came, the connection was closed"
    first, second = answers.decode().split("SIP/2.0 ")[1:]
    assert first.startswith("400") and "Note" not in first
    assert second.startswith("200") and "Note: Digest nonce=" in second
    writer.close()
    await ours.close()


class Signing:
    """Everybody agreed on a seal over the URIs of From and To."""

    seal = Seal("s3cr3t-seed", is_of_uris=True)

    def stamp(self, message, path):
        self.seal.stamp(message, 1_700_000_000.0)

    def why_not(self, message, path):
        return ""


async def test_an_OFF_of_those_who_say_it_without_cause_is_looked_after(make_house):
    """Hikvision platforms tell OFF spuriously (signalling 10.1): it counts, and the catalog is asked how it is."""
    house = await make_house(follow_catalog=Whom.NOBODY, catalog_retry_s=0.05)
    item = f"<Item><DeviceID>{CHANNEL}</DeviceID><Name>gate</Name>{{}}</Item>"
    with Stranger(CODE, house.address) as camera:

        async def tells_its_catalog() -> None:
            while "<CmdType>Catalog<" not in (asked := await camera.hear("MESSAGE")):
                camera.answer(asked, "200 OK")
            camera.answer(asked, "200 OK")
            sn = asked.partition("<SN>")[2].partition("<")[0]
            say("Response", sn, item.format("<Status>ON</Status>"))

        def say(root: str, sn: str, inside: str) -> None:
            camera.say(
                MESSAGE.format(our=OUR_CODE, port=camera.port, code=CODE, number=sn),
                f"<{root}>\r\n<CmdType>Catalog</CmdType>\r\n<SN>{sn}</SN>\r\n<DeviceID>{CODE}</DeviceID>\r\n"
                f'<SumNum>1</SumNum>\r\n<DeviceList Num="1">{inside}</DeviceList>\r\n</{root}>\r\n',
            )

        async def is_on() -> bool:
            channel = await house.directory.channel(CODE, CHANNEL)
            return channel is not None and channel.online

        async def comes_to_be(on: bool) -> None:
            async with asyncio.timeout(5):
                while await is_on() is not on:
                    await asyncio.sleep(0.02)

        await camera.register(PASSWORD, more="Expires: 3600\nUser-Agent: Hikvision Platform")
        await tells_its_catalog()
        await comes_to_be(True)
        say("Notify", "4001", item.format("<Event>OFF</Event>"))
        await comes_to_be(False)
        await tells_its_catalog()
        await comes_to_be(True)
        await asyncio.sleep(1.2)
        assert await is_on(), "what came before the catalog is not told once more after it"


# Connections that break while we think.


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE"])
async def test_who_is_gone_before_our_answer_holds_nothing_of_ours(method, until_true):
    """A platform may ask over a connection of its own, and that one break while we still look for the camera."""
    asked: list[Incoming] = []
    ends: list[str] = []
    ours = Stack(StackSettings(host="127.0.0.1", port=0))
    ours.on_request = asked.append
    await ours.start()
    _, writer = await asyncio.open_connection("127.0.0.1", ours.port)
    writer.write(
        f"{method} sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKs\r\nFrom: <sip:a@b>;tag=a\r\n"
        f"To: <sip:x@y>\r\nCall-ID: s\r\nCSeq: 1 {method}\r\nContact: <sip:a@b>\r\nContent-Length: 0\r\n\r\n".encode()
    )
    await until_true(lambda: asked)
    (incoming,) = asked
    incoming.on_cancel = lambda: ends.append("withdrawn")
    writer.transport.abort()
    await until_true(lambda: ours.statistics().connections == 0)
    if method == "INVITE":
        assert ends == ["withdrawn"]
        with pytest.raises(ValueError):
            incoming.accept(b"v=0\r\n")
    else:
        incoming.accept_subscription(600).on_end = ends.append
        assert ends == ["connection lost"]
    assert ours.statistics().dialogs == 0
    await ours.close()


async def test_a_connection_is_not_too_quiet_while_a_session_runs_over_it_or_a_neighbour_is_there(until_true):
    """A picture flows for hours without a word of SIP, and a camera may keep alive every hour."""
    quick = StackSettings(host="127.0.0.1", port=0, limits=Limits(idle_s=0.2, first_message_s=0.2))
    async with AsyncExitStack() as taken:
        house = House(QUICK, None, quick)
        await house.directory.open("memory:")
        taken.push_async_callback(house.directory.close)
        await house.directory.add_device(Device(CODE))
        await house.below.start()
        await house.stack.start()
        taken.push_async_callback(house.stop)
        camera = Camera(CODE, house.address, transport="TCP", password=PASSWORD, version="")
        await camera.start()
        taken.push_async_callback(camera.close)
        assert (await camera.register()).status == 200

        calling = Stack(quick)
        ends: list[str] = []
        calling.on_request = lambda incoming: setattr(incoming.accept(b"v=0\r\n"), "on_end", ends.append)
        await calling.start()
        taken.push_async_callback(calling.close)
        _, caller = await asyncio.open_connection("127.0.0.1", calling.port)
        call = INVITE.format(code=CODE, port=1).strip().replace("UDP", "TCP").replace("\n", "\r\n")
        caller.write(call.encode() + b"\r\nContent-Length: 0\r\n\r\n")
        _, idler = await asyncio.open_connection("127.0.0.1", calling.port)
        idler.write(call.replace("INVITE", "OPTIONS").encode() + b"\r\nContent-Length: 0\r\n\r\n")
        await until_true(lambda: calling.statistics().counts["tcp_closed_idle"] == 1)  # nobody needs that one
        await asyncio.sleep(0.5)
        assert calling.statistics().connections == 1 and ends == []
        assert house.stack.statistics().connections == 1 and house.presence() is Presence.ONLINE
