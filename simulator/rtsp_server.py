"""A camera that speaks RTSP and no GB/T 28181, with faults to order.

It reads requests by itself rather than by our client's parser, so that the two do not share a misreading.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from struct import Struct

from media import rtcp
from media.frame import Codec
from simulator.head import Head
from simulator.payloads import payloads
from simulator.tone import Tone
from simulator.video import VideoSettings, VideoSource

log = logging.getLogger(__name__)

KINDS = {
    "refuse": "refuse=DESCRIBE:404  answer a method with this status; may be repeated",
    "silent": "silent=DESCRIBE  leave a method unanswered; may be repeated",
    "silent-media": "silent-media    play and send nothing",
    "redirect": "redirect=rtsp://HOST:PORT/live  answer DESCRIBE with 302 to there",
    "stale": "stale=3         the nonce is stale after so many requests",
    "no-sets": "no-sets         parameter sets only in the description, none among the pictures",
    "codec": "codec=JPEG      claim another codec than H.264 or H.265",
}
_HEADER = Struct(">BBHII")
_SESSION_S = 20
_NTP_EPOCH = 2_208_988_800
_LARGEST_HEAD = 8192


@dataclass(frozen=True, slots=True)
class RtspFaults:
    """What goes wrong; the words are those of `KINDS`."""

    refuse: dict[str, int] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    silent_media: bool = False
    redirect: str = ""
    stale: int = 0
    no_sets: bool = False
    codec: str = ""

    @classmethod
    def ordered(cls, orders: Iterable[str]) -> RtspFaults:
        """As written on a command line. ValueError for one that cannot be meant."""
        faults = cls()
        for order in orders:
            name, _, value = order.partition("=")
            if name not in KINDS:
                raise ValueError(f"there is no fault {name!r}; known are {', '.join(KINDS)}")
            try:
                faults = _with(faults, name, value)
            except ValueError as error:
                raise ValueError(f"{order!r} cannot be meant; write it like {KINDS[name].split()[0]}") from error
        return faults


def _with(faults: RtspFaults, name: str, value: str) -> RtspFaults:
    match name:
        case "refuse":
            method, _, status = value.partition(":")
            return replace(faults, refuse={**faults.refuse, method: int(status)})
        case "silent":
            return replace(faults, silent=faults.silent | {value})
        case "redirect":
            return replace(faults, redirect=value)
        case "stale":
            return replace(faults, stale=int(value))
        case "codec":
            return replace(faults, codec=value)
        case "silent-media":
            return replace(faults, silent_media=True)
    return replace(faults, no_sets=True)


@dataclass(frozen=True, slots=True)
class RtspSettings:
    """Where it listens and whom it lets in. `guard` is basic, md5 or sha256, "" for everybody."""

    host: str = "127.0.0.1"
    port: int = 0
    user: str = "admin"
    password: str = field(default="", repr=False)
    guard: str = ""
    ways: frozenset[str] = frozenset({"tcp", "udp"})
    name: str = "RTSP 01"
    video: VideoSettings = field(default_factory=VideoSettings)
    sound: bool = True
    faults: RtspFaults = field(default_factory=RtspFaults)


@dataclass(slots=True)
class _Track:
    """One medium of one player: where its packets go, and its own numbers."""

    payload_type: int
    clock_hz: int
    send: Callable[[bytes, bool], None]
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(16))
    offset: int = field(default_factory=lambda: secrets.randbits(32))
    packets: int = 0
    octets: int = 0

    def stamp(self, time_90k: int) -> int:
        return (self.offset + time_90k * self.clock_hz // 90_000) & 0xFFFFFFFF

    def packet(self, payload: bytes, time_90k: int, marker: bool) -> None:
        kind = self.payload_type | (0x80 if marker else 0)
        self.send(_HEADER.pack(0x80, kind, self.sequence, self.stamp(time_90k), self.ssrc) + payload, False)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)

    def report(self, time_90k: int) -> None:
        ntp = int((time.time() + _NTP_EPOCH) * (1 << 32))
        self.send(rtcp.sender_report(self.ssrc, ntp, self.stamp(time_90k), self.packets, self.octets), True)


class RtspServer:
    """`start` it, `close` it. `asked` is every method that came, `plays` how often media was begun."""

    def __init__(self, settings: RtspSettings) -> None:
        self.settings = settings
        self.asked: list[str] = []
        self.plays = 0
        self.players: dict[str, dict[int, _Track]] = {}
        self.playing: set[str] = set()
        self.sets: tuple[bytes, ...] = ()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._filming: asyncio.Task[None] | None = None
        self._port = settings.port

    @property
    def url(self) -> str:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"rtsp://{host}:{self._port}/live"

    async def start(self) -> None:
        """Listen; after `close` on the same port again. Raises OSError."""
        if self.settings.faults.no_sets or not self.sets:
            first = await asyncio.to_thread(lambda: self._source().next_frame(key=True))
            self.sets = tuple(each for each in payloads(first.codec, first.data) if _is_set(first.codec, each))
        self._server = await asyncio.start_server(self._connected, self.settings.host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """As by a cut cable."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._connections]
        for task, writer in tuple(self._connections.items()):
            writer.transport.abort()
            task.cancel()
        if self._filming is not None:
            self._filming.cancel()
            tasks.append(self._filming)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._filming = None
        self.players.clear()
        self.playing.clear()

    def film(self) -> None:
        """Pictures are made while somebody plays them."""
        if self._filming is None or self._filming.done():
            self._filming = asyncio.create_task(self._film(), name="rtsp film")

    def _source(self) -> VideoSource:
        return VideoSource(self.settings.video, self.settings.name, self.settings.name, Head())

    async def _film(self) -> None:
        source = await asyncio.to_thread(self._source)
        tone, codec, fps = Tone(), self.settings.video.codec, self.settings.video.fps
        due = time.monotonic()
        began: set[str] = set()
        number = 0
        while self.playing:
            newcomers = self.playing - began
            frame = await asyncio.to_thread(source.next_frame, key=bool(newcomers))
            parts = payloads(codec, frame.data)
            if self.settings.faults.no_sets:
                parts = [each for each in parts if not _is_set(codec, each)]
            sound = tone.until(frame.pts_90k + 90_000 // fps) if self.settings.sound else None
            for session in tuple(self.playing):
                tracks = self.players.get(session, {})
                for at, part in enumerate(parts):
                    if 0 in tracks:
                        tracks[0].packet(part, frame.pts_90k, at == len(parts) - 1)
                if sound is not None and 1 in tracks:
                    tracks[1].packet(sound.data, sound.pts_90k, session not in began)
                if number % fps == 0:
                    for track in tracks.values():
                        track.report(frame.pts_90k)
            began |= newcomers
            number += 1
            due = max(due + 1 / fps, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        connection = _Connection(self, writer)
        try:
            await connection.serve(reader)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.info("an RTSP client left: %s", error)
        except asyncio.CancelledError:
            # The server closes; the loop's own servers would report a cancelled visit as a fault.
            pass
        finally:
            connection.close()
            self._connections.pop(task, None)
            writer.close()


class _Connection:
    """One client, and what it plays."""

    def __init__(self, server: RtspServer, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._nonce = secrets.token_hex(8)
        self._proofs = 0
        self._session = secrets.token_hex(4)
        self._sockets: list[socket.socket] = []

    async def serve(self, reader: asyncio.StreamReader) -> None:
        while True:
            first = await reader.readexactly(1)
            if first == b"$":
                head = await reader.readexactly(3)
                await reader.readexactly(head[1] << 8 | head[2])
                continue
            if first in b"\r\n":
                continue
            text = (first + await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
            if len(text) > _LARGEST_HEAD:
                raise ValueError("a request is too long")
            line, *lines = text.split("\r\n")
            method, uri, _ = line.split(" ", 2)
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)
            }
            self._server.asked.append(method)
            if method not in self._server.settings.faults.silent:
                self._answer(method, uri, headers)
            await self._writer.drain()
            if method == "TEARDOWN":
                return

    def close(self) -> None:
        self._server.players.pop(self._session, None)
        self._server.playing.discard(self._session)
        for each in self._sockets:
            each.close()

    def _answer(self, method: str, uri: str, headers: dict[str, str]) -> None:
        faults, cseq = self._server.settings.faults, headers.get("cseq", "0")
        if method != "OPTIONS" and not self._is_proven(method, uri, headers):
            self._say(401, "Unauthorized", cseq, f"WWW-Authenticate: {self._challenge()}")
        elif method in faults.refuse:
            self._say(faults.refuse[method], "As Ordered", cseq)
        elif method == "OPTIONS":
            self._say(200, "OK", cseq, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        elif method == "DESCRIBE" and faults.redirect:
            self._say(302, "Moved Temporarily", cseq, f"Location: {faults.redirect}")
        elif method == "DESCRIBE":
            base = f"Content-Base: {uri.rstrip('/')}/"
            self._say(200, "OK", cseq, base, "Content-Type: application/sdp", body=self._description())
        elif method == "SETUP":
            self._set_up(uri, headers, cseq)
        elif method == "PLAY":
            self._say(200, "OK", cseq, f"Session: {self._session}")
            self._server.plays += 1
            if not faults.silent_media:
                self._server.playing.add(self._session)
                self._server.film()
        elif method in ("GET_PARAMETER", "TEARDOWN"):
            self._say(200, "OK", cseq, f"Session: {self._session}")
        else:
            self._say(501, "Not Implemented", cseq)

    def _description(self) -> bytes:
        settings = self._server.settings
        name = settings.faults.codec or ("H264" if settings.video.codec is Codec.H264 else "H265")
        sets = [base64.b64encode(each).decode() for each in self._server.sets]
        if settings.video.codec is Codec.H264:
            fmtp = f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={','.join(sets)}"
        else:
            words = zip(("sprop-vps", "sprop-sps", "sprop-pps"), sets, strict=False)
            fmtp = "a=fmtp:96 " + ";".join(f"{word}={value}" for word, value in words)
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=simulated", "t=0 0", "a=control:*"]
        lines += ["m=video 0 RTP/AVP 96", f"a=rtpmap:96 {name}/90000", fmtp, "a=control:trackID=0"]
        if settings.sound:
            lines += ["m=audio 0 RTP/AVP 8", "a=control:trackID=1"]
        return ("\r\n".join(lines) + "\r\n").encode()

    def _set_up(self, uri: str, headers: dict[str, str], cseq: str) -> None:
        wished = headers.get("transport", "")
        number = 1 if uri.endswith("trackID=1") else 0
        words = dict(each.partition("=")[::2] for each in wished.split(";"))
        is_tcp = "TCP" in wished.upper()
        if ("tcp" if is_tcp else "udp") not in self._server.settings.ways:
            self._say(461, "Unsupported Transport", cseq)
            return
        if is_tcp:
            channel = int(words.get("interleaved", "0").split("-")[0])
            send, answer = self._by_tcp(channel), f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        else:
            port = int(words["client_port"].split("-")[0])
            send, ours = self._by_udp(port)
            answer = f"RTP/AVP;unicast;client_port={port}-{port + 1};server_port={ours}-{ours + 1}"
        track = _Track(96, 90_000, send) if number == 0 else _Track(8, 8_000, send)
        self._server.players.setdefault(self._session, {})[number] = track
        self._say(200, "OK", cseq, f"Session: {self._session};timeout={_SESSION_S}", f"Transport: {answer}")

    def _by_tcp(self, channel: int) -> Callable[[bytes, bool], None]:
        def send(packet: bytes, is_rtcp: bool) -> None:
            if not self._writer.is_closing():
                self._writer.write(b"$" + bytes((channel + is_rtcp,)) + len(packet).to_bytes(2, "big") + packet)

        return send

    def _by_udp(self, port: int) -> tuple[Callable[[bytes, bool], None], int]:
        host = self._writer.get_extra_info("peername")[0]
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((self._server.settings.host, 0))
        made.setblocking(False)
        self._sockets.append(made)

        def send(packet: bytes, is_rtcp: bool) -> None:
            with contextlib.suppress(OSError):
                made.sendto(packet, (host, port + is_rtcp))

        return send, made.getsockname()[1]

    # --- who may ------------------------------------------------------------------------------------------------

    def _challenge(self) -> str:
        if self._server.settings.guard == "basic":
            return 'Basic realm="simulated"'
        self._nonce, self._proofs = secrets.token_hex(8), 0
        algorithm = "SHA-256" if self._server.settings.guard == "sha256" else "MD5"
        stale = ", stale=true" if self._server.settings.faults.stale else ""
        return f'Digest realm="simulated", nonce="{self._nonce}", algorithm={algorithm}, qop="auth"{stale}'

    def _is_proven(self, method: str, uri: str, headers: dict[str, str]) -> bool:
        settings = self._server.settings
        if not settings.guard:
            return True
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        if settings.guard == "basic":
            right = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
            return scheme == "Basic" and rest == right
        said = {name.strip(): value.strip('"') for name, _, value in (each.partition("=") for each in rest.split(", "))}
        if scheme != "Digest" or said.get("nonce") != self._nonce:
            return False
        self._proofs += 1
        if settings.faults.stale and self._proofs > settings.faults.stale:
            return False
        make = hashlib.sha256 if settings.guard == "sha256" else hashlib.md5

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        secret = digest(f"{settings.user}:simulated:{settings.password}")
        middle = f"{self._nonce}:{said.get('nc')}:{said.get('cnonce')}:auth"
        return said.get("response") == digest(f"{secret}:{middle}:{digest(f'{method}:{uri}')}")

    def _say(self, status: int, reason: str, cseq: str, *headers: str, body: bytes = b"") -> None:
        lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {cseq}", "Server: Lianwang simulator", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


def _is_set(codec: Codec, unit: bytes) -> bool:
    return unit[0] & 0x1F in (7, 8) if codec is Codec.H264 else unit[0] >> 1 & 0x3F in (32, 33, 34)
