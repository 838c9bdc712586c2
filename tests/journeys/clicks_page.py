"""What the operator's tasks cost, as this very run of the journeys counted it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.tasks import PROPERTY, TASKS


class ClicksPage:
    """Hears every report of a run; `text` is the page."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}

    def note(self, report: pytest.TestReport) -> None:
        """The dearest of a task's tellings counts."""
        if report.when != "call":
            return
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, list):
                key, acts = value
                self._counted[key] = max(acts, self._counted.get(key, 0))

    def __len__(self) -> int:
        return len(self._counted)

    def text(self) -> str:
        said = [
            "# What an operator's tasks cost",
            "",
            "Made by `make clicks` from a run of the journeys in Chromium, not by hand: presses of the mouse, of which",
            "a drag is one, and keys, from the first screen after logging in. Text typed into fields is not counted.",
            "",
            "| task | at most | counted | how |",
            "|---|---|---|---|",
        ]
        for task in TASKS.values():
            counted = self._counted.get(task.key)
            told = "not tried" if counted is None else str(counted) if counted <= task.most else f"**{counted}**"
            said.append(f"| {task.words} | {task.most} | {told} | {task.how} |")
        return "\n".join(said) + "\n"

    def write(self, path: Path) -> None:
        path.write_text(self.text(), encoding="utf-8")
