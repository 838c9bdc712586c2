"""How many acts an operator's task takes in a real browser, held against `tests/journeys/tasks.py`.

An act is a press of the mouse, of which a drag is one, or a key. Text that goes into a field is not counted, and a
modifier by itself is none. What a journey waits for is no act either. The listener hears only what really came from
the mouse and the keyboard (trusted events), before the page itself hears it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from playwright.async_api import Page

from tests.journeys.tasks import PROPERTY, TASKS

LISTEN = """() => {
  window.__acts = []
  if (window.__counts) return
  window.__counts = true
  const MODIFIERS = ['Shift', 'Control', 'Alt', 'Meta']
  const isField = (target) => target instanceof Element && !!target.closest('input, textarea, [contenteditable="true"]')
  window.addEventListener('pointerdown', (event) => event.isTrusted && window.__acts.push('press'), true)
  window.addEventListener('keydown', (event) => {
    if (!event.isTrusted || event.repeat || MODIFIERS.includes(event.key)) return
    if (isField(event.target) && event.key.length === 1) return
    window.__acts.push(event.key)
  }, true)
}"""

Counting = Callable[[Page, str], AbstractAsyncContextManager[None]]


def counting(note: Callable[[str, object], None]) -> Counting:
    """`async with done(page, "turn"): ...` counts what happens within, notes it, and holds it against the task."""

    @asynccontextmanager
    async def done(page: Page, key: str) -> AsyncIterator[None]:
        task = TASKS[key]
        await page.evaluate(LISTEN)
        yield
        acts: list[str] = await page.evaluate("window.__acts")
        note(PROPERTY, [key, len(acts)])
        assert len(acts) <= task.most, f"{task.words}: {acts} where {task.most} should do"

    return done
