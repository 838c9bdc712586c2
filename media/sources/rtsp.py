"""Our side of an RTSP conversation (RFC 2326), without sockets and clocks: from OPTIONS to media and to TEARDOWN."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from media.plane import Step, Verdict
from media.sources.address import Address, joined
from media.sources.challenge import Challenge, answer, challenges, strongest
from media.sources.description import Description, Medium, read
from media.sources.wire import Answer, Asked, NotRtsp, Packet, Wire, reply, request

AGENT = "Lianwang"
USUAL_TIMEOUT_S = 60
"""RFC 2326 12.37: how long a session lives without a word from us."""
SHORTEST_TIMEOUT_S = 4
REDIRECTIONS = frozenset({301, 302, 303, 305, 307, 308})
MOST_STEPS = 40
_SESSION = re.compile(r"\s*([^\s;]{1,256})(?:.*?;\s*timeout\s*=\s*(\d{1,6}))?", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Phase(StrEnum):
    """How far the conversation is; the value of those that wait for an answer is the method that was sent."""

    NEW = "new"
    OPTIONS = "OPTIONS"
    DESCRIBE = "DESCRIBE"
    SETUP = "SETUP"
    PLAY = "PLAY"
    PLAYING = "playing"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Track:
    """A medium that the server set up. `channel` is its RTP channel within the connection, None over UDP.

    `host` and `port` are from where the server sends by UDP, as far as it said.
    """

    medium: Medium
    channel: int | None = None
    host: str = ""
    port: int = 0
    rtcp_port: int = 0


@dataclass(frozen=True, slots=True)
class Described:
    """What the server has."""

    description: Description


@dataclass(frozen=True, slots=True)
class Playing:
    """Media comes from now on; packets of the tracks are told by their place in `tracks`."""

    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """A packet within the connection: of track number `track`, RTCP or RTP."""

    track: int
    is_rtcp: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Moved:
    """Ask there instead; this connection is of no more use."""

    to: Address


@dataclass(frozen=True, slots=True)
class Over:
    """The end, and why; `status` is that of the answer that made it the end, 0 where it was none."""

    verdict: Verdict
    note: str
    status: int = 0


Event = Described | Playing | Media | Moved | Over


@dataclass(slots=True)
class _Pending:
    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    asked_at: float
    proofs: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is fetched and how. `ports` are our even RTP ports by UDP, one a track; empty asks within the connection."""

    address: Address
    user: str = ""
    password: str = field(default="", repr=False)
    ports: tuple[int, ...] = ()
    only_describe: bool = False
    answer_s: float = 5.0


class Rtsp:
    """Feed `receive` and `tick`; send what `take_out` gives. After `Over` or `Moved` it is silent.

    Never raises on what a server sent. What was asked and answered is put behind `steps`, for people.
    """

    def __init__(
        self,
        wish: Wish,
        steps: list[Step] | None = None,
        *,
        cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.phase = Phase.NEW
        self.steps: list[Step] = [] if steps is None else steps
        self.server = ""
        self.is_heard = False
        self.packets_of_nobody = 0
        self._wish = wish
        self._cnonce = cnonce
        self._wire = Wire()
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._pending: dict[int, _Pending] = {}
        self._cseq = 0
        self._challenge: Challenge | None = None
        self._nonce_used = 0
        self._session = ""
        self._timeout_s = float(USUAL_TIMEOUT_S)
        self._keepalive_at = float("inf")
        self._may_get_parameter = False
        self._description = Description()
        self._base = str(wish.address)
        self._to_set_up: list[Medium] = []
        self._tracks: list[Track] = []
        self._channels: dict[int, tuple[int, bool]] = {}
        self._now = 0.0

    # --- what the owner does ---------------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        self._now = now
        self.phase = Phase.OPTIONS
        self._ask("OPTIONS", str(self._wish.address))

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What the server sent, and what follows of it."""
        self._now = now
        if self.phase is Phase.OVER:
            return []
        try:
            pieces = self._wire.feed(data)
        except NotRtsp as error:
            self._end(Verdict.REFUSED, str(error))
            return self._take_events()
        for piece in pieces:
            if self.is_over:
                break
            if isinstance(piece, Packet):
                self._media(piece)
            elif isinstance(piece, Answer):
                self._answered(piece)
            else:
                self._asked(piece)
        return self._take_events()

    def tick(self, now: float) -> list[Event]:
        """A few times a second: answers that do not come, and the session kept alive."""
        self._now = now
        if self.phase is Phase.OVER:
            return []
        late = next((each for each in self._pending.values() if now - each.asked_at > self._wish.answer_s), None)
        if late is not None and late.method != "TEARDOWN":
            verdict = Verdict.REFUSED if self.is_heard else Verdict.CONNECTED_SILENT
            if self.phase is Phase.PLAYING:
                verdict = Verdict.LOST
            self._note(late.method, 0, "no answer")
            self._end(verdict, f"{late.method} was not answered within {self._wish.answer_s:g} s")
        elif now >= self._keepalive_at:
            self._keep_alive()
        return self._take_events()

    def leave(self) -> None:
        """Say good-bye, when there is anything to end; the answer is not waited for."""
        if self._session and self.phase in (Phase.SETUP, Phase.PLAY, Phase.PLAYING):
            self._ask("TEARDOWN", self._aggregate())
        self.phase = Phase.OVER

    def take_out(self) -> bytes:
        """What is to be sent now."""
        out, self._out = self._out, []
        return b"".join(out)

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    @property
    def codecs(self) -> tuple[str, ...]:
        return self._description.names

    @property
    def session_timeout_s(self) -> float:
        return self._timeout_s

    # --- requests --------------------------------------------------------------------------------------------

    def _ask(self, method: str, uri: str, *headers: tuple[str, str]) -> None:
        self._send(_Pending(method, uri, headers, self._now))

    def _send(self, pending: _Pending) -> None:
        self._cseq += 1
        pending.asked_at = self._now
        headers = [("User-Agent", AGENT), *pending.headers]
        if self._session:
            headers.append(("Session", self._session))
        if self._challenge is not None:
            self._nonce_used += 1
            wish = self._wish
            cnonce = self._cnonce() if self._challenge.qop else ""
            proof = answer(
                *(self._challenge, wish.user, wish.password, pending.method, pending.uri),
                count=self._nonce_used,
                cnonce=cnonce,
            )
            headers.append(("Authorization", proof))
        self._pending[self._cseq] = pending
        self._out.append(request(pending.method, pending.uri, self._cseq, tuple(headers)))

    def _describe(self) -> None:
        self.phase = Phase.DESCRIBE
        self._ask("DESCRIBE", str(self._wish.address), ("Accept", "application/sdp"))

    def _set_up_next(self) -> None:
        if not self._to_set_up:
            self.phase = Phase.PLAY
            self._ask("PLAY", self._aggregate(), ("Range", "npt=0.000-"))
            return
        self.phase = Phase.SETUP
        medium = self._to_set_up[0]
        number = len(self._tracks)
        if self._wish.ports:
            port = self._wish.ports[number]
            transport = f"RTP/AVP;unicast;client_port={port}-{port + 1}"
        else:
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
        self._ask("SETUP", joined(self._base, medium.control), ("Transport", transport))

    def _keep_alive(self) -> None:
        if any(each.method in ("GET_PARAMETER", "OPTIONS") for each in self._pending.values()):
            return
        self._keepalive_at = self._now + self._timeout_s / 2
        self._ask("GET_PARAMETER" if self._may_get_parameter else "OPTIONS", self._aggregate())

    def _aggregate(self) -> str:
        """The address of all media together (RFC 2326 C.1.1)."""
        return joined(self._base, self._description.control)

    # --- answers ---------------------------------------------------------------------------------------------

    def _answered(self, said: Answer) -> None:
        cseq = said.header("cseq")
        number = int(cseq) if cseq.isascii() and cseq.isdigit() and len(cseq) < 12 else -1
        pending = self._pending.pop(number, None)
        if pending is None and len(self._pending) == 1 and not cseq:
            pending = self._pending.popitem()[1]  # some cameras leave the number out
        if pending is None or 100 <= said.status < 200:
            if pending is not None:
                self._pending[number] = pending
            return
        self.is_heard = True
        self.server = self.server or said.header("server")[:200]
        self._note(pending.method, said.status, said.reason)
        if said.status == 401 and self._prove(pending, said):
            return
        if self.phase is Phase.PLAYING:
            self._kept_alive(pending, said)
        elif pending.method == self.phase.value:
            _AFTER[self.phase](self, said)

    def _prove(self, pending: _Pending, said: Answer) -> bool:
        """Meet a challenge; false when it cannot be met, or what we say is not believed."""
        wish = self._wish
        offered = strongest(challenges(said.all("www-authenticate")))
        if offered is None or not wish.user:
            return False
        known = self._challenge
        is_new = known is None or offered.is_stale or (offered.nonce, offered.realm) != (known.nonce, known.realm)
        if not is_new or pending.proofs >= (2 if offered.is_stale else 1):
            return False
        if offered.nonce != (known.nonce if known else None):
            self._nonce_used = 0
        self._challenge = offered
        pending.proofs += 1
        self._send(pending)
        return True

    def _after_options(self, said: Answer) -> None:
        public = said.header("public").upper()
        self._may_get_parameter = "GET_PARAMETER" in public
        if said.status == 401:
            self._refused("OPTIONS", said)
        else:
            self._describe()  # whatever it said of OPTIONS: some do not know it

    def _after_describe(self, said: Answer) -> None:
        if said.status in REDIRECTIONS:
            self._moved(said)
            return
        if said.status != 200:
            self._refused("DESCRIBE", said)
            return
        try:
            self._description = read(said.body)
        except ValueError as error:
            self._end(Verdict.REFUSED, f"DESCRIBE: {error}")
            return
        self._base = self._safe(said.header("content-base") or said.header("content-location")) or self._base
        found = self._description
        self._events.append(Described(found))
        if found.video is None:
            has = f"it has {', '.join(found.names)}" if found.names else "it has nothing"
            self._end(Verdict.UNSUPPORTED_CODEC, f"there is no H.264 or H.265 in its description; {has}")
        elif self._wish.only_describe:
            self.phase = Phase.OVER
        else:
            self._to_set_up = [found.video] if found.sound is None else [found.video, found.sound]
            self._set_up_next()

    def _after_setup(self, said: Answer) -> None:
        medium = self._to_set_up.pop(0)
        if said.status != 200:
            if self._tracks:
                self._set_up_next()  # sound that is refused leaves the picture
                return
            self._refused("SETUP", said)
            return
        session = _SESSION.match(said.header("session"))
        if session is not None:
            self._session = session[1]
            told = int(session[2]) if session[2] else USUAL_TIMEOUT_S
            self._timeout_s = float(max(SHORTEST_TIMEOUT_S, min(told or USUAL_TIMEOUT_S, 3600)))
        track = self._track(medium, said.header("transport"))
        if track is None:
            self._end(Verdict.REFUSED, f"SETUP: the server would send by {said.header('transport')[:200]!r}")
            return
        if track.channel is not None:
            self._channels[track.channel] = (len(self._tracks), False)
            self._channels.setdefault(track.channel + 1, (len(self._tracks), True))
        self._tracks.append(track)
        self._set_up_next()

    def _after_play(self, said: Answer) -> None:
        if said.status in REDIRECTIONS:
            self._moved(said)
        elif said.status != 200:
            self._refused("PLAY", said)
        else:
            self.phase = Phase.PLAYING
            self._keepalive_at = self._now + self._timeout_s / 2
            self._events.append(Playing(tuple(self._tracks)))

    def _kept_alive(self, pending: _Pending, said: Answer) -> None:
        if said.status == 454:
            self._end(Verdict.LOST, "the server no longer knows our session")
        elif pending.method == "GET_PARAMETER" and said.status >= 400:
            self._may_get_parameter = False

    def _refused(self, method: str, said: Answer) -> None:
        words = f"{method} was answered {said.status} {said.reason}".rstrip()
        if said.status == 401:
            words += ": " + ("it does not take our user and password" if self._wish.user else "it wants a password")
            if self._wish.user and strongest(challenges(said.all("www-authenticate"))) is None:
                words = f"{method} was answered 401, with no challenge that we can meet"
        self._end(Verdict.REFUSED, words, said.status)

    def _moved(self, said: Answer) -> None:
        try:
            to = Address.read(said.header("location"))
        except ValueError as error:
            self._end(Verdict.REFUSED, f"it sends us elsewhere, but {error}")
            return
        self.phase = Phase.OVER
        self._events.append(Moved(to))

    def _track(self, medium: Medium, transport: str) -> Track | None:
        """What the server made of our wish; None when it is not what we can take."""
        first = transport.split(",")[0]
        parts = [each.strip() for each in first.split(";")]
        said = {key.strip().lower(): value.strip() for key, _, value in (each.partition("=") for each in parts)}
        is_tcp = parts[0].upper().endswith("/TCP") or "interleaved" in said
        if is_tcp is bool(self._wish.ports) or "multicast" in said:
            return None
        if is_tcp:
            number = 2 * len(self._tracks)
            channels = _numbers(said.get("interleaved", ""), 255) or (number, number + 1)
            return Track(medium, channels[0])
        ports = _numbers(said.get("server_port", ""), 65535) or (0, 0)
        return Track(medium, None, said.get("source", ""), ports[0], ports[1])

    # --- what comes by itself --------------------------------------------------------------------------------

    def _media(self, packet: Packet) -> None:
        found = self._channels.get(packet.channel)
        if found is None:
            self.packets_of_nobody += 1
        else:
            self._events.append(Media(*found, packet.data))

    def _asked(self, asked: Asked) -> None:
        is_known = asked.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "REDIRECT", "TEARDOWN")
        self._out.append(reply(*((200, "OK") if is_known else (501, "Not Implemented")), asked.header("cseq")))
        if asked.method in ("REDIRECT", "TEARDOWN"):
            self._end(Verdict.LOST, f"the server ended it with {asked.method}")

    # --- ends ------------------------------------------------------------------------------------------------

    def _end(self, verdict: Verdict, note: str, status: int = 0) -> None:
        self.leave()
        self._events.append(Over(verdict, note, status))

    def _note(self, what: str, status: int, reason: str) -> None:
        if len(self.steps) < MOST_STEPS:
            self.steps.append(Step(what, status, reason))

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _safe(self, text: str) -> str:
        """An address of the server's within an answer, "" for what is none: it goes into requests of ours."""
        try:
            read_it = Address.read(text)
        except ValueError:
            return ""
        # Behind NAT or a proxy a server calls itself by an address that we do not reach; we stay where we are.
        return str(Address(self._wish.address.host, self._wish.address.port, read_it.path))

    def __repr__(self) -> str:
        return f"<Rtsp {self._wish.address.place} {self.phase}>"


_AFTER: dict[Phase, Callable[[Rtsp, Answer], None]] = {
    Phase.OPTIONS: Rtsp._after_options,
    Phase.DESCRIBE: Rtsp._after_describe,
    Phase.SETUP: Rtsp._after_setup,
    Phase.PLAY: Rtsp._after_play,
}


def _numbers(text: str, largest: int) -> tuple[int, int] | None:
    found = _RANGE.match(text)
    if found is None or int(found[1]) > largest:
        return None
    second = int(found[2]) if found[2] else int(found[1]) + 1
    return int(found[1]), min(second, largest)


def by_udp(tracks: Sequence[Track]) -> bool:
    return any(track.channel is None for track in tracks)
