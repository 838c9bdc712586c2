"""Addresses as people write them: a host, perhaps with a port, of either family."""

from __future__ import annotations

from ipaddress import IPv6Address

from web.errors import Problem

LONGEST_HOST = 253
SIP_PORT = 5060


def read_address(text: str) -> tuple[str, int]:
    """Host and port of "name", "10.0.0.9:5060", "fe80::1" or "[fe80::1]:5060". Raises a 400 problem.

    >>> read_address("[2001:db8::9]:15060")
    ('2001:db8::9', 15060)
    >>> read_address("city.example.cn")
    ('city.example.cn', 5060)
    """
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_v6(host) or (rest and not rest.startswith(":")):
            raise _malformed(text)
        return host, _port(rest[1:], text) if rest else SIP_PORT
    if text.count(":") > 1:
        if not _is_v6(text):
            raise _malformed(text)
        return text, SIP_PORT
    host, colon, port = text.partition(":")
    if not _is_name(host):
        raise _malformed(text)
    return host, _port(port, text) if colon else SIP_PORT


def write_address(host: str, port: int) -> str:
    """The same the other way round, always with the port; "" when there is no host."""
    if not host:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535):
        raise _malformed(whole)
    return int(text)


def _is_name(host: str) -> bool:
    """A name or an IPv4 address. A name of digits and dots alone must be an address, or it is a slip."""
    labels = host.split(".")
    return (
        0 < len(host) <= LONGEST_HOST
        and all(0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" for label in labels)
        and all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in host)
        and (not all(label.isdigit() for label in labels) or _is_v4(labels))
    )


def _is_v4(labels: list[str]) -> bool:
    return len(labels) == 4 and all(len(label) <= 3 and int(label) <= 255 for label in labels)


def _is_v6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _malformed(text: str) -> Problem:
    return Problem(
        400,
        "address-malformed",
        f'An address is a name or an IP address, perhaps with ":port", not {text[:80]!r}.',
        {"field": "address"},
    )
