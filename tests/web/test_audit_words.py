"""Everything that the book of what was done may say has words in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from web.server import ROUTES

WORDS = Path(__file__).resolve().parents[2] / "web/console/src/i18n"
BESIDE = {"voice.ended", "kept.export"}
"""Written by hand and not by a route's own door."""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_deed_has_its_word(language: str):
    text = (WORDS / f"{language}.audit.ts").read_text(encoding="utf-8")
    known = set(re.findall(r"^  'audit\.did\.([^']+)':", text, re.M))
    assert known == {route.action for route in ROUTES if route.is_write} | BESIDE
