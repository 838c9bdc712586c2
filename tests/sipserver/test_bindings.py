"""Where neighbours are: found by code and by address, moved, lost and forgotten."""

from __future__ import annotations

from gb28181.edition import Edition
from sipserver.below.bindings import Binding, Bindings
from sipserver.sip.path import Path

LOCAL = ("10.0.0.1", 5060)
HERE = Path("UDP", ("192.0.2.1", 5060), LOCAL)
THERE = Path("UDP", ("192.0.2.2", 5060), LOCAL)
LINE = Path("TCP", ("192.0.2.1", 40_000), LOCAL, 7)


def bound(code: str, path: Path) -> Binding:
    return Binding(code, path, path.remote[0], Edition.V2016)


def test_a_neighbour_is_found_by_code_and_by_address():
    bindings = Bindings()
    bindings.bind(bound("1", HERE))
    bindings.bind(bound("2", HERE))
    assert set(bindings.at(HERE)) == {"1", "2"}
    assert bindings.of("1") == bound("1", HERE)
    assert bindings.at(THERE) == ()


def test_who_moves_leaves_nothing_where_it_was():
    bindings = Bindings()
    bindings.bind(bound("1", HERE))
    assert bindings.bind(bound("1", THERE)) == bound("1", HERE)
    assert bindings.at(HERE) == () and list(bindings.at(THERE)) == ["1"]
    bindings.move("1", LINE)
    binding = bindings.of("1")
    assert binding is not None and (binding.path, binding.last_host) == (LINE, "192.0.2.1")
    assert len(bindings) == 1


def test_a_broken_connection_leaves_the_neighbour_known_without_a_way():
    bindings = Bindings()
    bindings.bind(bound("1", LINE))
    bindings.bind(bound("2", HERE))
    assert bindings.lose_path(LINE) == ["1"]
    binding = bindings.of("1")
    assert binding is not None and binding.path is None and not binding.is_from(LINE)
    assert bindings.lose_path(LINE) == []


def test_the_same_port_over_another_connection_or_transport_is_another_place():
    binding = bound("1", LINE)
    assert binding.is_from(LINE)
    assert not binding.is_from(Path("TCP", LINE.remote, LOCAL, 8))
    assert not binding.is_from(Path("UDP", LINE.remote, LOCAL))
    assert binding.is_from(Path("TCP", LINE.remote, ("10.0.0.9", 5060), 7)), "which of our addresses it used is ours"


def test_who_is_let_loose_is_forgotten():
    bindings = Bindings()
    bindings.bind(bound("1", HERE))
    bindings.loose("1")
    assert bindings.loose("1") is None
    assert (bindings.of("1"), bindings.at(HERE), len(bindings)) == (None, (), 0)
