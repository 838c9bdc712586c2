"""One viewer: fast, slow, and gone."""

from __future__ import annotations

import pytest

from media.outlets.chunk import Chunk, joined, parts
from media.outlets.viewer import AT_ONCE_BYTES, Tally, Tolerance, Viewer
from media.outlets.wave import Heads, Wave
from media.plane import WireForm

TOLERANCE = Tolerance(bytes=10_000, age_s=2.0, skips=2, forgive_s=30.0)


class SlowWire:
    """A wire that takes everything, or nothing while it is stuck."""

    form = WireForm.PLAIN
    number = -1

    def __init__(self, *, stuck: bool = False) -> None:
        self.taken: list[bytes] = []
        self.unsent = 1 if stuck else 0
        self.aborted = False
        self.on_full = self.on_room = self.on_left = None

    def write(self, buffers: list[bytes]) -> None:
        self.taken += buffers

    def keep(self, data: bytes, sent: int) -> None:
        self.taken.append(data[:sent])
        self.unsent = len(data) - sent
        self.on_full()

    def stick(self) -> None:
        self.unsent = 1
        self.on_full()

    def free(self) -> None:
        self.unsent = 0
        self.on_room()

    def abort(self) -> None:
        self.aborted = True


HEADS = Heads(1, (Chunk(b"HEAD"),), (Chunk(b"head"),))
KEY, DELTA, BIG = Chunk(b"K", is_key=True), Chunk(b"d"), Chunk(b"x" * 4000)


def wave(*chunks: Chunk, heads: Heads = HEADS) -> Wave:
    return Wave(chunks, heads)


def viewer(wire: SlowWire) -> Viewer:
    return Viewer(wire, TOLERANCE)


async def test_a_viewer_begins_with_the_head_and_a_key_frame():
    wire = SlowWire()
    one = viewer(wire)
    for chunk in (DELTA, KEY, DELTA, KEY):
        one.take(wave(chunk), 0.0)
    assert wire.taken == [b"HEAD", b"K", b"d", b"K"]
    assert one.dropped == 1


async def test_a_viewer_begins_within_a_wave_too():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(DELTA, DELTA, KEY, DELTA), 0.0)
    assert wire.taken == [b"HEAD", b"Kd"] and one.is_clear


async def test_a_newcomer_gets_what_is_kept_and_is_clear_then():
    wire = SlowWire()
    one = viewer(wire)
    assert not one.is_clear
    one.begin([KEY, DELTA], HEADS, 0.0)
    assert wire.taken == [b"HEAD", b"K", b"d"] and one.is_clear


async def test_new_tracks_bring_a_new_head_at_the_key_frame():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    one.take(wave(DELTA), 0.0)
    one.take(wave(KEY, heads=Heads(2, (), (Chunk(b"new"),))), 0.0)
    assert wire.taken == [b"HEAD", b"K", b"d", b"new", b"K"]


async def test_a_slow_viewer_skips_to_the_next_key_frame():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    wire.stick()
    for _ in range(3):  # the third does not fit any more
        one.take(wave(BIG), 0.1)
    one.take(wave(BIG), 0.2)
    wire.free()
    one.take(wave(DELTA), 0.3)
    assert one.skips == 1 and wire.taken == [b"HEAD", b"K"] and not one.is_clear
    one.take(wave(DELTA, KEY), 0.4)
    one.take(wave(DELTA), 0.5)
    assert wire.taken == [b"HEAD", b"K", b"K", b"d"] and one.is_clear
    assert one.dropped == 2 + 1 + 1 + 1


async def test_a_head_that_was_dropped_comes_again():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    wire.stick()
    new = Heads(2, (), (Chunk(b"new"),))
    one.take(wave(KEY, heads=new), 0.1)
    one.take(wave(DELTA, heads=new), 2.2)
    assert one.skips == 1
    wire.free()
    one.take(wave(KEY, heads=new), 2.3)
    assert wire.taken == [b"HEAD", b"K", b"new", b"K"]


async def test_what_waits_too_long_is_skipped_too():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    wire.stick()
    one.take(wave(DELTA), 1.0)
    one.take(wave(DELTA), 3.0)
    assert one.skips == 0
    one.take(wave(DELTA), 3.1)
    assert one.skips == 1


async def test_a_viewer_who_never_catches_up_is_cut():
    wire = SlowWire(stuck=True)
    one = viewer(wire)
    big = Chunk(b"x" * 9000, is_key=True)
    for number in range(4):
        one.take(wave(big), 3.0 * number)
    assert one.is_cut and wire.aborted and not one.is_clear
    assert one.ended.result().startswith("too slow")
    one.take(wave(KEY), 20.0)
    assert wire.taken == []


async def test_skips_long_ago_are_forgiven():
    wire = SlowWire(stuck=True)
    one = viewer(wire)
    big = Chunk(b"x" * 9000, is_key=True)
    for number in range(6):
        one.take(wave(big), 40.0 * number)
    assert one.skips == 5 and not one.is_cut


async def test_the_kept_pictures_may_go_beyond_the_queue():
    wire = SlowWire(stuck=True)
    one = viewer(wire)
    one.begin([KEY, *[Chunk(b"x" * 5000)] * 10], HEADS, 0.0)
    one.take(wave(BIG), 0.1)
    assert one.skips == 0 and one.queued_bytes > 50_000
    wire.free()
    assert len(wire.taken) == 13


async def test_kept_pictures_go_to_the_wire_in_parts_that_can_be_taken_back():
    wire = SlowWire()
    one = viewer(wire)
    wire.write = lambda buffers: (wire.taken.extend(buffers), wire.stick())
    one.begin([KEY, *[Chunk(b"x" * 50_000)] * 20], HEADS, 0.0)
    assert wire.taken == [b"HEAD", b"K"]  # the picture to begin with does not wait for the others
    wire.taken.clear()
    wire.free()
    assert AT_ONCE_BYTES <= sum(map(len, wire.taken)) < 2 * AT_ONCE_BYTES


async def test_a_queue_goes_out_as_soon_as_the_wire_takes_it():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    wire.stick()
    one.take(wave(DELTA), 0.1)
    assert len(wire.taken) == 2 and one.queued_s(0.4) == pytest.approx(0.4)
    wire.free()
    assert wire.taken[-1] == b"d" and one.is_clear


async def test_what_the_system_did_not_take_is_kept_and_told():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    one.count_by(tally := Tally())
    tally.bytes += len(b"delta")
    one.keep(b"delta", 3, 1.0)
    assert not one.is_clear and wire.taken[-1] == b"del"
    assert one.queued_bytes == 2 and one.queued_s(1.5) == pytest.approx(0.5)
    assert one.sent_bytes == len(b"HEADKdel")


async def test_a_viewer_who_leaves_ends_with_the_reason():
    wire = SlowWire()
    one = viewer(wire)
    wire.on_left("the viewer left")
    one.take(wave(KEY), 0.0)
    assert one.ended.result() == "the viewer left" and wire.taken == []


async def test_the_end_lets_out_what_is_queued():
    wire = SlowWire()
    one = viewer(wire)
    one.take(wave(KEY), 0.0)
    wire.stick()
    one.take(wave(DELTA), 0.0)
    wire.unsent = 0
    one.end("the stream ended")
    assert wire.taken[-1] == b"d" and one.ended.result() == "the stream ended"


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "8200"), (125, "827d"), (126, "827e007e"), (65535, "827effff"), (65536, "827f0000000000010000")],
)
def test_websocket_frames_are_as_the_rfc_writes_them(size, head):
    assert joined([Chunk(b"x" * size)], WireForm.WEBSOCKET) == bytes.fromhex(head) + b"x" * size


def test_text_is_sent_as_text_and_every_chunk_is_a_message():
    assert joined([Chunk(b"{}", is_text=True), Chunk(b"ab")], WireForm.WEBSOCKET) == b"\x81\x02{}\x82\x02ab"


def test_chunked_coding_has_a_size_and_no_accidental_end():
    assert joined([Chunk(b"x" * 20), Chunk(b"y" * 6)], WireForm.CHUNKED) == b"1a\r\n" + b"x" * 20 + b"y" * 6 + b"\r\n"
    assert joined([Chunk(b"")], WireForm.CHUNKED) == b""


@pytest.mark.parametrize("form", list(WireForm))
def test_parts_are_the_same_bytes_and_no_copies(form):
    chunks = [Chunk(b"x" * 20), Chunk(b"y" * 6)]
    assert b"".join(parts(chunks, form)) == joined(chunks, form)
    assert all(any(part is chunk.payload for part in parts(chunks, form)) for chunk in chunks)


@pytest.mark.parametrize("form", list(WireForm))
def test_a_wave_is_joined_once_for_all(form):
    one = wave(DELTA, KEY, DELTA)
    assert one.joined(form) is one.joined(form) and one.from_key(form) is one.from_key(form)
    assert one.size == 3
    assert one.from_key(form) == joined([KEY, DELTA], form)
