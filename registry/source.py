"""A channel of our own: a camera that speaks RTSP, or a file, offered under a code of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from gb28181.code import is_digits
from registry.divisions import short_code
from registry.store.promise import Row

WAYS = ("auto", "tcp", "udp")
LONGEST_URL = 2_048
LONGEST_NAME = 128
MOST_SOURCES = 1_000
_SECRET = re.compile(r"((?:password|passwd|pass|pwd)=)[^&_/?;]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Where its picture is fetched from. ValueError at birth when a field cannot be meant, without a password in it.

    Either `url` (rtsp://..., without user and password) or `file` (its place within the folder of the settings).
    """

    code: str
    """20 digits of ours."""
    name: str = ""
    url: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    way: str = "auto"
    """How RTSP media comes: "tcp" within the connection, "udp", or "auto"."""
    file: str = ""
    civil_code: str = ""
    """The division it stands in, 2 to 8 digits; "" has it stand under our own sources."""
    enabled: bool = True
    added_at: float | None = None

    def __post_init__(self) -> None:
        _check(len(self.code) == 20 and is_digits(self.code), "code", "20 digits")
        _check(bool(self.url) is not bool(self.file), "url", "an RTSP address or a file, one of them")
        if self.url:
            _check(self.url.lower().startswith("rtsp://"), "url", "an address that begins with rtsp://")
            _check("@" not in _authority(self.url), "url", "an address without user and password in it")
        _check(len(self.url) <= LONGEST_URL and self.url.isprintable(), "url", "printable and not longer than 2048")
        _check(len(self.file) <= 512 and self.file.isprintable(), "file", "a printable name of at most 512 signs")
        _check(len(self.name) <= LONGEST_NAME, "name", f"at most {LONGEST_NAME} signs")
        _check(len(self.user) <= 128 and len(self.password) <= 128, "user", "at most 128 signs, and so is its password")
        _check(self.way in WAYS, "way", " or ".join(WAYS))
        _check(not self.civil_code or bool(short_code(self.civil_code)), "civil_code", "2 to 8 digits or nothing")

    @property
    def shown_name(self) -> str:
        return self.name or self.code


@dataclass(frozen=True, slots=True)
class SourceState:
    """How things stand with a source; held in memory only. `online` is None until it was asked once."""

    code: str
    online: bool | None = None
    note: str = ""
    """What it answered when it gave nothing."""
    codecs: tuple[str, ...] = ()
    asked_at: float | None = None


SOURCE_FIELDS = tuple(each.name for each in fields(OwnSource))


def source_row(source: OwnSource) -> Row:
    return {name: getattr(source, name) for name in SOURCE_FIELDS}


def source_of(row: Row) -> OwnSource:
    known: dict[str, Any] = {name: row[name] for name in SOURCE_FIELDS}  # columns are typed by the table
    return OwnSource(**known)


def without_credentials(text: str) -> tuple[str, str, str]:
    """An address as operators paste it, taken apart: the address, user and password ("" where it has none).

    Passwords with an @ in them are written as they are by many makers' manuals: the last one before the path counts.

    >>> without_credentials("rtsp://admin:a@b@10.0.0.9/live")
    ('rtsp://10.0.0.9/live', 'admin', 'a@b')
    """
    scheme, mark, rest = text.strip().partition("://")
    end = len(_authority(text.strip()))
    userinfo, at, place = rest[:end].rpartition("@")
    if at:
        user, _, password = userinfo.partition(":")
        return f"{scheme}{mark}{place}{rest[end:]}", user, password
    userinfo, at, after = rest.rpartition("@")
    if at and ":" in userinfo[:end] and not userinfo[:end].rpartition(":")[2].isdigit():
        # A slash within the password: what stands behind the colon of the first part is no port.
        user, _, password = userinfo.partition(":")
        return f"{scheme}{mark}{after}", user, password
    return text.strip(), "", ""


def shown(url: str) -> str:
    """An address as people may see it. Some cameras want the password within the path or the query.

    >>> shown("rtsp://10.0.0.9/user=admin_password=abc_channel=1.sdp?pwd=d&x=1")
    'rtsp://10.0.0.9/user=admin_password=***_channel=1.sdp?pwd=***&x=1'
    """
    return _SECRET.sub(r"\1***", url)


def place_of(url: str) -> str:
    """Host and port as an address has them: to whom a password is told."""
    return _authority(url).lower()


def _authority(url: str) -> str:
    rest = url.partition("://")[2]
    return rest[: next((at for at, sign in enumerate(rest) if sign in "/?#"), len(rest))]


def _check(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} of a source is {wanted}")
