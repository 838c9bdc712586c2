"""Media hosts of other machines over TCP: let in with the key, watched, found by viewers, and gone when they vanish."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from media import guest as guests
from media.gatehouse import Gatehouse, MediaHostsSettings
from media.guest import Guest, GuestSettings
from media.link import LENGTH_BYTES
from media.local import PlaneSettings
from media.plane import Aim, FirstFrame, NoCapacity, OutletKind, PlaneEvent, SenderWish, StreamFailed, Transport
from media.seal import GREETING_BYTES, PROOF_BYTES

KEY, OTHER = bytes(range(32)), bytes(32)
CONSOLE = "http://console.test:8088"


async def until(condition: Callable[[], Any], wait_s: float = 10.0) -> Any:
    async with asyncio.timeout(wait_s):
        while not (value := condition()):
            await asyncio.sleep(0.02)
    return value


class Gate:
    """A gatehouse on loopback, and guests that come to it."""

    def __init__(self, gatehouse: Gatehouse, taken: AsyncExitStack) -> None:
        self.gatehouse = gatehouse
        self.told: list[PlaneEvent] = []
        self._taken = taken
        gatehouse.listen(self.told.append)

    def guest(self, name: str = "north1", key: bytes = KEY, port: int = 0, **more: Any) -> asyncio.Task[None]:
        plane = PlaneSettings(host="127.0.0.1", first_port=0)
        settings = GuestSettings(
            ("127.0.0.1", port or self.gatehouse.port), key, name, web_host="127.0.0.1", web_port=0, plane=plane, **more
        )
        task = asyncio.create_task(Guest(settings).run())

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._taken.push_async_callback(end)
        return task

    async def host(self, **more: Any) -> Any:
        self.guest(**more)
        return (await until(self.gatehouse.hosts))[0]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
async def gate(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    monkeypatch.setattr(guests, "PAUSES_S", (0.05,))
    monkeypatch.setattr(guests, "WRONG_KEY_PAUSE_S", 0.05)
    async with AsyncExitStack() as taken:

        async def build(**changes: Any) -> Gate:
            gatehouse = Gatehouse(MediaHostsSettings(**{"host": "127.0.0.1", "silent_s": 5.0, **changes}), KEY)
            await gatehouse.start()
            taken.push_async_callback(gatehouse.stop)
            return Gate(gatehouse, taken)

        yield build


async def test_a_host_with_the_key_takes_streams_and_says_how_it_fares(gate, camera, h264):
    home = await gate()
    host = await home.host(zone="north")
    assert (host.name, host.zone, host.is_well) == ("north1", "north", True)
    cam = camera()
    inlet = await host.open(cam.packetiser.ssrc, Transport.UDP)
    assert inlet.host == "127.0.0.1", "devices send to where the host stands, not to where the server does"
    await host.aim(inlet.id, Aim("127.0.0.1", cam.address[1], None, {96: "PS"}))
    await cam.send(inlet.port, h264)
    await until(lambda: home.of(FirstFrame))
    sender = await host.attach_sender(inlet.id, SenderWish(Transport.UDP, "127.0.0.1", 9, 5, local_host="192.0.2.1"))
    assert sender.host == "127.0.0.1"
    (fares,) = home.gatehouse.workers()
    assert (fares.name, fares.zone, fares.streams) == ("north1", "north", 1)
    await until(lambda: home.gatehouse.totals()[0].get("inlets") == 1)
    with pytest.raises(NoCapacity, match="family"):
        await host.open(9, Transport.UDP, towards="2001:db8::1")


async def test_viewers_go_to_the_host_itself_from_our_pages_and_from_no_others(gate, camera, h264):
    home = await gate()
    home.gatehouse.admit(CONSOLE)
    host = await home.host()
    (base,) = home.gatehouse.bases()
    cam = camera()
    inlet = await host.open(cam.packetiser.ssrc, Transport.UDP)
    await host.aim(inlet.id, Aim("127.0.0.1", cam.address[1], None, {96: "PS"}))
    await cam.send(inlet.port, h264)
    await until(lambda: home.of(FirstFrame))

    async def address(kind: OutletKind) -> str:
        found = (await host.attach(inlet.id, kind))[1]
        assert found.startswith(base + "/media/")
        return str(found)

    async with ClientSession() as http:
        async with http.get(await address(OutletKind.FLV_HTTP), headers={"Origin": CONSOLE}) as answer:
            assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == CONSOLE
            assert (await answer.content.readexactly(3)) == b"FLV"
        async with http.get(await address(OutletKind.FLV_HTTP)) as answer:
            assert answer.status == 200 and "Access-Control-Allow-Origin" not in answer.headers
        stranger = {"Origin": "http://elsewhere.test"}
        async with http.get(await address(OutletKind.FLV_HTTP), headers=stranger) as answer:
            assert answer.status == 403 and "Access-Control-Allow-Origin" not in answer.headers
        with pytest.raises(WSServerHandshakeError):
            await http.ws_connect(await address(OutletKind.FMP4_WS), headers=stranger)
        async with http.ws_connect(await address(OutletKind.FMP4_WS), headers={"Origin": CONSOLE}) as wire:
            assert "mime" in (await wire.receive_str(timeout=5))
        home.gatehouse.admit("http://another.test")
        async with http.get(await address(OutletKind.FLV_HTTP), headers={"Origin": "http://another.test"}) as answer:
            assert answer.status == 200, "an origin that we learn later is told before any address is"


async def test_a_host_with_another_key_is_refused_counted_told_and_shut_out(gate, caplog):
    home = await gate()
    home.guest(key=OTHER)
    await until(lambda: home.gatehouse.refused > 8)
    assert not home.gatehouse.hosts() and not home.gatehouse.bases()
    refused = [line for line in caplog.messages if "was refused" in line]
    assert 1 <= len(refused) <= 2 and "does not have our key" in refused[0]
    assert any("does not take our key" in line for line in caplog.messages)


async def test_strangers_who_say_something_else_or_nothing_harm_nobody(gate):
    home = await gate()
    talks, silent = (socket.create_connection(("127.0.0.1", home.gatehouse.port)) for _ in range(2))
    with contextlib.closing(talks), contextlib.closing(silent):
        talks.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
        await until(lambda: home.gatehouse.refused)
        assert (await home.host()).is_well


async def test_a_host_that_vanishes_fails_its_streams_and_comes_back_empty(gate):
    home = await gate()
    gone = home.guest()
    host = (await until(home.gatehouse.hosts))[0]
    inlet = await host.open(1, Transport.UDP)
    gone.cancel()
    (failed,) = await until(lambda: home.of(StreamFailed))
    assert failed.inlet == inlet.id and "north1" in failed.seen.note
    await until(lambda: not home.gatehouse.workers())
    again = await home.host()
    assert again is not host and again.statistics(inlet.id) is None


async def test_a_host_whose_server_goes_finds_the_next_one_by_itself(gate):
    home = await gate()
    await home.host()
    port = home.gatehouse.port
    await home.gatehouse.stop()
    later = await gate(port=port)
    assert (await until(later.gatehouse.hosts))[0].name == "north1"


async def test_a_host_that_says_nothing_is_given_up(gate, monkeypatch):
    monkeypatch.setattr("media.served.BEAT_S", 60.0)
    home = await gate(silent_s=0.5)
    host = await home.host()
    inlet = await host.open(1, Transport.UDP)
    (failed,) = await until(lambda: home.of(StreamFailed))
    assert failed.inlet == inlet.id and "stood still" in failed.seen.note


async def test_one_that_registers_again_takes_its_own_place(gate):
    home = await gate()
    first = await home.host()
    home.guest()
    await until(lambda: [host for host in home.gatehouse.hosts() if host is not first])
    assert len(home.gatehouse.workers()) == 1


@pytest.mark.parametrize(("name", "zone"), [("", ""), ("a name", ""), ("x" * 65, ""), ("fine", "<b>")])
async def test_a_name_that_is_none_is_not_taken(gate, name: str, zone: str, caplog):
    home = await gate()
    home.guest(name=name, zone=zone)
    await until(lambda: any("introduce itself" in line for line in caplog.messages))
    assert not home.gatehouse.hosts()


class Meddler:
    """Stands between a host and its server, and does something to one frame of the host's."""

    def __init__(self, port: int, meddle: Callable[[bytes], bytes], number: int = 3) -> None:
        self._port = port
        self._meddle = meddle
        self._number = number
        self.meddled = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        answers = asyncio.create_task(self._copy(there, writer))
        try:
            back.write(await reader.readexactly(GREETING_BYTES + PROOF_BYTES))
            count = 0
            while True:
                head = await reader.readexactly(LENGTH_BYTES)
                frame = head + await reader.readexactly(int.from_bytes(head, "big"))
                count += 1
                if count == self._number:
                    self.meddled += 1
                    frame = self._meddle(frame)
                back.write(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.close()
            writer.close()
            await asyncio.gather(answers, return_exceptions=True)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@pytest.mark.parametrize(
    "meddle",
    [
        lambda frame: frame + frame,
        lambda frame: b"",
        lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]),
        lambda frame: frame[:LENGTH_BYTES] + bytes(len(frame) - LENGTH_BYTES),
    ],
    ids=["repeated", "dropped", "turned", "forged"],
)
async def test_a_frame_that_somebody_between_them_changed_ends_the_connection(gate, caplog, meddle):
    home = await gate()
    between = Meddler(home.gatehouse.port, meddle)
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    async with server:
        guest = home.guest(port=server.sockets[0].getsockname()[1])
        await until(lambda: any("forged, repeated or out of turn" in line for line in caplog.messages))
        guest.cancel()
        await asyncio.gather(guest, return_exceptions=True)
    assert between.meddled


def test_by_default_nobody_is_let_in():
    assert MediaHostsSettings().port == 0
    with pytest.raises(ValueError, match="port number"):
        MediaHostsSettings(port=70000)
