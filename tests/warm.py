"""What a server that is forked for a test need not read again: our code, and the dictionary of pinyin."""

from __future__ import annotations

from app.start import main
from registry.pinyin import open_dictionary

__all__ = ["main"]

open_dictionary()
