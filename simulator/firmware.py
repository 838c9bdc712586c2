"""The packages our simulated devices take as their software: a line that says so, a digest, a version, anything."""

from __future__ import annotations

import hashlib

_MAGIC = b"LIANWANG-FIRMWARE 1\n"


def make_package(version: str, payload: bytes = b"") -> bytes:
    """A package that a device takes.

    >>> version_of(make_package("2.5.0"))
    '2.5.0'
    """
    inside = version.encode() + b"\n" + payload
    return _MAGIC + hashlib.sha256(inside).hexdigest().encode() + b"\n" + inside


def version_of(package: bytes) -> str:
    """The version in a package. ValueError when it is corrupt or none."""
    digest, _, inside = package.removeprefix(_MAGIC).partition(b"\n")
    if not package.startswith(_MAGIC) or hashlib.sha256(inside).hexdigest().encode() != digest:
        raise ValueError("the package is corrupt")
    return inside.partition(b"\n")[0].decode("utf-8", "replace")[:64]
