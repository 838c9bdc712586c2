"""What a server says it has: the lines of a session description (RFC 8866) that a receiver of pictures needs."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from media.aac import AacFormat, fmtp_words, format_of_fmtp
from media.frame import Codec

MOST_MEDIA = 16
MOST_LINES = 2_000
LONGEST_SET = 4_096
_VIDEO = {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
_SOUND = {"PCMA": Codec.G711A, "PCMU": Codec.G711U, "MPEG4-GENERIC": Codec.AAC}
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 26: ("JPEG", 90_000), 32: ("MPV", 90_000), 33: ("MP2T", 90_000)}
_SETS = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")


@dataclass(frozen=True, slots=True)
class Medium:
    """One m= section, by the payload type of it that suits us best.

    `codec` is None for what we cannot take. `sets` are parameter sets told beforehand, without start codes.
    """

    kind: str
    name: str
    payload_type: int
    clock_hz: int
    control: str = ""
    codec: Codec | None = None
    aac: AacFormat | None = None
    sets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """`control` is the address of the whole ("" and "*" mean the base)."""

    control: str = ""
    media: tuple[Medium, ...] = ()

    @property
    def video(self) -> Medium | None:
        return next((each for each in self.media if each.codec is not None and each.codec.is_video), None)

    @property
    def sound(self) -> Medium | None:
        return next((each for each in self.media if each.codec is not None and not each.codec.is_video), None)

    @property
    def names(self) -> tuple[str, ...]:
        """What is in it, for people: the codecs we know by our names, the others by theirs."""
        return tuple(str(each.codec or each.name or each.kind) for each in self.media)


@dataclass(slots=True)
class _Section:
    kind: str
    types: list[int]
    control: str = ""
    rtpmap: dict[int, tuple[str, int]] = field(default_factory=dict)
    fmtp: dict[int, dict[str, str]] = field(default_factory=dict)


def read(text: bytes) -> Description:
    """Raises ValueError for what is no session description; lines that are not understood are passed over."""
    lines = text.decode("utf-8", "replace").splitlines()[:MOST_LINES]
    if not any(line.startswith(("v=", "m=")) for line in lines[:20]):
        raise ValueError("the answer is no session description")
    control = ""
    sections: list[_Section] = []
    for line in lines:
        kind, _, value = line.strip().partition("=")
        if kind == "m" and len(sections) < MOST_MEDIA:
            words = value.split()
            types = [int(word) for word in words[3:] if word.isascii() and word.isdigit() and len(word) <= 3]
            sections.append(_Section(words[0].lower() if words else "", types))
        elif kind == "a":
            name, _, rest = value.partition(":")
            if name == "control":
                if sections:
                    sections[-1].control = rest.strip()
                else:
                    control = rest.strip()
            elif sections:
                _attribute(sections[-1], name, rest)
    return Description(control, tuple(_medium(section) for section in sections))


def _attribute(section: _Section, name: str, rest: str) -> None:
    number, _, words = rest.strip().partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) <= 3):
        return
    if name == "rtpmap":
        parts = words.strip().split("/")
        clock = parts[1].strip() if len(parts) > 1 else ""
        rate = int(clock) if clock.isascii() and clock.isdigit() and len(clock) <= 7 else 0
        section.rtpmap[int(number)] = (parts[0].strip().upper(), rate)
    elif name == "fmtp":
        section.fmtp.setdefault(int(number), {}).update(fmtp_words(words))


def _medium(section: _Section) -> Medium:
    """The first payload type that we can take, or the first one of all."""
    media = [_of_type(section, number) for number in section.types]
    best = next((each for each in media if each.codec is not None), None)
    return best or (media[0] if media else Medium(section.kind, "", -1, 0, section.control))


def _of_type(section: _Section, number: int) -> Medium:
    name, clock = section.rtpmap.get(number) or _STATIC.get(number, ("", 0))
    said = section.fmtp.get(number, {})
    known = {"video": _VIDEO, "audio": _SOUND}.get(section.kind, {})
    codec = known.get(name)
    clock = clock or (90_000 if section.kind == "video" else 8_000)
    form = None
    if codec is Codec.AAC:
        form = format_of_fmtp(said)
        codec = codec if form is not None else None
    elif codec is not None and not codec.is_video and clock != 8_000:
        codec = None
    sets = tuple(each for key in _SETS for each in _parameter_sets(said.get(key, ""))) if codec is not None else ()
    return Medium(section.kind, name, number, clock, section.control, codec, form, sets)


def _parameter_sets(text: str) -> list[bytes]:
    found = []
    for part in text.split(",")[:8]:
        try:
            unit = base64.b64decode(part.strip(), validate=True)
        except (binascii.Error, ValueError):
            continue
        if 3 <= len(unit) <= LONGEST_SET:
            found.append(unit)
    return found
