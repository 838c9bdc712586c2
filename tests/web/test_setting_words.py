"""Every type and every field that a form may show has words in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gb28181.settings.field import Field, Kind
from gb28181.settings.types import TYPES

WORDS = Path(__file__).resolve().parents[2] / "web/console/src/i18n"


def keys(language: str) -> set[str]:
    text = (WORDS / f"{language}.settings.ts").read_text(encoding="utf-8")
    return set(re.findall(r"^  '(setting\.[^']+)':", text, re.M))


def fields(field: Field) -> Iterator[Field]:
    yield field
    for part in field.fields:
        yield from fields(part)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_type_field_unit_and_choice_has_its_word(language: str):
    known = keys(language)
    needed = {f"setting.t.{name}" for name in TYPES}
    for kind in TYPES.values():
        for field in fields(kind.form):
            if field.name not in TYPES:
                needed.add(f"setting.f.{field.name}")
            if field.unit:
                needed.add(f"setting.u.{field.unit}")
            if (
                field.kind is Kind.CHOICE
                and not field.name.endswith("Mode")
                and not any(":" in c for c in field.choices)
            ):
                needed |= {f"setting.c.{field.name}.{choice}" for choice in field.choices}
    assert needed - known == set()
