"""Letters on the wire: GB 18030 that calls itself GB2312, and UTF-8 from those who ignore the standard.

GB/T 28181-2016 wants GB 2312, GB/T 28181-2022 wants GB 18030, and peers send either, or UTF-8, whatever they declare.
"""

from __future__ import annotations

import codecs
from enum import StrEnum


class Charset(StrEnum):
    """How text goes out to a peer; the value is what the XML declaration says.

    GB2312 and GB18030 are the same bytes (GB 18030 contains GB 2312) and differ in the declaration alone.
    """

    GB2312 = "GB2312"
    GB18030 = "GB18030"
    UTF8 = "UTF-8"


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
    return _chinese_utf8(body) or body.decode("gb18030", "replace")


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_ASCII = bytes(range(128))

WITNESSES = 3
"""Chinese characters that must vouch for each character of another script before bytes count as UTF-8."""


def _chinese_utf8(body: bytes) -> str | None:
    """`body` as UTF-8 when it is valid and its other-than-ASCII characters are Chinese ones, else None.

    Validity alone proves little: the GB bytes of many two-character words are valid two-byte UTF-8. Three-byte
    sequences that all fall on Chinese characters do not happen by accident.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    high = body.translate(None, _ASCII).decode("utf-8")
    if "\u2e80" <= min(high) and max(high) < "\ua000":
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
