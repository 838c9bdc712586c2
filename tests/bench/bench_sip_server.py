"""How many requests a second the SIP stack serves on one core, with everything on.

A second process drives it over loopback UDP from several sockets with many devices: REGISTER without credentials
(answered 401), REGISTER with a right digest (200), keepalive MESSAGE (200), in equal parts. On are: parser,
transactions, digest, the hook that fills a ladder ring per device. The yardstick of the same run is a bare loop
that sends every datagram back. Machine noise strikes both, so read the processor time per request and the ratio.

    python tests/bench/bench_sip_server.py [requests]
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path as FilePath

sys.path.insert(0, str(FilePath(__file__).resolve().parents[2]))

from sipserver.sip.digest import Challenge, Credentials, scheme_of
from sipserver.sip.limits import Limits
from sipserver.sip.tokens import Tokens
from sipserver.stack import Incoming, Stack, StackSettings, Traffic

SOCKETS = 8
DEVICES = 1_000
WINDOW = 48
# Other work on the machine makes the same instructions dearer; the cheapest stretch was disturbed least.
STRETCH = 1_000
PASSWORD = "12345678"
REALM = "3402000000"
NONCE = "a1b2c3d4e5f60718"
SERVER = "sip:34020000002000000001@3402000000"


def device_code(number: int) -> str:
    return f"3402000000132{number:07d}"


def message(number: int, kind: int, port: int) -> bytes:
    """The request `number` of the run; a branch and a Call-ID of its own."""
    code = device_code(number % DEVICES)
    method = "MESSAGE" if kind == 2 else "REGISTER"
    body = b""
    lines = [
        f"{method} {SERVER} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.168.1.64:{port};rport;branch=z9hG4bK{number:x}u{port:x}",
        f"From: <sip:{code}@3402000000>;tag={number * 7919:x}",
        f"To: <sip:{SERVER[4:] if kind == 2 else code + '@3402000000'}>",
        f"Call-ID: {number:x}@192.168.1.64",
        f"CSeq: {2 if kind == 1 else 1} {method}",
    ]
    if kind < 2:
        lines.append(f"Contact: <sip:{code}@192.168.1.64:{port}>")
    if kind == 1:
        challenge = Challenge(REALM, NONCE, "MD5")
        credentials = Credentials.answering(challenge, username=code, password=PASSWORD, method=method, uri=SERVER)
        lines.append(f"Authorization: {credentials}")
    lines.append("Max-Forwards: 70")
    lines.append("User-Agent: IP Camera")
    if kind < 2:
        lines.append("Expires: 86400")
        lines.append("X-GB-Ver: 3.0")
    else:
        lines.append("Content-Type: Application/MANSCDP+xml")
        body = (
            '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
            f"<SN>{number}</SN>\r\n<DeviceID>{code}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
        ).encode()
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode() + body


def drive(port: int, requests: int) -> None:
    """The second process: send, keep a window open per socket, count what comes back. Prints rate and counts."""
    sockets = []
    chooser = selectors.DefaultSelector()
    for _ in range(SOCKETS):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        one.bind(("127.0.0.1", 0))
        one.connect(("127.0.0.1", port))
        one.setblocking(False)
        sockets.append(one)
    plans = []
    for index, one in enumerate(sockets):
        local = one.getsockname()[1]
        plan = deque(message(number, number // SOCKETS % 3, local) for number in range(index, requests, SOCKETS))
        plans.append(plan)
        chooser.register(one, selectors.EVENT_READ, (index, plan))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for one, plan in zip(sockets, plans, strict=True):
        for _ in range(min(WINDOW, len(plan))):
            one.send(plan.popleft())
    answered = refused = odd = 0
    while answered < requests:
        ready = chooser.select(1.0)
        if not ready:
            break
        for key, _ in ready:
            index, plan = key.data
            one = sockets[index]
            while True:
                try:
                    data = one.recv(4096)
                except BlockingIOError:
                    break
                answered += 1
                status = data[8:11]
                if status == b"401":
                    refused += 1
                elif status != b"200":
                    odd += 1
                if plan:
                    one.send(plan.popleft())
    took = time.perf_counter() - began
    print(f"{answered} {refused} {odd} {took}", flush=True)


def driver(port: int, requests: int) -> subprocess.Popen[str]:
    """The second process, ready to go."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--drive", str(port), str(requests)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def measure_echo(requests: int) -> tuple[float, float]:
    """Datagrams a second and processor microseconds each of a bare loop."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        echo.bind(("127.0.0.1", 0))
        echo.settimeout(3.0)
        process = driver(echo.getsockname()[1], requests)
        cpu = time.process_time()
        start(process)
        served = 0
        while served < requests:
            try:
                data, remote = echo.recvfrom(65535)
            except TimeoutError:
                break
            echo.sendto(data, remote)
            served += 1
        cpu = time.process_time() - cpu
        out, _ = process.communicate()
        answered, _, _, took = out.split()
        return int(answered) / float(took), cpu / served * 1e6


def stretches(registrar: Registrar) -> list[float]:
    """Processor microseconds a request of each stretch of the run, cheapest first."""
    marks = registrar.marks
    return sorted((end - begin) / STRETCH * 1e6 for begin, end in pairwise(marks))


class Registrar:
    """The user of the stack: challenges, checks the digest, answers keepalives, keeps a ladder per device."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.tokens = Tokens()
        self.registered = 0
        self.kept_alive = 0
        self.served = 0
        self.marks: list[float] = []
        self.ladders: dict[str, deque[tuple[str, float, bytes, bool]]] = {}
        stack.on_request = self.serve
        stack.on_traffic = self.record

    def record(self, traffic: Traffic) -> None:
        user = traffic.message.from_.uri.user
        ladder = self.ladders.get(user)
        if ladder is None:
            ladder = self.ladders[user] = deque(maxlen=50)
        # Bytes are kept and read again when somebody looks: a ring of parsed messages would cost ten times the memory.
        ladder.append((traffic.direction, traffic.at, traffic.raw, traffic.repeated))

    def serve(self, incoming: Incoming) -> None:
        request = incoming.request
        self.served += 1
        if self.served % STRETCH == 0:
            self.marks.append(time.process_time())
        if request.method == "MESSAGE":
            if b"<CmdType>Keepalive</CmdType>" in request.body:
                self.kept_alive += 1
            incoming.respond(200)
            return
        authorization = request.headers.get("Authorization")
        if authorization is not None and scheme_of(authorization) == "digest":
            credentials = Credentials.parse(authorization)
            if credentials.nonce == NONCE and credentials.is_right(PASSWORD, request.method):
                self.registered += 1
                fields = (
                    ("Contact", request.headers.get("Contact") or ""),
                    ("Expires", str(request.expires)),
                    ("Date", "2024-05-06T07:08:09.123"),
                    ("X-GB-Ver", "3.0"),
                )
                incoming.respond(200, headers=fields)
                return
        challenge = Challenge(REALM, self.tokens.word(32), "MD5")
        incoming.respond(401, headers=(("WWW-Authenticate", str(challenge)), ("X-GB-Ver", "3.0")))


async def measure_stack(requests: int) -> tuple[float, float, int, Registrar]:
    """Requests a second, processor microseconds each, how many were answered, and the registrar."""
    stack = Stack(StackSettings(host="127.0.0.1", port=0, tcp=False, limits=Limits(transactions=1_000_000)))
    registrar = Registrar(stack)
    await stack.start()
    process = await asyncio.to_thread(driver, stack.port, requests)
    cpu = time.process_time()
    start(process)
    out = await asyncio.to_thread(lambda: process.communicate()[0])
    cpu = time.process_time() - cpu
    answered, refused, odd, took = out.split()
    assert int(odd) == 0, out
    assert abs(int(refused) - requests / 3) < SOCKETS, out
    served = stack.statistics().counts["requests_in"]
    await stack.close()
    return int(answered) / float(took), cpu / served * 1e6, int(answered), registrar


def main(requests: int) -> None:
    echo_rate, echo_us = measure_echo(requests)
    rate, us, answered, registrar = asyncio.run(measure_stack(requests))
    again_rate, again_us = measure_echo(requests)
    echo_us = min(echo_us, again_us)
    print(f"bare echo     {max(echo_rate, again_rate):9.0f} datagrams/s  {echo_us:6.1f} us of processor each")
    print(
        f"sip stack     {rate:9.0f} requests/s   {us:6.1f} us of processor each = {1e6 / us:.0f} a second on one core"
    )
    costs = stretches(registrar)
    print(
        f"  by stretches of {STRETCH}: cheapest {costs[0]:.1f} us = {1e6 / costs[0]:.0f} a second on one core, "
        f"median {costs[len(costs) // 2]:.1f} us"
    )
    print(f"ratio         {us / echo_us:9.1f} times the echo's processor time")
    print(f"answered {answered} of {requests}: {registrar.registered} registered, {registrar.kept_alive} kept alive")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        drive(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000)
