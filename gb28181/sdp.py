"""Session descriptions in the standard's own order, with its private `y=` and `f=` lines (GB/T 28181-2022 annex G).

`y=` and `f=` are not legal RFC 4566, so lines are read here one by one, leniently; what is written is always in the
normative order, because several devices depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from gb28181.charset import decode
from gb28181.dialect import STANDARD, Dialect
from gb28181.edition import Edition
from gb28181.ssrc import Ssrc, parse_y

UDP: Final = "udp"
TCP_PASSIVE: Final = "tcp-passive"
TCP_ACTIVE: Final = "tcp-active"
TRANSPORTS: Final = (UDP, TCP_PASSIVE, TCP_ACTIVE)

MAX_BYTES: Final = 64 * 1024
MAX_LINES: Final = 512
MAX_PAYLOADS: Final = 64

Payload = tuple[int, str, int]
"""RTP payload number, encoding name as in rtpmap ("PS", "H264"), clock in Hz."""

PAYLOADS: Final[dict[int, Payload]] = {
    number: (number, name, clock_hz)
    for number, name, clock_hz in (
        (0, "PCMU", 8000),
        (4, "G723", 8000),
        (8, "PCMA", 8000),
        (9, "G722", 8000),
        (18, "G729", 8000),
        (20, "SVACA", 8000),
        (96, "PS", 90000),
        (97, "MPEG4", 90000),
        (98, "H264", 90000),
        (99, "SVAC", 90000),
        (100, "H265", 90000),
        (102, "AAC", 8000),
    )
}
"""The standard's payload numbers (2022 annex C); those below 96 hold without an rtpmap line."""

_OFFERED: Final = {False: (96, 98, 97), True: (96, 98, 100)}


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """The `f=` line: hints about codec and rate by the standard's codes, each "" when not said.

    Never a reason to refuse anything: devices leave it out, fill it with zeros and cut it short.
    """

    video_codec: str = ""
    resolution: str = ""
    fps: str = ""
    rate_type: str = ""
    video_kbps: str = ""
    audio_codec: str = ""
    audio_rate: str = ""
    sampling: str = ""

    @classmethod
    def parse(cls, text: str) -> MediaFormat | None:
        """What an f= line says, None when it says nothing."""
        video, _, audio = text.strip().partition("a/")
        video_parts = _parts(video.removesuffix("a").removeprefix("v").removeprefix("/"), 5)
        audio_parts = _parts(audio, 3)
        return cls(*video_parts, *audio_parts) if any(video_parts) or any(audio_parts) else None

    def __str__(self) -> str:
        video = "/".join((self.video_codec, self.resolution, self.fps, self.rate_type, self.video_kbps))
        return f"v/{video}a/{self.audio_codec}/{self.audio_rate}/{self.sampling}"


AUDIO_G711A: Final = MediaFormat(audio_codec="1", audio_rate="8", sampling="1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One side of a session: where media goes to or comes from, and how.

    `transport` is seen by the side that receives media: `tcp-passive` means that the receiver listens. `start` and
    `stop` are UNIX seconds (0 0 for live), `ssrc` is None when there was no usable y= line, `filesize` is None when
    it was not said or unknown. `setup` is the author's own role, "" when it gave none.
    """

    owner: str = "-"
    session: str = "Play"
    host: str = ""
    port: int = 0
    media: str = "video"
    transport: str = UDP
    payloads: tuple[Payload, ...] = ()
    direction: str = ""
    ssrc: int | None = None
    stream_selector: tuple[str, ...] = ()
    """Attribute texts that choose a stream, in the form `name:value`."""
    start: int = 0
    stop: int = 0
    uri: str = ""
    downloadspeed: int | None = None
    filesize: int | None = None
    f: MediaFormat | None = None
    setup: str = ""
    fmtp: tuple[tuple[int, str], ...] = ()

    def payload_map(self) -> dict[int, str]:
        """Payload number to encoding name, upper case."""
        return {number: name.upper() for number, name, _ in self.payloads}

    @property
    def is_live(self) -> bool:
        return self.session.casefold() not in ("playback", "download")

    @property
    def stream_number(self) -> int:
        """The stream that a selector asks for, 0 (main) when none does."""
        for selector in self.stream_selector:
            _, _, value = selector.partition(":")
            if value.casefold() == "sub":
                return 1
            if value.isascii() and value.isdigit():
                return int(value[:3])
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Description):
    """What an INVITE carries; without a direction its author receives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Description):
    """What the 200 carries; without a direction its author sends. `session` may say anything."""


def live_offer(
    owner: str,
    host: str,
    port: int,
    ssrc: int | None,
    transport: str,
    *,
    dialect: Dialect = STANDARD,
    edition: Edition = Edition.V2016,
    stream_number: int = 0,
) -> Offer:
    """The offer by which we ask for live video at `host`:`port`, in the words the peer understands.

    ValueError for an unknown transport.
    """
    selector = dialect.selector(stream_number, by_number=edition.is_2022)
    return Offer(
        owner=owner,
        session="Play",
        host=host,
        port=port,
        transport=_known_transport(transport),
        payloads=tuple(PAYLOADS[number] for number in dialect.payloads or _OFFERED[edition.is_2022]),
        direction="recvonly",
        ssrc=ssrc,
        stream_selector=(selector,) if selector else (),
        setup=_SETUP_OF_RECEIVER[transport],
    )


def answer_to(
    offer: Offer,
    *,
    owner: str,
    host: str,
    port: int,
    payload: Payload | None = None,
    ssrc: int | None = None,
    f: MediaFormat | None = None,
    filesize: int | None = None,
) -> Answer:
    """A sender's answer: the mirrored direction and role, one payload, the offer's SSRC unless another is given.

    ValueError when the offer names no payload and none is given.
    """
    chosen = payload or next(iter(offer.payloads), None)
    if chosen is None:
        raise ValueError("an answer needs a payload, and the offer names none")
    return Answer(
        owner=owner,
        session=offer.session,
        host=host,
        port=port,
        media=offer.media,
        transport=offer.transport,
        payloads=(chosen,),
        direction=_MIRRORED.get(offer.direction, "sendonly"),
        ssrc=offer.ssrc if ssrc is None else ssrc,
        start=offer.start,
        stop=offer.stop,
        uri=offer.uri,
        f=f,
        filesize=filesize,
        setup=_OTHER_ROLE.get(offer.setup or _SETUP_OF_RECEIVER[offer.transport], ""),
    )


def parse_offer(body: bytes) -> Offer:
    """The description an INVITE carries. ValueError when it is unusable."""
    return _read(body, Offer, author_receives=True)


def parse_answer(body: bytes, offer: Description | None = None) -> Answer:
    """The description a 200 carries. ValueError when it is unusable or refuses the media (port 0).

    With the `offer` it answers, the offer's transport stands whatever the answer says of roles: devices repeat our
    role, or say RTP/AVP to a TCP offer, and mean "as you asked".
    """
    answer = _read(body, Answer, author_receives=False)
    return replace(answer, transport=offer.transport) if offer is not None else answer


def parse_sdp(body: bytes) -> Description:
    """A description of which nobody knows whether it offers or answers. ValueError when it is unusable."""
    return _read(body, Description, author_receives=True)


def serialise(description: Description) -> bytes:
    """Bytes in the normative order, every line ended by CRLF (devices refuse the last one without)."""
    return "".join(f"{line}\r\n" for line in _lines(description)).encode("gb18030", "replace")


def _lines(said: Description) -> list[str]:
    family = "IP6" if ":" in said.host else "IP4"
    protocol = "RTP/AVP" if said.transport == UDP else "TCP/RTP/AVP"
    numbers = " ".join(str(number) for number, _, _ in said.payloads)
    return [
        "v=0",
        f"o={_clean(said.owner)} 0 0 IN {family} {_clean(said.host)}",
        f"s={_clean(said.session)}",
        *([f"u={_clean(said.uri)}"] if said.uri else []),
        f"c=IN {family} {_clean(said.host)}",
        f"t={said.start} {said.stop}",
        f"m={said.media} {said.port} {protocol} {numbers}",
        *_attributes(said),
        *([f"y={Ssrc(said.ssrc).text}"] if said.ssrc is not None else []),
        *([f"f={said.f}"] if said.f is not None else []),
    ]


def _attributes(said: Description) -> list[str]:
    # Dahua wants the PS rtpmap right after the direction.
    attributes = [said.direction] if said.direction else []
    attributes += [f"rtpmap:{number} {_clean(name)}/{clock_hz}" for number, name, clock_hz in said.payloads]
    attributes += [f"fmtp:{number} {_clean(text)}" for number, text in said.fmtp]
    if said.transport != UDP and said.setup:
        attributes += [f"setup:{said.setup}", "connection:new"]
    if said.downloadspeed is not None:
        attributes.append(f"downloadspeed:{said.downloadspeed}")
    if said.filesize is not None:
        attributes.append(f"filesize:{said.filesize}")
    attributes += [_clean(selector) for selector in said.stream_selector]
    return [f"a={attribute}" for attribute in attributes]


_SETUP_OF_RECEIVER: Final = {UDP: "", TCP_PASSIVE: "passive", TCP_ACTIVE: "active"}
_OTHER_ROLE: Final = {"passive": "active", "active": "passive"}
_MIRRORED: Final = {"recvonly": "sendonly", "sendonly": "recvonly", "sendrecv": "sendrecv"}
_DIRECTIONS: Final = frozenset({"sendonly", "recvonly", "sendrecv", "inactive"})
_SELECTORS: Final = frozenset({"streamnumber", "streamprofile", "streammode", "stream"})

D = TypeVar("D", bound=Description)


def _read(body: bytes, kind: type[D], *, author_receives: bool) -> D:
    """Lines into a description: the first usable media section counts, what is unknown is passed over."""
    session, sections = _sections(body)
    if not sections:
        raise ValueError("a session description without a media line")
    usable = [section for section in sections if _port(section) is not None]
    chosen = usable[0] if usable else sections[0]
    medium, port, tcp, numbers = _media_line(chosen["m"][0])
    attributes = [_attribute(text) for text in [*chosen.get("a", ()), *session.get("a", ())]]
    setup = _first(attributes, "setup").casefold()
    if setup not in _OTHER_ROLE:
        setup = ""
    direction = next((name for name, _ in attributes if name in _DIRECTIONS), "")
    if direction in ("recvonly", "sendonly"):
        author_receives = direction == "recvonly"
    if port == 0 and not (tcp and setup == "active"):
        raise ValueError("the media line is refused: port 0")
    start, stop = _times(session.get("t", ["0 0"])[0])
    # y= and f= stand after the last a= of the section, yet some devices write them before the media line.
    either = {key: (chosen.get(key) or session.get(key) or [""])[0] for key in "cyf"}
    return kind(
        owner=_word(session.get("o", ["-"])[0], 0) or "-",
        session=session.get("s", [""])[0],
        host=_host(either["c"]) or _host(session.get("o", [""])[0].partition(" IN ")[2]),
        port=port,
        media=medium,
        transport=_transport(tcp, setup, author_receives),
        payloads=_payloads(numbers, attributes),
        direction=direction,
        ssrc=parse_y(either["y"]),
        stream_selector=tuple(
            f"{name}:{value}" for name, value in _spelt(chosen.get("a", ())) if name.casefold() in _SELECTORS
        ),
        start=start,
        stop=stop,
        uri=session.get("u", [""])[0],
        downloadspeed=_number(_first(attributes, "downloadspeed")),
        filesize=_number(_first(attributes, "filesize")),
        f=MediaFormat.parse(either["f"]),
        setup=setup,
        fmtp=_fmtp(attributes),
    )


Section = dict[str, list[str]]


def _sections(body: bytes) -> tuple[Section, list[Section]]:
    if len(body) > MAX_BYTES:
        raise ValueError(f"a session description has at most {MAX_BYTES} bytes, not {len(body)}")
    text = decode(body)
    if text.count("\n") + text.count("\r") > 2 * MAX_LINES:
        raise ValueError(f"a session description has at most {MAX_LINES} lines")
    session: Section = {}
    sections: list[Section] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        key, mark, value = line.strip(" \t\0").partition("=")
        if not mark or len(key) != 1:
            continue
        key, value = key.lower(), value.strip()
        if key == "m":
            sections.append({})
        (sections[-1] if sections else session).setdefault(key, []).append(value)
    return session, sections


def _media_line(text: str) -> tuple[str, int, bool, tuple[int, ...]]:
    """Medium, port, whether over TCP, payload numbers. ValueError when it is not a line of RTP media."""
    words = text.split()
    if len(words) < 3:
        raise ValueError(f"a media line reads medium, port, protocol, payloads, not {text[:80]!r}")
    medium, protocol = words[0].lower(), words[2].upper()
    if medium not in ("video", "audio"):
        raise ValueError(f"media is video or audio, not {medium[:20]!r}")
    if "RTP" not in protocol:
        raise ValueError(f"media goes by RTP, not by {protocol[:40]!r}")
    port = _number(words[1].partition("/")[0])
    if port is None or port > 65535:
        raise ValueError(f"a port is 0..65535, not {words[1][:20]!r}")
    numbers = [number for word in words[3 : 3 + MAX_PAYLOADS] if (number := _number(word)) is not None and number < 128]
    return medium, port, protocol.startswith("TCP"), tuple(dict.fromkeys(numbers))


def _port(section: Section) -> int | None:
    """The port of a section that can be used, None for one that cannot."""
    try:
        return _media_line(section["m"][0])[1] or None
    except ValueError:
        return None


def _transport(tcp: bool, setup: str, author_receives: bool) -> str:
    if not tcp:
        return UDP
    if not setup:
        return TCP_PASSIVE  # the standard's default: the device connects, the media server listens
    receiver = setup if author_receives else _OTHER_ROLE[setup]
    return TCP_PASSIVE if receiver == "passive" else TCP_ACTIVE


def _payloads(numbers: tuple[int, ...], attributes: list[tuple[str, str]]) -> tuple[Payload, ...]:
    """The offered numbers with their names: from rtpmap, else from the standard's table, else without a name."""
    mapped: dict[int, Payload] = {}
    for name, value in attributes:
        if name == "rtpmap":
            number = _number(_word(value, 0))
            encoding, _, clock = _word(value, 1).partition("/")
            if number is not None and encoding:
                mapped.setdefault(number, (number, encoding, _number(clock.partition("/")[0]) or 90000))
    return tuple(mapped.get(number) or PAYLOADS.get(number) or (number, "", 90000) for number in numbers)


def _fmtp(attributes: list[tuple[str, str]]) -> tuple[tuple[int, str], ...]:
    found = [
        (_number(_word(value, 0)), value.partition(" ")[2].strip()) for name, value in attributes if name == "fmtp"
    ]
    return tuple((number, text) for number, text in found[:MAX_PAYLOADS] if number is not None)


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip().lower(), value.strip()


def _spelt(texts: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    """Attributes with the letters they came in."""
    return [(name.strip(), value.strip()) for name, _, value in (text.partition(":") for text in texts)]


def _first(attributes: list[tuple[str, str]], wanted: str) -> str:
    return next((value for name, value in attributes if name == wanted), "")


def _times(text: str) -> tuple[int, int]:
    return _number(_word(text, 0)) or 0, _number(_word(text, 1)) or 0


def _host(connection: str) -> str:
    """The address at the end of a c= line, without the multicast tail; "" when there is none."""
    words = connection.split()
    return words[-1].partition("/")[0][:255] if words and words[-1].upper() not in ("IN", "IP4", "IP6") else ""


def _word(text: str, place: int) -> str:
    words = text.split(maxsplit=place + 1)
    return words[place] if place < len(words) else ""


def _number(text: str) -> int | None:
    """A decimal number of at most 18 digits, None for anything else (Hikvision writes filesize:-1 for unknown)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _parts(text: str, count: int) -> list[str]:
    parts = [part.strip()[:16] for part in text.split("/", count)[:count]]
    return parts + [""] * (count - len(parts))


def _clean(text: str) -> str:
    """A text that cannot break out of its line."""
    return "".join(letter for letter in text if letter >= " ")


def _known_transport(transport: str) -> str:
    if transport not in TRANSPORTS:
        raise ValueError(f"a transport is one of {', '.join(TRANSPORTS)}, not {transport!r}")
    return str(transport)
