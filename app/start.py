"""The way in: which form of the format modules runs is chosen before anybody imports them."""

from __future__ import annotations

import gc

from media import compiled

compiled.use()

# What is read now stays: the collector would look through it again and again, for a quarter of the time of a start.
gc.disable()
from app.cli import main  # noqa: E402  # after the choice

gc.freeze()
gc.enable()

__all__ = ["main"]
