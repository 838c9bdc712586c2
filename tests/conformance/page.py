"""Which lines of the conformance list hold, as this very run of the tests found it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.conformance.lines import LINES, lines_of

FOLDER = "tests/conformance/"
EDITIONS = {"both": "2016, 2022", "16": "2016", "22": "2022"}


class Page:
    """Hears every report of a run; `text` is the page, `summary` one line of it."""

    def __init__(self) -> None:
        self._outcomes: defaultdict[str, dict[str, bool]] = defaultdict(dict)

    def note(self, report: pytest.TestReport) -> None:
        """A test passed when its call did and neither what was before nor after it failed."""
        if not report.nodeid.startswith(FOLDER) or (report.passed and report.when != "call"):
            return
        for line in lines_of(report.nodeid.rpartition("::")[2]):
            outcomes = self._outcomes[line]
            outcomes[report.nodeid] = report.passed and outcomes.get(report.nodeid, True)

    def __len__(self) -> int:
        return len(self._outcomes)

    @property
    def summary(self) -> str:
        held = sum(self._state(line.id) == "holds" for line in LINES)
        failed = [line.id for line in LINES if self._state(line.id) == "fails"]
        untried = [line.id for line in LINES if self._state(line.id) == "not tried"]
        said = f"conformance list: {held} of {len(LINES)} lines hold"
        if failed:
            said += f"; {', '.join(failed)} fail"
        return said + (f"; {len(untried)} were not tried in this run" if untried else "")

    def text(self) -> str:
        said = [
            "# The conformance list",
            "",
            "Made by `make conformance` from a run of the tests, not by hand: a line holds when every test that bears",
            "its name passed. *shall* and *should* are the standard's words, *rec* is ours where it is silent. The",
            "tests are in `tests/conformance/`, each named by its line.",
            "",
            f"**{self.summary[0].upper()}{self.summary[1:]}.**",
        ]
        topic = ""
        for line in LINES:
            if line.topic != topic:
                topic = line.topic
                said += ["", f"## {topic}", "", "| line | edition | role | force | given, when, then | result |"]
                said += ["|---|---|---|---|---|---|"]
            words = f"Given {line.given}, when {line.when}, then {line.then}".replace("|", "\\|")
            state = self._state(line.id)
            tests = len(self._outcomes.get(line.id, ()))
            result = f"{state} ({tests} test{'s' if tests != 1 else ''})" if tests else f"**{state}**"
            edition = EDITIONS[line.edition]
            said.append(f"| {line.id} | {edition} | {line.role} | {line.level} | {words} | {result} |")
        return "\n".join(said) + "\n"

    def write(self, path: Path) -> None:
        path.write_text(self.text(), encoding="utf-8")

    def _state(self, line: str) -> str:
        outcomes = self._outcomes.get(line)
        if not outcomes:
            return "not tried"
        return "holds" if all(outcomes.values()) else "fails"
