"""Writes `conf/server.toml` from the settings themselves, so that every default and its reason stands there once.

`python -m app.settings_file` prints it; a test holds the file in the repository against it.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

from app.settings import DERIVED, Settings

_HEAD = """\
# Every setting of Lianwang, its default, and why. Uncomment what you change; what is left out keeps its default.
# Times are seconds and sizes bytes unless a name says otherwise. A wrong line is answered with its cure at start.
"""


def text() -> str:
    """The whole file."""
    parts = [_HEAD]
    defaults = Settings()
    for section in fields(Settings):
        room = getattr(defaults, section.name)
        parts.append(f"\n[{section.name}]\n# {(inspect.getdoc(type(room)) or '').splitlines()[0]}\n")
        why = reasons(type(room))
        for each in fields(room):
            if each.name in DERIVED.get(section.name, frozenset()):
                continue
            parts.append("\n" + "".join(f"# {line}\n" for line in why.get(each.name, "").splitlines()))
            parts.append(f"# {each.name} = {_value(getattr(room, each.name))}\n")
    return "".join(parts)


def uncommented() -> str:
    """The same with every setting in force, for the test that reads it back."""
    lines = []
    for line in text().splitlines():
        name, equals, _ = line.removeprefix("# ").partition(" = ")
        lines.append(line.removeprefix("# ") if equals and name.isidentifier() else line)
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, Enum):
        return json.dumps(value.value)
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def reasons(kind: type) -> dict[str, str]:
    """The text that stands under each field of a dataclass."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[before.target.id] = inspect.cleandoc(after.value.value)
    return found


if __name__ == "__main__":
    print(text(), end="")
