"""The list and the tests that are named by its lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conformance.lines import BY_ID, LINES, lines_of
from tests.conformance.page import Page

HERE = Path(__file__).parent
TESTS = [
    node.name
    for path in sorted(HERE.glob("test_*.py"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]
CLAIMED = {line for name in TESTS for line in lines_of(name)}


def test_every_line_of_the_list_has_a_test():
    assert [line.id for line in LINES if line.id not in CLAIMED] == []


def test_no_test_claims_a_line_that_is_not_in_the_list():
    assert sorted(CLAIMED - BY_ID.keys()) == []
    assert len(BY_ID) == len(LINES)


def report(name: str, outcome: str, when: str = "call") -> pytest.TestReport:
    nodeid = f"tests/conformance/test_control.py::{name}"
    return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, when)  # type: ignore[arg-type]  # words of pytest's


def test_a_line_holds_when_all_its_tests_passed_and_fails_when_one_did_not():
    page = Page()
    page.note(report("test_CTL_01_it_is_sent[old]", "passed"))
    page.note(report("test_CTL_01_it_is_sent[new]", "passed"))
    page.note(report("test_CTL_02_it_is_obeyed", "passed"))
    page.note(report("test_CTL_02_it_is_obeyed", "failed", "teardown"))
    page.note(report("test_CTL_03_it_is_answered", "failed", "setup"))
    text = page.text()
    assert page.summary.startswith(f"conformance list: 1 of {len(LINES)} lines hold; CTL-02, CTL-03 fail")
    assert "| CTL-01 |" in text and "holds (2 tests)" in text and "**not tried**" in text
