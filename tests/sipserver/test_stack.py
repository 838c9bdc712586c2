"""The stack on real sockets: two of them, or one and a hand-made stranger."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sipserver.sip.limits import Limits
from sipserver.sip.message import Request, Response
from sipserver.sip.parser import parse_datagram
from sipserver.stack import (
    BadMessage,
    Dialog,
    Incoming,
    Path,
    RequestTimedOut,
    Stack,
    StackSettings,
    Traffic,
    TransportLost,
)

SERVER = "sip:34020000002000000001@3402000000"
CAMERA = "sip:34020000001320000001@3402000000"
SDP = b"v=0\r\n"


@asynccontextmanager
async def stack(serve: Callable[[Incoming], None] | None = None, **settings: object) -> AsyncIterator[Stack]:
    made = Stack(StackSettings(**({"host": "127.0.0.1", "port": 0, "t1_s": 0.05} | settings)))  # type: ignore[arg-type]
    made.on_request = serve
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def way(us: Stack, them: Stack, transport: str) -> Path:
    remote = ("127.0.0.1", them.port)
    return us.udp_path(remote) if transport == "UDP" else await us.connect(remote)


def message(us: Stack, path: Path, method: str = "MESSAGE", **more: object) -> Request:
    return us.new_request(method, SERVER, from_uri=CAMERA, to_uri=SERVER, path=path, **more)  # type: ignore[arg-type]


def yes(incoming: Incoming) -> None:
    incoming.respond(200)


async def until(true: Callable[[], object], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)


both = pytest.mark.parametrize("transport", ["UDP", "TCP"])


@both
async def test_a_message_is_asked_and_answered(transport: str) -> None:
    heard: list[Incoming] = []

    def serve(incoming: Incoming) -> None:
        heard.append(incoming)
        incoming.respond(200, headers=(("X-GB-Ver", "3.0"),), body=b"<x/>", content_type="Application/MANSCDP+xml")

    async with stack(serve) as server, stack() as camera:
        path = await way(camera, server, transport)
        body = "<Name>东门</Name>".encode("gb18030")
        answer = await camera.ask(message(camera, path, body=body, content_type="Application/MANSCDP+xml"), path)
        assert (answer.status, answer.body, answer.headers.get("x-gb-ver")) == (200, b"<x/>", "3.0")
        assert heard[0].request.body == body
        assert heard[0].path.transport == transport
        assert heard[0].request.via.param("received") == "127.0.0.1"


@both
async def test_a_register_is_challenged_from_the_handler(transport: str) -> None:
    def serve(incoming: Incoming) -> None:
        incoming.respond(401, headers=(("WWW-Authenticate", 'Digest realm="3402000000",nonce="n"'),))

    async with stack(serve) as server, stack() as camera:
        path = await way(camera, server, transport)
        request = message(camera, path, "REGISTER", contact_user="34020000001320000001")
        answer = await camera.ask(request, path)
        assert answer.status == 401
        assert answer.headers.get("WWW-Authenticate") == 'Digest realm="3402000000",nonce="n"'
        assert request.contact is not None
        assert request.contact.uri.port == camera.port
        assert (request.contact.uri.param("transport") == "tcp") == (transport == "TCP")


async def test_options_are_answered_with_what_we_allow_and_the_unknown_is_501_or_405() -> None:
    async with stack() as server, stack() as camera:
        path = await way(camera, server, "UDP")
        options = await camera.ask(message(camera, path, "OPTIONS"), path)
        assert options.status == 200
        assert {"INVITE", "ACK", "INFO", "CANCEL", "BYE", "OPTIONS", "MESSAGE"} <= set(
            options.headers.items_of("Allow")
        )
        assert (await camera.ask(message(camera, path, "DANCE"), path)).status == 501
        published = await camera.ask(message(camera, path, "PUBLISH"), path)
        assert published.status == 405 and "MESSAGE" in (published.headers.get("Allow") or "")
        assert (await camera.ask(message(camera, path, "BYE"), path)).status == 481
        assert (await camera.ask(message(camera, path, "MESSAGE"), path)).status == 503


async def test_a_fault_in_a_handler_is_answered_500_and_the_next_request_is_served() -> None:
    calls: list[str] = []

    def serve(incoming: Incoming) -> None:
        calls.append(incoming.request.method)
        if len(calls) == 1:
            raise RuntimeError("a bug of ours")
        incoming.respond(200)

    async with stack(serve) as server, stack() as camera:
        path = await way(camera, server, "UDP")
        assert (await camera.ask(message(camera, path), path)).status == 500
        assert (await camera.ask(message(camera, path), path)).status == 200
        assert server.statistics().counts["handler_faults"] == 1


async def test_an_answer_that_cannot_be_written_becomes_a_500() -> None:
    def careless(incoming: Incoming) -> None:
        incoming.respond(200, headers=(("Subject", "a\r\nEvil: b"),))

    async with stack(careless) as server, stack() as camera:
        path = await way(camera, server, "UDP")
        answer = await camera.ask(message(camera, path), path)
        assert answer.status == 500 and "Evil" not in answer.headers


async def test_a_fault_of_the_endpoint_does_not_stop_the_datagrams_behind_it() -> None:
    async with stack(yes) as server, stack() as camera:
        path = await way(camera, server, "UDP")
        sound = server.endpoint.receive
        broken = iter([True])

        def receive(data: bytes, path: Path, now: float) -> None:
            if next(broken, False):
                raise RuntimeError("a bug of ours")
            sound(data, path, now)

        server.endpoint.receive = receive  # type: ignore[method-assign]
        assert (await camera.ask(message(camera, path), path, timeout_s=2)).status == 200
        assert server.statistics().counts["handler_faults"] == 1


async def test_an_answer_may_come_later() -> None:
    waiting: list[Incoming] = []
    async with stack(waiting.append) as server, stack() as camera:
        path = await way(camera, server, "UDP")
        asked = asyncio.ensure_future(camera.ask(message(camera, path), path))
        await until(lambda: waiting)
        await asyncio.sleep(0.12)
        waiting[0].respond(202)
        waiting[0].respond(500)
        assert (await asked).status == 202
        # The repeats were swallowed meanwhile.
        assert len(waiting) == 1 and server.statistics().counts["repeats_in"] >= 1


async def test_silence_is_a_timeout_and_stops_the_repeats() -> None:
    async with stack(t1_s=0.02) as camera:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            path = camera.udp_path(("127.0.0.1", nobody.getsockname()[1]))
            with pytest.raises(RequestTimedOut):
                await camera.ask(message(camera, path), path, timeout_s=0.12)
            repeats = camera.statistics().counts["repeats_out"]
            assert repeats >= 1
            await asyncio.sleep(0.3)
            assert camera.statistics().counts["repeats_out"] == repeats
            assert camera.statistics().transactions == 0
            with pytest.raises(RequestTimedOut):  # timer F, 64 * T1
                await camera.ask(message(camera, path), path)


async def test_a_connection_that_breaks_fails_what_was_asked_over_it() -> None:
    lost: list[Path] = []
    async with stack(lambda incoming: None) as server, stack() as camera:
        camera.on_connection_lost = lost.append
        path = await way(camera, server, "TCP")
        asked = asyncio.ensure_future(camera.ask(message(camera, path), path))
        await until(lambda: server.statistics().connections)
        await asyncio.sleep(0.05)
        await server.close()
        with pytest.raises(TransportLost):
            await asked
        assert lost == [path]
        with pytest.raises(TransportLost):
            await camera.ask(message(camera, path), path)


async def test_a_connection_is_kept_and_used_by_both_sides() -> None:
    seen: list[Path] = []

    def serve(incoming: Incoming) -> None:
        seen.append(incoming.path)
        incoming.respond(200)

    async with stack(serve) as server, stack(yes) as camera:
        path = await way(camera, server, "TCP")
        again, third = await asyncio.gather(camera.connect(path.remote), camera.connect(path.remote))
        assert again == third == path
        await camera.ask(message(camera, path), path)
        answer = await server.ask(message(server, seen[0]), seen[0])
        assert answer.status == 200
        assert server.statistics().counts["tcp_accepted"] == 1
        assert server.statistics().counts["tcp_made"] == 0


async def test_a_large_request_takes_the_connection_when_there_is_one() -> None:
    seen: list[str] = []

    def serve(incoming: Incoming) -> None:
        seen.append(f"{incoming.path.transport} {incoming.request.via.transport}")
        incoming.respond(200)

    async with stack(serve) as server, stack() as camera:
        udp = await way(camera, server, "UDP")
        await camera.ask(message(camera, udp, body=b"x" * 5000), udp)
        await way(camera, server, "TCP")
        await camera.ask(message(camera, udp, body=b"x" * 5000), udp)
        await camera.ask(message(camera, udp, body=b"x" * 100), udp)
        assert seen == ["UDP UDP", "TCP TCP", "UDP UDP"]


async def test_three_megabytes_go_over_tcp_and_70_kilobytes_fail_over_udp() -> None:
    sizes: list[int] = []

    def serve(incoming: Incoming) -> None:
        sizes.append(len(incoming.request.body))
        incoming.respond(200)

    async with stack(serve) as server, stack() as camera:
        tcp = await way(camera, server, "TCP")
        assert (await camera.ask(message(camera, tcp, body=b"x" * 3_000_000), tcp)).status == 200
        assert sizes == [3_000_000]
    async with stack(serve, tcp=False) as server, stack() as camera:
        udp = await way(camera, server, "UDP")
        with pytest.raises(TransportLost):
            await camera.ask(message(camera, udp, body=b"x" * 70_000), udp)


async def test_the_ladder_hook_sees_every_message_once_and_repeats_marked() -> None:
    seen: list[Traffic] = []
    server = Stack(StackSettings(host="127.0.0.1", port=0))
    server.on_request = yes
    server.on_traffic = seen.append
    await server.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:
            camera.connect(("127.0.0.1", server.port))
            raw = (
                f"MESSAGE {SERVER} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\r\n"
                f"From: <{CAMERA}>;tag=1\r\nTo: <{SERVER}>\r\n"
                "Call-ID: c\r\nCSeq: 1 Message\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            camera.send(raw)
            await until(lambda: len(seen) == 2)
            camera.send(raw)
            await until(lambda: len(seen) == 4)
            camera.settimeout(1)
            assert camera.recv(4096) == camera.recv(4096)
        assert [(one.direction, one.repeated) for one in seen] == [
            ("in", False),
            ("out", False),
            ("in", True),
            ("out", True),
        ]
        assert seen[0].raw == raw and isinstance(seen[0].message, Request)
        assert isinstance(seen[3].message, Response) and seen[3].raw == seen[1].raw
    finally:
        await server.close()


async def test_noise_is_told_and_a_bad_request_is_answered() -> None:
    bad: list[object] = []
    async with stack(yes) as server:
        server.on_bad = lambda path, what: bad.append(what)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", server.port))
            stranger.send(b"\r\n\r\n")
            stranger.send(b"noise")
            stranger.send(
                b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
                b"To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
            )
            await until(lambda: len(bad) == 2)
            stranger.settimeout(1)
            answer = parse_datagram(stranger.recv(4096))
        assert isinstance(answer, Response) and answer.status == 400
        assert "CSeq" in answer.reason
        assert all(isinstance(one, BadMessage) for one in bad)


# Sessions.


class Called:
    """A side that accepts calls and remembers what happened in them."""

    def __init__(self, accept: bool = True) -> None:
        self.accept = accept
        self.incoming: list[Incoming] = []
        self.dialogs: list[Dialog] = []
        self.ended: list[str] = []
        self.requests: list[Incoming] = []
        self.acks: list[Request] = []
        self.cancelled = 0

    def __call__(self, incoming: Incoming) -> None:
        self.incoming.append(incoming)
        incoming.on_cancel = self._cancel
        if self.accept:
            dialog = incoming.accept(SDP, "application/sdp", "34020000001320000001")
            dialog.on_end = self.ended.append
            dialog.on_request = self._inside
            dialog.on_ack = self.acks.append
            self.dialogs.append(dialog)

    def _cancel(self) -> None:
        self.cancelled += 1

    def _inside(self, incoming: Incoming) -> None:
        self.requests.append(incoming)
        if incoming.request.method == "INVITE":
            incoming.accept(SDP)
        else:
            incoming.respond(200)


def invite(us: Stack, path: Path) -> Request:
    return message(us, path, "INVITE", contact_user="34020000002000000001", body=SDP, content_type="application/sdp")


@both
async def test_a_call_is_made_talked_in_and_ended_by_the_caller(transport: str) -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, transport)
        answer, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert answer.status == 200 and answer.body == SDP and dialog is not None
        dialog.ack()
        await until(lambda: camera.acks)
        info = await dialog.request("INFO", body=b"PLAY", content_type="Application/MANSRTSP")
        assert info.status == 200
        assert camera.requests[0].request.body == b"PLAY"
        assert camera.requests[0].request.uri.startswith("sip:34020000001320000001@127.0.0.1:")
        await dialog.bye()
        assert camera.ended == ["BYE"]
        await dialog.bye()
        assert ours.statistics().dialogs == theirs.statistics().dialogs == 0
        assert theirs.statistics().counts["repeats_out"] == 0


@both
async def test_a_call_is_ended_by_the_called(transport: str) -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, transport)
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        ended: list[str] = []
        told: list[str] = []
        dialog.on_end = ended.append
        dialog.on_request = lambda incoming: (told.append(incoming.request.method), incoming.respond(200))[1]
        dialog.ack()
        await until(lambda: camera.acks)
        assert (await camera.dialogs[0].request("MESSAGE", body=b"<x/>")).status == 200
        assert told == ["MESSAGE"]
        await camera.dialogs[0].bye()
        assert ended == ["BYE"]


async def test_a_bye_for_a_call_that_has_ended_is_answered_200() -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        dialog.ack()
        await dialog.bye()
        assert (await dialog.request("BYE")).status == 200
        assert camera.ended == ["BYE"]


async def test_a_reinvite_is_accepted_in_its_dialog() -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        dialog.ack()
        again = ours.request_in(dialog, "INVITE", dialog.state.next_seq(), SDP, "application/sdp")
        answer, _ = await ours.invite(again, path, timeout_s=2)
        assert answer.status == 200 and answer.to.tag == dialog.remote_tag
        assert len(camera.incoming) == 1 and len(camera.requests) == 1


async def test_a_lost_ack_is_sent_again_when_the_200_is_repeated() -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        await asyncio.sleep(0.12)
        assert theirs.statistics().counts["repeats_out"] >= 1
        dialog.ack()
        await until(lambda: camera.acks)
        dialog.ack_again()
        ours.pump()
        await until(lambda: theirs.statistics().counts["stray_acks"] == 1)


async def test_a_200_that_is_never_acknowledged_ends_the_call() -> None:
    camera = Called()
    async with stack(camera, t1_s=0.02) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        ended: list[str] = []
        dialog.on_end = ended.append
        await until(lambda: camera.ended, 6.0)
        assert "ACK" in camera.ended[0]
        await until(lambda: ended == ["BYE"])


async def test_a_refused_call_comes_back_without_a_dialog() -> None:
    async with stack(lambda incoming: incoming.respond(486)) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        answer, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert answer.status == 486 and dialog is None
        await until(lambda: theirs.statistics().transactions <= 1)
        await asyncio.sleep(0.12)
        assert theirs.statistics().counts["repeats_out"] == 0


@pytest.mark.parametrize("how", ["timeout", "cancellation"])
async def test_who_stops_waiting_cancels_the_call(how: str) -> None:
    camera = Called(accept=False)
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        if how == "timeout":
            with pytest.raises(RequestTimedOut):
                await ours.invite(invite(ours, path), path, timeout_s=0.1)
        else:
            waiting = asyncio.ensure_future(ours.invite(invite(ours, path), path, timeout_s=5))
            await until(lambda: camera.incoming)
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await until(lambda: camera.cancelled == 1)
        assert camera.incoming[0].is_answered
        with pytest.raises(ValueError, match="answer already"):
            camera.incoming[0].accept(SDP)


async def test_a_200_that_comes_after_we_gave_up_is_acknowledged_and_hung_up() -> None:
    camera = Called(accept=False)

    def stubborn(incoming: Incoming) -> None:
        camera.incoming.append(incoming)

    async with stack(stubborn) as theirs, stack() as ours:
        path = await way(ours, theirs, "UDP")
        # Their CANCEL handling is switched off: the 200 crosses it.
        theirs.endpoint._receive_cancel = lambda *_: None  # type: ignore[method-assign]
        with pytest.raises(RequestTimedOut):
            await ours.invite(invite(ours, path), path, timeout_s=0.1)
        camera.accept = True
        camera(camera.incoming[0])
        await until(lambda: camera.acks)
        await until(lambda: camera.ended == ["BYE"])
        assert ours.statistics().dialogs == 0


async def test_calls_over_a_lost_connection_end() -> None:
    camera = Called()
    async with stack(camera) as theirs, stack() as ours:
        path = await way(ours, theirs, "TCP")
        _, dialog = await ours.invite(invite(ours, path), path, timeout_s=2)
        assert dialog is not None
        dialog.ack()
        await until(lambda: camera.acks)
        await ours.close()
        await until(lambda: camera.ended == ["connection lost"])


# Places and lives.


async def test_udp_and_tcp_share_one_port_and_closing_frees_it() -> None:
    first = Stack(StackSettings(host="127.0.0.1", port=0))
    await first.start()
    port = first.port
    second = Stack(StackSettings(host="127.0.0.1", port=port))
    with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
        await second.start()
    await first.close()
    await first.close()
    await second.start()
    assert second.port == port
    await second.close()


async def test_a_closed_stack_tells_those_who_wait() -> None:
    async with stack() as camera, stack(lambda incoming: None) as server:
        path = await way(camera, server, "UDP")
        asked = asyncio.ensure_future(camera.ask(message(camera, path), path))
        await asyncio.sleep(0.02)
        await camera.close()
        with pytest.raises(TransportLost):
            await asked


async def test_udp_may_be_off() -> None:
    async with stack(udp=False) as server:
        with pytest.raises(RuntimeError, match="UDP is off"):
            server.udp_path(("127.0.0.1", 5060))


async def test_a_wildcard_stack_names_the_address_its_packets_leave_from() -> None:
    anywhere = Stack(StackSettings(host="0.0.0.0", port=0))
    await anywhere.start()
    try:
        assert anywhere.local_host_for("127.0.0.1") == "127.0.0.1"
        path = anywhere.udp_path(("127.0.0.1", 5060))
        assert path.local == ("127.0.0.1", anywhere.port)
        assert message(anywhere, path).via.host == "127.0.0.1"
    finally:
        await anywhere.close()
    named = Stack(StackSettings(host="0.0.0.0", port=0, public_host="203.0.113.9"))
    assert named.local_host_for("127.0.0.1") == "203.0.113.9"


async def test_thousands_of_requests_leave_nothing_behind_over_tcp() -> None:
    async with stack(yes, limits=Limits()) as server, stack() as camera:
        path = await way(camera, server, "TCP")
        await asyncio.gather(*(camera.ask(message(camera, path), path) for _ in range(500)))
        assert server.statistics().transactions == camera.statistics().transactions == 0
