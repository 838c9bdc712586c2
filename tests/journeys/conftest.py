"""The whole house of a journey, its operator and its cameras; see `tests/estate.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.estate import CAMERA, PASSWORD, SERVER, Estate, estate_settings, opened, until

__all__ = ["CAMERA", "PASSWORD", "SERVER", "Estate", "estate", "estate_settings", "opened", "until"]


@pytest.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    async with opened(tmp_path) as estate:
        yield estate
