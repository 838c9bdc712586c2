"""A message on its way through us: another SN, other codes, the letters and the edition of the next peer.

A platform in the middle hands on questions and answers of every kind, also those it cannot read. What names a thing
is rewritten in the whole tree (signalling reference 9.5); every other element passes as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from gb28181.charset import Charset, encode
from gb28181.edition import Edition
from gb28181.manscdp.document import Document, read
from gb28181.manscdp.fields import Fields, local_name, multiple
from gb28181.manscdp.spelling import LISTS, ROOTS, SPELLING
from gb28181.manscdp.writing import escaped

_ROOTS = {name.lower(): name for name in ROOTS}
_LISTS = frozenset(map(str.lower, LISTS))

Codes = Callable[[str], str]
"""What a code is called on the other side; whatever it does not know it gives back."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """What must be known of a message to hand it on; `body` is as it came.

    `device` is what it is about: of a Broadcast its TargetID. `sn` is 0 and `device` "" when it has none.
    """

    sn: int
    device: str
    root: str
    cmd_type: str
    body: bytes


def peek(body: bytes) -> Relayed:
    """What a message of any kind is and whom it is about. ValueError as for `message.parse`."""
    document = read(body)
    fields, root = _checked(document)
    return Relayed(
        fields.integer("SN") or 0,
        fields.text("DeviceID") or fields.text("TargetID"),
        root,
        fields.text("CmdType"),
        body,
    )


def recode(body: bytes, *, sn: int, codes: Codes, charset: Charset, edition: Edition) -> bytes:
    """The message under another SN, each code in it called as `codes` says, for a peer of that charset and edition.

    Elements the standard does not know, attributes and blanks survive; comments do not. The standard's own names are
    spelt as it prints them. Items that cannot be read are left out, and the list's Num then counts those that remain.
    ValueError as for `message.parse`.
    """
    document = read(body)
    fields, root_name = _checked(document)
    root = document.root
    cmd_type = fields.text("CmdType").lower()
    _number(root, fields, sn)
    _rename(root, root_name, cmd_type, edition)
    known: dict[str, Callable[[str, Codes], str]] = {}
    for element in root.iter():
        tag = element.tag
        how = known.get(tag)
        if how is None:
            how = known[tag] = _CODED.get(local_name(element), _untouched)
        if how is not _untouched and element.text is not None and not len(element):
            element.text = how(element.text, codes)
    if root_name in ("Query", "Control"):
        _rewrite_methods(root, edition)
    if document.damaged or not document.whole:
        _count_items(root)
    pieces = [f'<?xml version="1.0" encoding="{charset}"?>\r\n']
    _write(root, pieces.append, {})
    pieces.append("\r\n")
    return encode("".join(pieces), charset)


def _checked(document: Document) -> tuple[Fields, str]:
    root = _ROOTS.get(local_name(document.root))
    if root is None:
        raise ValueError(f"a message's root is Control, Query, Notify or Response, not {document.root.tag[:40]!r}")
    if root == "Control" and not document.whole:
        raise ValueError("a control that is not whole is not handed on")
    fields = Fields(document.root)
    if not fields.text("CmdType"):
        raise ValueError(f"a {root} without CmdType")
    return fields, root


# What names a thing, and how its name is taken apart.


def _one(text: str, codes: Codes) -> str:
    code = text.strip()
    return codes(code) if code else text


def _several(text: str, codes: Codes) -> str:
    return "/".join(codes(code) for code in multiple(text))


def _untouched(text: str, codes: Codes) -> str:
    return text


CODE_LENGTH = 20


def _leading(text: str, codes: Codes) -> str:
    """A file of a snapshot is named after its camera (2022 annex F: code, type, time, serial)."""
    name = text.strip()
    code = name[:CODE_LENGTH]
    return codes(code) + name[CODE_LENGTH:] if len(code) == CODE_LENGTH and code.isdigit() else text


_CODED: dict[str, Callable[[str, Codes], str]] = {
    "deviceid": _one,
    "deviceid2": _one,
    "parentid": _several,
    "businessgroupid": _one,
    "recorderid": _one,
    "recordlocation": _one,
    "sourceid": _one,
    "targetid": _one,
    "snapshotfileid": _leading,
}


# What differs between the editions.


def _number(root: Element, fields: Fields, sn: int) -> None:
    found = fields.child("SN")
    if found is None:
        found = Element("SN")
        root.insert(1, found)
    for child in tuple(found):
        found.remove(child)
    found.text = str(sn)


def _rename(root: Element, root_name: str, cmd_type: str, edition: Edition) -> None:
    """Two elements have another name in each edition: the key frame command, and the extension texts. And an answer
    that a device calls after what it tells goes on under the name of its question."""
    extension, key_frame = ("ExtraInfo", "IFrameCmd") if edition.is_2022 else ("Info", "IFameCmd")
    for child in root:
        name = local_name(child)
        if name == "cmdtype" and root_name == "Response":
            child.text = _ASKED_AS.get(cmd_type, child.text)
        elif root_name == "Control" and name in ("ifamecmd", "iframecmd"):
            child.tag = key_frame
        elif name in ("info", "extrainfo") and cmd_type not in _INFO_IS_A_PART and not len(child) and child.text:
            child.tag = extension


_ASKED_AS = {"homeposition": "HomePositionQuery", "storagecardstatusquery": "SDCardStatus"}

_INFO_IS_A_PART = frozenset(("alarm", "keepalive"))
"""Kinds of message in which Info has a meaning of its own."""


def _rewrite_methods(root: Element, edition: Edition) -> None:
    """Alarm methods asked for: `1/2` since 2022, `12` before."""
    for element in root.iter():
        if local_name(element) == "alarmmethod" and element.text is not None:
            bare = element.text.strip().replace("/", "")
            if bare.isascii() and bare.isdigit():
                element.text = "/".join(bare) if edition.is_2022 else bare


def _count_items(root: Element) -> None:
    """After a repair lists hold what could be kept."""
    for element in root.iter():
        if local_name(element) in _LISTS:
            element.attrib = {"Num": str(len(element))}


# Printing.


def _write(element: Element, put: Callable[[str], None], printed: dict[str, str]) -> None:
    """One element with all that is in it. Depth is bounded by `document.MAX_DEPTH`; `printed` remembers names."""
    tag, text, tail = element.tag, element.text, element.tail
    name = printed.get(tag)
    if name is None:
        name = tag.rpartition("}")[2]
        name = printed[tag] = SPELLING.get(name.lower(), name)
    attributes = _attributes(element) if element.attrib else ""
    inner = (text if text.isalnum() else escaped(text)) if text else ""
    if len(element):
        put(f"<{name}{attributes}>{inner}")
        for child in element:
            _write(child, put, printed)
        put(f"</{name}>{escaped(tail) if tail else ''}")
    else:
        put(f"<{name}{attributes}>{inner}</{name}>{escaped(tail) if tail else ''}")


def _attributes(element: Element) -> str:
    """The attributes; of two that differ in their namespace alone the first counts, for ours have none."""
    kept: dict[str, str] = {}
    for name, value in element.attrib.items():
        kept.setdefault(name.rpartition("}")[2], value)
    return "".join(f' {name}="{_quoted(value)}"' for name, value in kept.items())


def _quoted(value: str) -> str:
    return escaped(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
