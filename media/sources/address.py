"""RTSP addresses: checked once, written without a password, and joined with what a server calls its media."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

DEFAULT_PORT = 554
LONGEST = 2048
_SHAPE = re.compile(r"rtsp://(?P<authority>[^/?#]+)(?P<path>[/?][^#]*)?(#.*)?", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_KEPT = "/?&=%:@!$'()*+,;~[]|"
"""Signs that servers expect as they are written; all else that is no letter or digit is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and what is asked of it. `path` begins with a slash or is empty, and has the query in it.

    >>> str(Address.read("rtsp://10.0.0.9/live?ch=1"))
    'rtsp://10.0.0.9/live?ch=1'
    """

    host: str
    port: int
    path: str

    @classmethod
    def read(cls, text: str) -> Address:
        """Raises ValueError, in a sentence that repeats nothing of a password."""
        text = text.strip()
        shape = _SHAPE.fullmatch(text)
        if shape is None or len(text) > LONGEST:
            raise ValueError(f"an RTSP address is rtsp://host[:port]/path of at most {LONGEST} signs")
        authority = shape["authority"]
        if "@" in authority:
            raise ValueError("user and password are given apart, not within the address")
        if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in text):
            raise ValueError("an RTSP address has no control characters")
        host, port = _host_and_port(authority)
        path = shape["path"] or ""
        return cls(host, port, quote(path if path.startswith("/") or not path else "/" + path, safe=_KEPT))

    @property
    def place(self) -> str:
        """Host and port as an address writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"rtsp://{self.place}{self.path}"


def joined(base: str, control: str) -> str:
    """The address of a medium: `control` by itself when it is one, else put behind `base` (RFC 2326 C.1.1).

    Servers do not mean the rules of relative references: what stands behind the last slash of the base stays, and so
    does its query.
    """
    if control in ("", "*"):
        return base
    if control.lower().startswith(("rtsp://", "rtspu://", "rtsps://")):
        return control
    return base + control if base.endswith("/") or control.startswith("/") else f"{base}/{control}"


def _host_and_port(authority: str) -> tuple[str, int]:
    if authority.startswith("["):
        inner, closed, rest = authority[1:].partition("]")
        host = str(ipaddress.IPv6Address(inner)) if closed else ""
    else:
        host, _, _ = authority.partition(":")
        rest = authority[len(host) :]
        if not _is_host(host):
            host = ""
    port = rest[1:] if rest else str(DEFAULT_PORT)
    if not host or (rest and not rest.startswith(":")) or not (port.isascii() and port.isdigit()):
        raise ValueError("the address names no host, or its port is no number")
    if not 0 < int(port[:6]) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return host, int(port)


def _is_host(host: str) -> bool:
    if host.replace(".", "").isdigit():
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return False
        return True
    return len(host) <= 253 and _NAME.fullmatch(host) is not None
