"""Codes in a message that crosses our realm, called on each side as that side knows them (signalling 9.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.relay import recode

Translate = Callable[[str], Awaitable[str]]
MOST_CODES = 20_000


async def recoded(
    body: bytes, translate: Translate, *, sn: int, charset: Charset, edition: Edition, known: dict[str, str]
) -> bytes:
    """The message under another SN with its codes translated. `known` spares asking, and learns what was asked.

    ValueError for what is no message.
    """
    found: dict[str, None] = {}

    def note(code: str) -> str:
        if len(found) < MOST_CODES:
            found.setdefault(code)
        return code

    recode(body, sn=sn, codes=note, charset=charset, edition=edition)
    for code in found:
        if code not in known:
            known[code] = await translate(code)
    return recode(body, sn=sn, codes=lambda code: known.get(code, code), charset=charset, edition=edition)


def with_other_sn(body: bytes, sn: int, charset: Charset, edition: Edition) -> bytes:
    """The message under another SN, its codes as they are."""
    return recode(body, sn=sn, codes=lambda code: code, charset=charset, edition=edition)
