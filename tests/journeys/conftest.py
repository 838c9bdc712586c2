"""The whole house of a journey, its operator and its cameras; see `tests/estate.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.estate import CAMERA, PASSWORD, SERVER, Estate, estate_settings, opened, until
from tests.journeys.clicks import Counting, counting

__all__ = ["CAMERA", "PASSWORD", "SERVER", "Estate", "done", "estate", "estate_settings", "opened", "until"]


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    async with opened(tmp_path) as estate:
        yield estate


@pytest.fixture
def done(record_property: Callable[[str, object], None]) -> Counting:
    """Counts what a task costs an operator; see `tests/journeys/clicks.py`."""
    return counting(record_property)
