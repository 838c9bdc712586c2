"""How many requests a second the door below carries on one core, with digest, presence, directory and ladder on.

Run `python -m tests.bench.bench_below`. Datagrams are handed to the stack as the socket would, answers are dropped
where the socket would take them. The yardstick is MD5 of one kilobyte in the same run, so figures of two machines can
be compared.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from hashlib import md5

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import serialise
from registry.device import Device
from registry.directory import Directory
from registry.events import Bus
from sipserver.below.below import Below
from sipserver.below.settings import BelowSettings
from sipserver.sip.digest import Challenge, Credentials
from sipserver.sip.message import Response
from sipserver.sip.parser import parse_datagram
from sipserver.stack import Stack, StackSettings

DEVICES = 2000
ROUNDS = 5
STRETCH = 200
SERVER = "sip:34020000002000000001@3402000000"


def code_of(number: int) -> str:
    return f"3402000000132{number:07d}"


class Wire:
    """Stands where the UDP socket stands, and keeps the last answer."""

    def __init__(self) -> None:
        self.last = b""

    def send(self, raw: bytes, remote: tuple[str, int]) -> bool:
        self.last = raw
        return True


def register(number: int, turn: int, authorization: str = "") -> bytes:
    code = code_of(number)
    return (
        f"REGISTER {SERVER} SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.{number >> 8}.{number & 255}:5060;rport;"
        f"branch=z9hG4bKr{number}x{turn}\r\nFrom: <sip:{code}@3402000000>;tag=t{number}\r\n"
        f"To: <sip:{code}@3402000000>\r\nCall-ID: r{number}\r\nCSeq: {turn} REGISTER\r\n"
        f"Contact: <sip:{code}@10.1.0.1:5060>\r\nMax-Forwards: 70\r\nExpires: 3600\r\n"
        f"User-Agent: IP Camera\r\n{authorization}Content-Length: 0\r\n\r\n"
    ).encode()


def answered(number: int, turn: int, text: str) -> bytes:
    answer = parse_datagram(text.encode())
    assert isinstance(answer, Response) and answer.status == 401
    challenge = Challenge.parse(answer.headers.get("WWW-Authenticate") or "")
    credentials = Credentials.answering(
        challenge, username=code_of(number), password="12345678", method="REGISTER", uri=SERVER
    )
    return register(number, turn, f"Authorization: {credentials}\r\n")


def keepalive(number: int, turn: int, body: bytes) -> bytes:
    code = code_of(number)
    head = (
        f"MESSAGE {SERVER} SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.{number >> 8}.{number & 255}:5060;rport;"
        f"branch=z9hG4bKk{number}x{turn}\r\nFrom: <sip:{code}@3402000000>;tag=k{number}\r\n"
        f"To: <{SERVER}>\r\nCall-ID: k{number}x{turn}\r\nCSeq: {turn} MESSAGE\r\nMax-Forwards: 70\r\n"
        f"Content-Type: Application/MANSCDP+xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rate(what: str, count: int, work: Callable[[], None], yardstick: float) -> float:
    gc.collect()
    begun = time.process_time()
    work()
    seconds = time.process_time() - begun
    print(f"{what:34} {count / seconds:10,.0f} /s   {count / seconds / yardstick:6.3f} of the yardstick")
    return count / seconds


def mixture(stack: Stack, wire: Wire, body: bytes, yardstick: float) -> None:
    """One REGISTER, its digest retry and one keepalive of each device in turn, as in `bench_sip_server`.

    Other work on the machine makes the same instructions dearer, so the median and the cheapest of stretches count.
    The camera's own work, to answer the challenge, is not measured.
    """
    begun = 5 + ROUNDS
    costs: list[float] = []
    gc.collect()
    for first in range(0, DEVICES, STRETCH):
        some = range(first, first + STRETCH)
        places = [(f"10.1.{number >> 8}.{number & 255}", 5060) for number in some]
        knocks = [register(number, begun) for number in some]
        beats = [keepalive(number, begun + 2, body) for number in some]
        answers: list[str] = []
        started = time.process_time()
        for raw, remote in zip(knocks, places, strict=True):
            stack._datagram(raw, remote)
            answers.append(wire.last.decode())
        cost = time.process_time() - started
        retries = [answered(number, begun + 1, text) for number, text in zip(some, answers, strict=True)]
        started = time.process_time()
        for retry, beat, remote in zip(retries, beats, places, strict=True):
            stack._datagram(retry, remote)
            stack._datagram(beat, remote)
        costs.append((cost + time.process_time() - started) / (3 * STRETCH))
        assert wire.last.startswith(b"SIP/2.0 200")
    costs.sort()
    for what, each in (("median", costs[len(costs) // 2]), ("cheapest", costs[0])):
        mixed = f"a mixture of the three, {what}"
        print(f"{mixed:34} {1 / each:10,.0f} /s   {1 / each / yardstick:6.3f} of the yardstick")


async def main() -> None:
    data = bytes(1024)
    begun = time.process_time()
    for _ in range(100_000):
        md5(data).hexdigest()
    yardstick = 100_000 / (time.process_time() - begun)
    print(f"{'yardstick: MD5 of 1 kB':34} {yardstick:10,.0f} /s")

    bus = Bus()
    directory = Directory(bus)
    await directory.open("memory:")
    for number in range(DEVICES):
        await directory.add_device(Device(code_of(number), catalog_at=1.0))
    stack = Stack(StackSettings(host="127.0.0.1", port=0))
    below = Below(stack, directory, bus, BelowSettings(common_password="12345678"))
    await below.start()
    await stack.start()
    below._onboarding.begin = lambda code: None  # type: ignore[method-assign]  # nobody is there to answer
    wire = Wire()
    socket, stack._udp = stack._udp, wire  # type: ignore[assignment]
    body = serialise(Keepalive(1, code_of(0)), Charset.GB2312, Edition.V2016)

    def at(number: int) -> tuple[str, int]:
        return f"10.1.{number >> 8}.{number & 255}", 5060

    for what, turn in (("a first registration", 1), ("a refresh", 3)):
        answers: list[str] = []
        firsts = [register(number, turn) for number in range(DEVICES)]

        def challenges(firsts: list[bytes] = firsts, answers: list[str] = answers) -> None:
            for number, raw in enumerate(firsts):
                stack._datagram(raw, at(number))
                answers.append(wire.last.decode())

        rate(f"REGISTER -> 401, {what}", DEVICES, challenges, yardstick)
        seconds = [answered(number, turn + 1, text) for number, text in enumerate(answers)]

        def registrations(seconds: list[bytes] = seconds) -> None:
            for number, raw in enumerate(seconds):
                stack._datagram(raw, at(number))

        rate(f"with digest -> 200, {what}", DEVICES, registrations, yardstick)
    assert below.statistics()["presence"]["online"] == DEVICES
    beats = [(keepalive(number, turn, body), at(number)) for turn in range(5, 5 + ROUNDS) for number in range(DEVICES)]

    def heartbeats() -> None:
        for raw, remote in beats:
            stack._datagram(raw, remote)

    rate("keepalive -> 200", len(beats), heartbeats, yardstick)
    assert below.statistics()["inbox"]["keepalives"] == len(beats)
    mixture(stack, wire, body, yardstick)
    strangers = [(keepalive(number + DEVICES, 1, body), ("10.9.9.9", 5060)) for number in range(DEVICES)]

    def refusals() -> None:
        for raw, remote in strangers:
            stack._datagram(raw, remote)

    rate("stranger's MESSAGE -> 403", DEVICES, refusals, yardstick)
    print(below.statistics()["ladder"])
    stack._udp = socket
    await stack.close()
    await below.close()
    await directory.close()


if __name__ == "__main__":
    asyncio.run(main())
