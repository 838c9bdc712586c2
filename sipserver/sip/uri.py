"""SIP addresses, as tolerant as the field needs: `SipUri`, and `NameAddr` which gives it a name and parameters.

GB/T 28181-2016 and 2022 write domains of ten digits, which RFC 3261's host grammar refuses; we take them. A peer is
known by the user part alone, hosts are never compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct

from sipserver.sip.header import cut_outside_quotes, host_and_port, params_of, quoted, unquoted

SIP_SCHEMES = ("sip", "sips")
LONGEST_URI = 1_024
Params = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class SipUri:
    """`sip:user@host:port;params`. Of another scheme (`tel:`) everything after the colon stands in `host`.

    >>> SipUri.parse("sip:34020000001320000001@3402000000").user
    '34020000001320000001'
    """

    user: str
    host: str
    port: int | None = None
    scheme: str = "sip"
    params: Params = ()
    password: str = ""
    headers: str = ""

    @staticmethod
    def parse(text: str) -> SipUri:
        """Raises ValueError. A missing `sip:` is forgiven when there is a user part."""
        return parse_uri(text)

    @property
    def is_sip(self) -> bool:
        return self.scheme in SIP_SCHEMES

    def param(self, name: str) -> str | None:
        """The value of a URI parameter; None when it is absent, "" when it stands without a value."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    def __str__(self) -> str:
        if self.scheme not in SIP_SCHEMES:
            return f"{self.scheme}:{self.host}"
        text = f"{self.scheme}:"
        if self.user or self.password:
            text += f"{self.user}:{self.password}@" if self.password else f"{self.user}@"
        text += f"[{self.host}]" if ":" in self.host else self.host
        if self.port is not None:
            text += f":{self.port}"
        for name, value in self.params:
            text += f";{name}" if value is None else f";{name}={value}"
        return f"{text}?{self.headers}" if self.headers else text


@lru_cache(maxsize=8192)
def parse_uri(text: str) -> SipUri:
    """A URI; the same few are written by every device again and again, so the last ones are kept."""
    text = text.strip()
    if len(text) > LONGEST_URI:
        raise ValueError(f"a URI of {len(text)} characters is too long")
    scheme, colon, rest = text.partition(":")
    if "@" in scheme or not colon:
        if "@" not in text:
            raise ValueError(f"not a URI: {text[:80]!r}")
        scheme, rest = "sip", text
    scheme = scheme.strip().lower()
    if not (scheme.isascii() and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum()):
        raise ValueError(f"not a URI: {text[:80]!r}")
    if scheme not in SIP_SCHEMES:
        if not rest:
            raise ValueError(f"an empty URI: {text[:80]!r}")
        return SipUri("", rest, None, scheme)
    user_part, at, place = rest.partition("@")
    if not at:
        user_part, place = "", rest
    elif " " in user_part.strip() or "<" in user_part or ">" in user_part:
        raise ValueError(f"blanks in a URI: {text[:80]!r}")
    place, _, headers = place.partition("?")
    place, _, params = place.partition(";")
    host, port = host_and_port(place.strip())
    if "<" in host or ">" in host or "@" in host or '"' in host:
        raise ValueError(f"not a host: {host[:80]!r}")
    user, _, password = user_part.strip().partition(":")
    return SipUri(user, host, port, scheme, params_of(params) if params else (), password, headers)


class NameAddr(Struct, frozen=True):
    """What From, To, Contact and Route carry: a URI, a display name, header parameters.

    >>> NameAddr.parse('"gate" <sip:34020000001320000001@3402000000>;tag=7').tag
    '7'
    """

    uri: SipUri
    display: str = ""
    params: Params = ()

    @property
    def tag(self) -> str | None:
        """The tag of a From or To; None when there is none."""
        for name, value in self.params:
            if name == "tag":
                return value or ""
        return None

    @property
    def user(self) -> str:
        return self.uri.user

    def param(self, name: str) -> str | None:
        """The value of a header parameter; None when it is absent, "" when it stands without a value."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    def with_tag(self, tag: str) -> NameAddr:
        kept = tuple(pair for pair in self.params if pair[0] != "tag")
        return NameAddr(self.uri, self.display, (*kept, ("tag", tag)))

    @staticmethod
    def parse(text: str) -> NameAddr:
        """One address, no list. Raises ValueError.

        Without angle brackets every `;parameter` is the header's, RFC 3261 20.10; the samples of GB/T 28181-2016
        write To and Contact so.
        """
        if '"' not in text:
            if text[-1:] == ">":
                return parse_bare(text)
            address, bracket, tail = text.partition(">")
            if not bracket:
                if "<" in text:
                    raise ValueError(f"an address without its closing bracket: {text[:80]!r}")
                address, _, tail = text.partition(";")
                return NameAddr(parse_uri(address), "", params_of(tail) if tail else ())
            uri, display = parse_named(address)
            if not tail:
                return NameAddr(uri, display, ())
            if tail[:5] == ";tag=" and ";" not in tail[5:]:
                return NameAddr(uri, display, (("tag", tail[5:].strip()),))
        else:
            display, address, tail = after_quotes(text)
            uri = parse_uri(address)
        params = tail.strip()
        if params and params[0] != ";":
            raise ValueError(f"something stands after an address: {params[:80]!r}")
        return NameAddr(uri, display, params_of(params) if params else ())

    def __str__(self) -> str:
        text = f"{quoted(self.display)} <{self.uri}>" if self.display else f"<{self.uri}>"
        for name, value in self.params:
            text += f";{name}" if value is None else f";{name}={value}"
        return text


@lru_cache(maxsize=8192)
def parse_named(text: str) -> tuple[SipUri, str]:
    """URI and display name of `name <uri`; kept, because every message of a device begins its From so."""
    before, bracket, address = text.partition("<")
    if not bracket:
        raise ValueError(f"an address without its opening bracket: {text[:80]!r}")
    return parse_uri(address), before.strip()


@lru_cache(maxsize=8192)
def parse_bare(text: str) -> NameAddr:
    """`name <uri>` with nothing behind it, as To is in almost every request; kept like the URIs."""
    address, _, tail = text.partition(">")
    if tail:
        raise ValueError(f"something stands after an address: {tail[:80]!r}")
    uri, display = parse_named(address)
    return NameAddr(uri, display, ())


def after_quotes(text: str) -> tuple[str, str, str]:
    """Display name, address and the rest of an address in which quotation marks occur."""
    display = ""
    rest = text.strip()
    if rest.startswith('"'):
        end = closing_quote(rest)
        display = unquoted(rest[: end + 1])
        rest = rest[end + 1 :]
    before, bracket, inner = rest.partition("<")
    if not bracket:
        if display:
            raise ValueError(f"a name without an address: {text[:80]!r}")
        pieces = cut_outside_quotes(rest, ";")
        return "", pieces[0], ";".join(["", *pieces[1:]])
    address, bracket, tail = inner.partition(">")
    if not bracket:
        raise ValueError(f"an address without its closing bracket: {text[:80]!r}")
    if before.strip() and display:
        raise ValueError(f"two names for one address: {text[:80]!r}")
    return display or before.strip(), address, tail


def closing_quote(text: str) -> int:
    """Where the quotation that opens `text` ends; ValueError when it does not."""
    at = 1
    while True:
        at = text.find('"', at)
        if at < 0:
            raise ValueError(f"a quotation without its end: {text[:80]!r}")
        back = at - 1
        while text[back] == "\\":
            back -= 1
        if (at - back) % 2:
            return at
        at += 1
