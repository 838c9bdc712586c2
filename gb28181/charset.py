"""Letters on the wire: GB 18030 that calls itself GB2312, and UTF-8 from those who ignore the standard.

GB/T 28181-2016 wants GB 2312, GB/T 28181-2022 wants GB 18030, and peers send either, or UTF-8, whatever they declare.
"""

from __future__ import annotations

import codecs
from enum import StrEnum

from gb28181.edition import Edition


class Charset(StrEnum):
    """How text goes out to a peer; the value is what the XML declaration says.

    GB2312 and GB18030 are the same bytes (GB 18030 contains GB 2312) and differ in the declaration alone.
    """

    GB2312 = "GB2312"
    GB18030 = "GB18030"
    UTF8 = "UTF-8"


WISHES = frozenset(Charset)


def charset_for(edition: Edition, wish: str = "") -> Charset:
    """The charset to write to a peer of `edition` in; `wish` (GB2312, GB18030, UTF-8) overrides it when known."""
    if wish in WISHES:
        return Charset(wish)
    return Charset.GB18030 if edition.is_2022 else Charset.GB2312


def encode(text: str, charset: Charset) -> bytes:
    """Bytes of `text`; what no charset can carry (lone surrogates) becomes a question mark. Never raises."""
    return text.encode("utf-8" if charset is Charset.UTF8 else "gb18030", "replace")


def decode(body: bytes) -> str:
    """Text of `body`, whatever it declares about itself. Never raises; what is no text becomes U+FFFD.

    A byte order mark is obeyed. Otherwise bytes are UTF-8 only when they are strictly valid and read as Chinese,
    else GB 18030.
    """
    if body.isascii():
        return body.decode("ascii")
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    return utf8_if_chinese(body) or body.decode("gb18030", "replace")


def decode_mixed(body: bytes, part_mark: bytes) -> str:
    """Text of a body whose parts, each beginning with `part_mark`, may differ in charset. Never raises.

    Catalogs gathered from many makers do. A part that is not UTF-8 as a whole is looked at tag by tag, so that half a
    character where a field was cut harms that field alone. Neither `<` nor `>` is ever a byte within a GB 18030
    character.
    """
    if body.isascii() or body.startswith(_BOMS):
        return decode(body)
    whole = utf8_if_chinese(body)
    if whole is not None:
        return whole
    if not body.translate(None, _ASCII_AND_GB2312):
        # Chinese UTF-8 cannot do without bytes 80 to A0 for more than a few characters.
        try:
            return body.decode("gb18030")
        except UnicodeDecodeError:
            pass
    parts = body.split(part_mark)
    return part_mark.decode("ascii").join(map(_decode_part, parts))


def _decode_part(part: bytes) -> str:
    if part.isascii():
        return part.decode("ascii")
    text = utf8_if_chinese(part)
    if text is not None:
        return text
    return "<".join(map(_decode_run, part.split(b"<")))


def _decode_run(run: bytes) -> str:
    if run.isascii():
        return run.decode("ascii")
    for cut in (0, 1, 2):
        kept = run[: len(run) - cut]
        # A cut character leaves one or two bytes of which the first announces a sequence that never ends.
        if cut and (len(kept) < 6 or not 0xE0 <= run[len(kept)] <= 0xEF):
            continue
        text = utf8_if_chinese(kept) if not kept.isascii() else None
        if text is not None:
            return text + "\ufffd" * bool(cut)
    return run.decode("gb18030", "replace")


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_BOMS = tuple(mark for mark, _ in _MARKS)

_ASCII = bytes(range(128))
_ASCII_AND_GB2312 = _ASCII + bytes(range(0xA1, 0xFF))

WITNESSES = 3
"""Chinese characters that must vouch for each character of another script before bytes count as UTF-8."""


def utf8_if_chinese(body: bytes) -> str | None:
    """`body` as UTF-8 when it is valid and its other-than-ASCII characters are Chinese ones, else None.

    Validity alone proves little: the GB bytes of many two-character words are valid two-byte UTF-8. Three-byte
    sequences that all fall on Chinese characters do not happen by accident.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    high = body.translate(None, _ASCII).decode("utf-8")
    if min(high) >= "\u2e80" and max(high) < "\ua000":
        return text
    chinese = sum(map(_is_chinese, high))
    others = len(high) - chinese
    if chinese and (not others or chinese >= WITNESSES * (others + 1)):
        return text
    return None


def _is_chinese(letter: str) -> bool:
    """Whether a character is CJK, full-width, or one of the signs printed among them (2022 uses GB 18030's)."""
    return any(low <= letter <= high for low, high in _CHINESE)


_CHINESE = (
    ("\u2e80", "\u9fff"),  # radicals, punctuation, kana, ideographs
    ("\uff00", "\uffef"),  # full-width forms
    ("\uf900", "\ufaff"),  # compatibility ideographs
    ("\ufe30", "\ufe4f"),  # vertical forms
    ("\U00020000", "\U0003ffff"),  # ideographs of the supplementary planes
    ("\u2010", "\u203b"),  # dashes and quotation marks
    ("\u2100", "\u22ff"),  # degree signs, Roman numerals, arrows
    ("\u2460", "\u26ff"),  # circled numbers, boxes, bullets
)
