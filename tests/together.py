"""Which tests go to one process: those of a file that share a house, a loop or something built.

pytest-xdist writes groups into node ids, which pytest no longer reads from 9.2 on: its "loadgroup" groups nothing then.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

HOUSE = Path(__file__).resolve().parent.parent
SHARES = re.compile(r'loop_scope="module"|mark\.xdist_group\(')


@cache
def shares(file: str) -> bool:
    """Whether the tests of this file, told from the house on, share something."""
    return bool(SHARES.search((HOUSE / file).read_text(encoding="utf-8")))


class Together(LoadScopeScheduling):
    """A work unit is a file whose tests share something, or a test by itself."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if shares(file) else nodeid
