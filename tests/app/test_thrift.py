"""What was needed once is given back to the system."""

from __future__ import annotations

from app.thrift import WORTH_BYTES, Thrift, resident_bytes, trim


class Heap:
    def __init__(self) -> None:
        self.bytes = 10 * WORTH_BYTES
        self.kept = 0
        self.trims = 0

    def resident(self) -> int:
        return self.bytes

    def trim(self) -> None:
        self.trims += 1
        self.bytes = max(self.kept, self.bytes - WORTH_BYTES // 2)


def test_it_trims_when_the_process_has_grown_and_not_again_for_what_stays() -> None:
    heap = Heap()
    thrift = Thrift(heap.resident, heap.trim)
    assert not thrift.look()
    heap.bytes += 2 * WORTH_BYTES
    assert thrift.look()
    assert not thrift.look()
    heap.bytes += WORTH_BYTES
    assert thrift.look()
    assert heap.trims == 2


def test_growth_is_counted_from_the_lowest_that_was_seen() -> None:
    heap = Heap()
    thrift = Thrift(heap.resident, heap.trim)
    heap.bytes -= 3 * WORTH_BYTES
    assert not thrift.look()
    heap.bytes += WORTH_BYTES
    assert thrift.look()


def test_holes_between_what_is_kept_go_back_to_the_system() -> None:
    trim()
    before = resident_bytes()
    pieces = [bytes(4_000) for _ in range(30_000)]
    kept = pieces[::1_000]
    grown = resident_bytes() - before
    del pieces
    trim()
    assert grown > 80_000_000
    assert resident_bytes() - before < grown / 2
    assert len(kept) == 30
