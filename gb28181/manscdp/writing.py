"""A sheet on which a message is printed, element by element in the standard's order."""

from __future__ import annotations

from collections.abc import Iterable

from gb28181.charset import Charset, encode
from gb28181.dialect import Dialect
from gb28181.edition import Edition
from gb28181.manscdp.fields import wire_time

_ESCAPES = dict.fromkeys((*range(32), 65534, 65535), "") | {
    ord("\t"): "\t",
    ord("\n"): "\n",
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}

Written = str | int | float | None


class Sheet:
    """Elements in the order in which they are put; absent values (None, "") leave no element."""

    __slots__ = ("_lines", "dialect", "edition")

    def __init__(self, edition: Edition, dialect: Dialect) -> None:
        self.edition = edition
        self.dialect = dialect
        self._lines: list[str] = []

    def head(self, root: str, cmd_type: str, sn: int, device: str | None) -> None:
        """The root and the elements that begin every message; the few that are about no one thing have no DeviceID."""
        self._lines.append(f"<{root}>")
        self.must("CmdType", cmd_type)
        self.must("SN", sn)
        if device is not None:
            self.must("DeviceID", device)

    def must(self, name: str, value: Written) -> None:
        """An element that stands there even when it is empty."""
        self._lines.append(f"<{name}>{printed(value)}</{name}>")

    def may(self, name: str, value: Written) -> None:
        if value is not None and value != "":
            self.must(name, value)

    def time(self, name: str, at: float | None) -> None:
        if at is not None:
            self.must(name, wire_time(at))

    def result(self, ok: bool, name: str = "Result") -> None:
        self.must(name, "OK" if ok else "ERROR")

    def open(self, name: str) -> None:
        self._lines.append(f"<{name}>")

    def close(self, name: str) -> None:
        self._lines.append(f"</{name}>")

    def row(self, text: str) -> None:
        """A line printed elsewhere, escaped already."""
        self._lines.append(text)

    def extensions(self, texts: Iterable[str]) -> None:
        """Extension texts: ExtraInfo from 2022 on, Info before."""
        name = "ExtraInfo" if self.edition.is_2022 else "Info"
        for text in texts:
            self.must(name, text)

    def finish(self, root: str, charset: Charset) -> bytes:
        lines = [f'<?xml version="1.0" encoding="{charset}"?>', *self._lines, f"</{root}>", ""]
        return encode("\r\n".join(lines), charset)


def printed(value: Written) -> str:
    """A value as it stands between tags."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return decimal(value)
    return str(int(value))


def escaped(text: str) -> str:
    """A text that cannot break out of its element; control characters are left out."""
    if text.isalnum():
        return text
    return text.translate(_ESCAPES)


def decimal(value: float) -> str:
    """A number without an exponent, which devices cannot read: `117.31`, `0.000001`."""
    text = repr(value)
    if "e" in text or "n" in text:
        text = f"{value:.9f}".rstrip("0")
        return text + "0" if text.endswith(".") else text
    return text


def row(name: str, fields: Iterable[tuple[str, Written]]) -> str:
    """An element with its children on one line; absent values leave no element."""
    inner = "".join(f"<{key}>{printed(value)}</{key}>" for key, value in fields if value is not None and value != "")
    return f"<{name}>{inner}</{name}>"
