"""A tree of elements from the bytes of a stranger: bounded, without entities, repaired where it can be.

expat parses what is well-formed. What is not is repaired in two steps, each dearer than the one before: forbidden
characters are taken out and bare `&` escaped; then `mending` reads tag by tag and keeps the whole items.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from gb28181.charset import decode_mixed
from gb28181.manscdp.mending import mend

LIMIT = 8 * 1024 * 1024
"""Bytes of the largest message: 10000 records, the most the standard allows in one (2022 annex M)."""

MAX_DEPTH = 16
"""Elements within elements; the standard's deepest message has seven."""

MAX_MARKS = 700_000
"""Marks `<` in one message: two for each of 35 elements of 10000 items."""

MAX_ATTRIBUTES = 100_000
"""Signs `=` in one message; the standard has attributes on lists alone."""

MAX_AMPERSANDS = 20_000


@dataclass(frozen=True, slots=True)
class Document:
    """A message as a tree; `damaged` counts list items that were not whole and were left out.

    `whole` is false when something outside the items was torn or missing.
    """

    root: Element
    damaged: int
    whole: bool
    text: str


def read(body: bytes, limit: int = LIMIT) -> Document:
    """The tree of a message. ValueError when it is too big, too deep, declares a document type, or is no XML."""
    if len(body) > limit:
        raise ValueError(f"a message has at most {limit} bytes here, not {len(body)}")
    text = decode_mixed(body[: body.rfind(b">") + 1], b"<Item")
    start = _root_start(text)
    _refuse_multitudes(text)
    _refuse_declarations(text)
    try:
        root, damaged, whole = fromstring(text[start:] if start else text), 0, True
    except (ParseError, UnicodeEncodeError):
        root, damaged, whole = _repaired(text[start:])
    _refuse_depth(root)
    return Document(root, damaged, whole, text)


def _root_start(text: str) -> int:
    """Where the root element begins, past blanks, NULs and the XML declaration (whose encoding is not believed)."""
    at = text.find("<")
    for _ in range(MAX_DEPTH):
        if at < 0:
            break
        if text.startswith("<?", at):
            at = text.find("<", text.find("?>", at) + 2) if text.find("?>", at) >= 0 else text.find("<", at + 1)
        elif text.startswith("<!--", at) and text.find("-->", at) >= 0:
            at = text.find("<", text.find("-->", at))
        else:
            return at
    raise ValueError("a message begins with an XML element")


def _refuse_multitudes(text: str) -> None:
    """A tree takes many times the room of its text when it is nothing but tags or attributes."""
    if text.count("<") > MAX_MARKS or text.count("=") > MAX_ATTRIBUTES:
        raise ValueError(f"a message has at most {MAX_MARKS} tags and {MAX_ATTRIBUTES} attributes")


def _refuse_declarations(text: str) -> None:
    """Entities multiply and fetch; both live in a document type, which no message of the standard has."""
    at = text.find("<!")
    while at >= 0:
        if text[at + 2 : at + 9].upper() in ("DOCTYPE", "ENTITY ") or text.startswith("<!ENTITY", at):
            raise ValueError("a message declares no document type and no entities")
        at = text.find("<!", at + 2)


def _refuse_depth(root: Element) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Element] = []
        for element in level:
            if len(element):
                below.extend(element)
        if not below:
            return
        level = below
    raise ValueError(f"a message has at most {MAX_DEPTH} levels of elements")


def _repaired(text: str) -> tuple[Element, int, bool]:
    cleaned = _escape_bare_ampersands(_without_forbidden(text))
    cleaned = _cut_after_root(cleaned)
    if cleaned != text:
        try:
            return fromstring(cleaned), 0, True
        except ParseError:
            pass
    return mend(cleaned, MAX_DEPTH)


_FORBIDDEN = (*(chr(code) for code in range(32) if chr(code) not in "\t\n\r"), "\ufffe", "\uffff")
"""What XML 1.0 allows nowhere and decoding can yield: control characters and two non-characters."""


def _without_forbidden(text: str) -> str:
    for letter in _FORBIDDEN:
        if letter in text:
            text = text.replace(letter, "")
    return text


def _escape_bare_ampersands(text: str) -> str:
    if "&" not in text:
        return text
    if text.count("&") > MAX_AMPERSANDS:
        return text.replace("&", "&amp;")
    first, *rest = text.split("&")
    return first + "".join(f"&{part}" if _begins_reference(part) else f"&amp;{part}" for part in rest)


def _begins_reference(part: str) -> bool:
    """Whether what follows an ampersand makes it one of XML's five entities or a sound character reference."""
    name, mark, _ = part[:10].partition(";")
    if not mark:
        return False
    if name in ("amp", "lt", "gt", "quot", "apos"):
        return True
    digits, base = (name[2:], 16) if name[:2] == "#x" else (name[1:], 10)
    if name[:1] != "#" or not digits.isascii() or not digits.isalnum():
        return False
    try:
        code = int(digits, base)
    except ValueError:
        return False
    return code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0xFFFF < code <= 0x10FFFF


def _cut_after_root(text: str) -> str:
    """The text up to the end of its root element, so that rubbish after it does no harm."""
    name = "".join(text[1:64].partition(">")[0].split()[:1])
    end = text.rfind(f"</{name}>") if name else -1
    return text[: end + len(name) + 3] if end >= 0 else text
