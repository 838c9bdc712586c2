"""The operator's browser: begun for a test, and ended whatever became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.ending import ends_within

END_S = 20.0


@asynccontextmanager
async def chromium(flags: Sequence[str]) -> AsyncIterator[Browser]:
    driver = async_playwright()
    playwright = await driver.__aenter__()
    try:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(flags))
        try:
            yield browser
        finally:
            async with ends_within(END_S, "Chromium"):
                await browser.close()
    finally:
        async with ends_within(END_S, "the driver of Chromium"):
            await driver.__aexit__(None, None, None)
