"""A tree from broken XML: what closes is kept, what does not is dropped and counted.

Items that are sound by themselves are lifted out first. In the rest only the names of the standard count as tags, and
every other `<` is a character of a text, as in `<Name>gate < 3 m</Name>`. One pass, forward only, so the time is in
proportion to the length whatever was sent.
"""

from __future__ import annotations

from collections import deque
from xml.etree.ElementTree import Element, ParseError, fromstring

from gb28181.manscdp.spelling import ITEM, LISTS, ROOTS, SPELLING

LONGEST_TAG = 128
MAX_ITEMS = 20_000
MAX_TAGS = 100_000
"""Items, and marks `<` outside sound items, above which a broken message is not worth the time."""

_ROOTS = frozenset(map(str.lower, ROOTS))
_ITEM = ITEM.lower()
_LISTS = frozenset(map(str.lower, LISTS))
_NAMES = frozenset(SPELLING)


def mend(text: str, max_depth: int) -> tuple[Element, int, bool]:
    """The tree that can be made of `text`, how many of its items were not whole, and whether all the rest was.

    ValueError when there is no root element, or it is too deep or too much of it to be worth mending.
    """
    if text.count("<Item>") > MAX_ITEMS:
        raise ValueError("a message too broken and too big to be mended")
    frame, sound = _lift_sound_items(text.replace(_LIFTED, ""))
    if frame.count("<") > MAX_TAGS:
        raise ValueError("a message too broken and too big to be mended")
    mender = _Mender(max_depth, sound)
    at = frame.find("<")
    while at >= 0 and not mender.finished:
        at = mender.tag(frame, at)
    return mender.result()


_LIFTED = "<\x01>"
"""Where a sound item stood; no XML has this tag."""


def _lift_sound_items(text: str) -> tuple[str, deque[Element]]:
    """The text with a mark in place of each item that is whole by itself, and those items in their order."""
    head, *pieces = text.split("<Item>")
    frame, sound = [head], deque[Element]()
    for piece in pieces:
        end = piece.rfind("</Item>") + len("</Item>")
        try:
            sound.append(fromstring("<Item>" + piece[:end]))
            frame.append(_LIFTED + piece[end:])
        except ParseError:
            frame.append("<Item>" + piece)
    return "".join(frame), sound


class _Mender:
    """The open elements, outermost first, and the text seen within the innermost."""

    __slots__ = (
        "_comment_ends",
        "_damaged",
        "_hurt",
        "_max_depth",
        "_open",
        "_root",
        "_said",
        "_sound",
        "_torn",
        "finished",
    )

    def __init__(self, max_depth: int, sound: deque[Element]) -> None:
        self._max_depth = max_depth
        self._sound = sound
        self._open: list[Element] = []
        self._said: list[str] = []
        self._root: Element | None = None
        self._hurt = False
        self._damaged = 0
        self._torn = False
        self._comment_ends = True
        self.finished = False

    def tag(self, text: str, at: int) -> int:
        """Take in the mark at `at` and the text after it; where the next mark is, -1 when there is none."""
        if text.startswith(_LIFTED, at):
            self._put_sound_item()
            return text.find("<", at + 1)
        if text.startswith("<!--", at) and self._comment_ends:
            end = text.find("-->", at)
            self._comment_ends = end >= 0
            if end >= 0:
                return text.find("<", end)
        end = text.find(">", at, at + LONGEST_TAG)
        inside = text[at + 1 : end].strip() if end >= 0 else ""
        name = inside.strip("/").partition(" ")[0].rpartition(":")[2].lower()
        after = text.find("<", at + 1)
        if name not in _NAMES or (0 <= after < end):
            self._said.append(text[at : after if after >= 0 else None])
            return after
        if inside.startswith("/"):
            self._close(name)
        else:
            self._begin(name)
            if inside.endswith("/"):
                self._close(name)
        self._said.append(text[end + 1 : after if after >= 0 else None])
        return after

    def _begin(self, name: str) -> None:
        if not self._open:
            if name in _ROOTS:
                self._root = Element(name)
                self._open.append(self._root)
            self._said.clear()
            return
        if name == _ITEM:
            self._make_room_for_item()
        if len(self._open) >= self._max_depth:
            raise ValueError(f"a message has at most {self._max_depth} levels of elements")
        self._open.append(Element(name))
        self._said.clear()

    def _put_sound_item(self) -> None:
        item = self._sound.popleft()
        self._make_room_for_item()
        if self._open:
            self._open[-1].append(item)

    def _make_room_for_item(self) -> None:
        """Items follow one another in a list: whatever else is open there was torn."""
        tags = [element.tag for element in self._open]
        if _ITEM in tags or not _LISTS.isdisjoint(tags):
            while self._open and self._open[-1].tag not in _LISTS and len(self._open) > 1:
                self._keep(self._open.pop(), whole=False)
        self._hurt = False

    def _close(self, name: str, whole: bool = True) -> None:
        if all(element.tag != name for element in self._open):
            self._hurt = self._torn = True  # an end without a beginning: something was lost before it
            self._damaged += name == _ITEM
            return
        while self._open:
            innermost = self._open.pop()
            if innermost.tag == name:
                self._keep(innermost, whole)
                return
            self._keep(innermost, whole=False)

    def _keep(self, element: Element, whole: bool) -> None:
        """Hang a closed element under its parent, unless it was torn."""
        if not len(element):
            element.text = _plain("".join(self._said))
        self._said.clear()
        if element.tag == _ITEM:
            whole, self._hurt = whole and not self._hurt, False
            self._damaged += not whole
        elif not whole:
            self._hurt = self._torn = True
            self._damaged += bool(self._open) and self._open[-1].tag in _LISTS
        if self._open:
            if whole or (element.tag != _ITEM and len(element)):
                self._open[-1].append(element)
        else:
            self.finished = True

    def result(self) -> tuple[Element, int, bool]:
        while self._open:
            self._keep(self._open.pop(), whole=False)
        if self._root is None:
            raise ValueError("a message's root is Control, Query, Notify or Response")
        return self._root, self._damaged, not self._torn


def _plain(text: str) -> str:
    for reference, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(reference, letter)
    return text
