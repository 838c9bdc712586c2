"""`lianwang simulate platform` as a product: what its help says and how it refuses."""

from __future__ import annotations

from click.testing import CliRunner

from app.cli import main
from simulator.faults import KINDS


def run(*words: str):
    return CliRunner().invoke(main, ["simulate", "platform", *words])


def test_help_names_both_roles_and_every_fault():
    shown = run("--help").output
    assert "lower" in shown and "upper" in shown
    assert all(f"{name}" in shown for name in KINDS)


def test_a_lower_platform_without_its_server_says_what_it_needs():
    result = run("lower", "--password", "s")
    assert result.exit_code == 2
    assert "--server" in result.output


def test_a_fault_that_cannot_be_meant_is_answered_with_its_form():
    result = run("upper", "--password", "s", "--fault", "refuse=INVITE")
    assert result.exit_code == 2
    assert "refuse=INVITE:486" in result.output
