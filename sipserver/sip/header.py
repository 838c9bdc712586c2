"""Header fields: their names in one spelling, their lists and parameters taken apart, Via and CSeq as values.

Nothing here uses a pattern on network text: everything is found with find, partition and split, in linear time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

# fmt: off
KNOWN_NAMES = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events", "Authentication-Info",
    "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding",
    "Content-Language", "Content-Length", "Content-Type", "CSeq", "Date", "Error-Info", "Event", "Expires", "From",
    "In-Reply-To", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Monitor-User-Identity", "Note",
    "Organization", "P-Asserted-Identity", "Path", "Priority", "Proxy-Authenticate", "Proxy-Authorization",
    "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-To", "Reply-To", "Require", "Retry-After", "Route",
    "RSeq", "Server", "Service-Route", "Session-Expires", "SecurityInfo", "Subject", "Subscription-State",
    "Supported", "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate", "X-GB-Ver",
    "X-PreferredPath", "X-RoutePath",
)
# fmt: on

# RFC 3261 7.3.3 and the compact forms registered since.
COMPACT_NAMES = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}

NAMES: dict[str, str] = {
    **{name: name for name in KNOWN_NAMES},
    **{name.lower(): name for name in KNOWN_NAMES},
    **COMPACT_NAMES,
    **{short.upper(): name for short, name in COMPACT_NAMES.items()},
}

TOKEN_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
HIGHEST_CSEQ = 2**31 - 1
MAGIC_COOKIE = "z9hG4bK"


def canonical(name: str) -> str:
    """One spelling for a header name: `v` and `VIA` are `Via`, `x-foo` is `X-Foo`."""
    known = NAMES.get(name)
    if known is None:
        known = NAMES.get(name.lower())
        if known is None:
            known = "-".join(part.capitalize() for part in name.split("-"))
    return known


def is_token(text: str) -> bool:
    """Whether `text` is an RFC 3261 25.1 token."""
    return bool(text) and TOKEN_CHARACTERS.issuperset(text)


def cut_outside_quotes(text: str, mark: str) -> list[str]:
    """`text` cut at `mark`, but not inside quotation marks nor, for commas, inside angle brackets.

    A quotation that never ends runs to the end of the text.
    """
    if '"' not in text and (mark != "," or "<" not in text):
        return text.split(mark)
    parts: list[str] = []
    start = 0
    quoted = bracketed = escaped = False
    guard_brackets = mark == ","
    for at, letter in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            if letter == "\\":
                escaped = True
            elif letter == '"':
                quoted = False
        elif letter == '"':
            quoted = True
        elif guard_brackets and letter == "<":
            bracketed = True
        elif letter == ">":
            bracketed = False
        elif letter == mark and not bracketed:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def list_items(text: str) -> list[str]:
    """The elements of a comma list, trimmed, empty ones left out."""
    if "," not in text:
        text = text.strip()
        return [text] if text else []
    return [item for part in cut_outside_quotes(text, ",") if (item := part.strip())]


def unquoted(text: str) -> str:
    """`text` without its quotation marks and backslash escapes, if it has them."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    out: list[str] = []
    escaped = False
    for letter in inner:
        if escaped or letter != "\\":
            out.append(letter)
            escaped = False
        else:
            escaped = True
    return "".join(out)


def params_of(text: str) -> tuple[tuple[str, str | None], ...]:
    """`;a=1;b` as (("a", "1"), ("b", None)); names in lower case, values unquoted; blank pieces are left out."""
    found: list[tuple[str, str | None]] = []
    for piece in cut_outside_quotes(text, ";") if '"' in text else text.split(";"):
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if name:
            found.append((name, unquoted(value.strip()) if equals else None))
    return tuple(found)


def host_and_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port`; the host may be all digits, as GB/T 28181 domains are.

    Raises ValueError when there is no host or the port is not a port.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host:
            raise ValueError(f"an IPv6 address ends with a bracket, not {text[:80]!r}")
        colon, port = rest[:1], rest[1:]
        if rest and colon != ":":
            raise ValueError(f"not a host and port: {text[:80]!r}")
    else:
        host, colon, port = text.partition(":")
        host, port = host.strip(), port.strip()
    if not host or " " in host or "\t" in host:
        raise ValueError(f"not a host: {text[:80]!r}")
    if not colon or not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise ValueError(f"not a port: {port[:20]!r}")
    return host, int(port)


def small_number(text: str, highest: int) -> int:
    """A decimal number from 0 to `highest`; ValueError otherwise (signs, blanks and foreign digits included)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(f"not a number: {text[:20]!r}")
    number = int(text)
    if number > highest:
        raise ValueError(f"{number} is above {highest}")
    return number


class CSeq(NamedTuple):
    """Place of a request in its sequence, RFC 3261 20.16. The method is in upper case whatever was sent."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises ValueError. Lower-case methods are taken: the samples of GB/T 28181-2016 print them."""
        return parse_cseq(text)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@lru_cache(maxsize=4096)
def parse_cseq(text: str) -> CSeq:
    """A place in a sequence; kept, because every device counts from 1."""
    number, blank, method = text.partition(" ")
    if not blank or " " in method or "\t" in text:
        words = text.split()
        if len(words) != 2:
            raise ValueError(f"CSeq is a number and a method, not {text[:60]!r}")
        number, method = words
    return CSeq(small_number(number, HIGHEST_CSEQ), method.upper())


class Via(NamedTuple):
    """One hop that a message came by, RFC 3261 20.42, with RFC 3581's rport."""

    transport: str
    host: str
    port: int | None
    branch: str
    params: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str) -> Via:
        """One Via value, no list. Raises ValueError."""
        head, semicolon, rest = text.partition(";")
        protocol, blank, sent_by = head.partition(" ")
        transport = VIA_PROTOCOLS.get(protocol)
        if transport is None or not blank:
            transport, sent_by = loose_via_head(head)
        host, port = host_and_port(sent_by.strip())
        branch = ""
        params: tuple[tuple[str, str | None], ...] = ()
        if semicolon:
            params = params_of(rest)
            for name, value in params:
                if name == "branch":
                    branch = value or ""
                    break
        return cls(transport, host, port, branch, params)

    @property
    def sent_by(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def param(self, name: str) -> str | None:
        """The value of a parameter; None when it is absent, "" when it stands without a value."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    def __str__(self) -> str:
        text = f"SIP/2.0/{self.transport} {self.sent_by}"
        for name, value in self.params:
            if value is None:
                text += f";{name}"
            elif TOKEN_CHARACTERS.issuperset(value) or ":" in value:
                text += f";{name}={value}"
            else:
                text += f";{name}={quoted(value)}"
        return text


def is_port(text: str) -> bool:
    """Whether `text` is a port, or nothing."""
    return text == "5060" or not text or (len(text) <= 5 and text.isascii() and text.isdecimal() and int(text) < 65536)


class Hop(Struct, frozen=True):
    """What a transaction needs of a top Via: who sent, the branch, and the text without `rport` and `received`."""

    sent_by: str
    branch: str
    bare: str

    @classmethod
    def parse(cls, text: str) -> Hop:
        """One Via value, no list. Raises ValueError. Quick for what is written as usual, exact for the rest."""
        head, semicolon, rest = text.partition(";")
        sent_by = usual_sender(head)
        if sent_by and '"' not in text:
            branch = ""
            bare = head
            for param in rest.split(";") if semicolon else ():
                if param[:7] == "branch=":
                    branch = branch or param[7:]
                elif param == "rport" or param[:6] == "rport=" or param[:9] == "received=":
                    continue
                elif (
                    not param
                    or " " in param
                    or "\t" in param
                    or param.lower().startswith(("rport", "received", "branch"))
                ):
                    break
                bare += ";" + param
            else:
                return cls(sent_by, branch, bare)
        via = Via.parse(text)
        kept = tuple(pair for pair in via.params if pair[0] not in ("rport", "received"))
        return cls(via.sent_by, via.branch, str(via._replace(params=kept)))

    def stamped(self, host: str, port: int) -> str:
        """The Via with `received` and `rport` of the packet's source (RFC 3261 18.2.1, RFC 3581 4)."""
        return f"{self.bare};rport={port};received={host}"


VIA_PROTOCOLS = {f"{sip}/2.0/{name}": name for name in ("UDP", "TCP", "TLS", "SCTP", "WS", "WSS") for sip in ("SIP",)}


@lru_cache(maxsize=8192)
def usual_sender(head: str) -> str:
    """The sent-by of `SIP/2.0/UDP host:port` when it is written as usual, else "". Kept: devices stay in place."""
    protocol, _, sent_by = head.partition(" ")
    host, _, port = sent_by.partition(":")
    is_usual = protocol in VIA_PROTOCOLS and host and is_port(port) and " " not in host and '"' not in head
    return sent_by if is_usual else ""


def loose_via_head(head: str) -> tuple[str, str]:
    """Transport and sent-by of `SIP / 2.0 / UDP  host`, with blanks wherever the grammar allows them."""
    parts = head.split("/", 2)
    if len(parts) != 3 or parts[0].strip().upper() != "SIP" or parts[1].strip() != "2.0":
        raise ValueError(f"Via names another protocol: {head[:60]!r}")
    words = parts[2].split(None, 1)
    if len(words) != 2 or not is_token(words[0]):
        raise ValueError(f"Via without a sender: {head[:60]!r}")
    return words[0].upper(), words[1]


def quoted(text: str) -> str:
    """`text` in quotation marks, with what must be escaped escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
