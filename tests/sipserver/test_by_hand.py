"""What strangers with plain sockets see of the house: registrations, sessions and their ends at awkward moments."""

from __future__ import annotations

import asyncio

import pytest

from sipserver.stack import Incoming, Stack, StackSettings
from tests.sipserver.by_hand import Stranger, value_of

CODE = "34020000001320000001"
OUR_CODE = "34020000002000000001"
PASSWORD = "12345678"
SDP = "application/sdp"


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


async def test_the_end_of_the_house_owes_nobody_a_BYE():
    async with Answering(t1_s=0.05) as called:
        called.dialogs[0].hang_up()
        await called.stack.close()
        assert await called.upper.hear("BYE")
