"""What the log is spared."""

from __future__ import annotations

import logging
import sys

from aiohttp.http_exceptions import BadHttpMessage

from app.serving import is_ours


def line_about(error: Exception | None) -> logging.LogRecord:
    try:
        if error is not None:
            raise error
    except Exception:
        return logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "it failed", (), sys.exc_info())
    return logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "it failed", (), None)


def test_nonsense_of_strangers_fills_no_log_and_our_own_faults_are_written_down():
    assert not is_ours(line_about(BadHttpMessage("Too many headers received")))
    assert is_ours(line_about(KeyError("ours")))
    assert is_ours(line_about(None))
