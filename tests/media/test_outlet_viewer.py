"""One viewer: fast, slow, and gone."""

from __future__ import annotations

import pytest

from media.outlets.chunk import Chunk, chunked, plain, websocket
from media.outlets.viewer import Tolerance, Viewer

TOLERANCE = Tolerance(bytes=10_000, age_s=2.0, skips=2, forgive_s=30.0)


class SlowWire:
    """A wire that takes everything, or nothing while it is stuck."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.taken: list[bytes] = []
        self.unsent = 1 if stuck else 0
        self.aborted = False
        self.on_room = self.on_left = None

    def write(self, data: bytes) -> None:
        self.taken.append(data)

    def stick(self) -> None:
        self.unsent = 1

    def free(self) -> None:
        self.unsent = 0
        self.on_room()

    def abort(self) -> None:
        self.aborted = True


class Stream:
    """What a viewer asks of its rendition."""

    def __init__(self) -> None:
        self.generation = 1

    def head(self, *, is_first: bool) -> tuple[Chunk, ...]:
        return (Chunk(b"HEAD" if is_first else b"head"),)


KEY, DELTA = Chunk(b"K", is_key=True), Chunk(b"d")


def viewer(wire: SlowWire) -> Viewer:
    return Viewer(wire, plain, TOLERANCE)


async def test_a_viewer_begins_with_the_head_and_a_key_frame():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    for chunk in (DELTA, KEY, DELTA, KEY):
        one.take(chunk, stream, 0.0)
    assert wire.taken == [b"HEAD", b"K", b"d", b"K"]
    assert one.dropped == 1


async def test_new_tracks_bring_a_new_head_at_the_key_frame():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    one.take(KEY, stream, 0.0)
    stream.generation = 2
    one.take(DELTA, stream, 0.0)
    one.take(KEY, stream, 0.0)
    assert wire.taken == [b"HEAD", b"K", b"d", b"head", b"K"]


async def test_a_slow_viewer_skips_to_the_next_key_frame():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    one.take(KEY, stream, 0.0)
    wire.stick()
    big = Chunk(b"x" * 4000)
    for _ in range(3):  # the third does not fit any more
        one.take(big, stream, 0.1)
    one.take(big, stream, 0.2)
    wire.free()
    one.take(DELTA, stream, 0.3)
    assert one.skips == 1 and wire.taken == [b"HEAD", b"K"]
    one.take(KEY, stream, 0.4)
    one.take(DELTA, stream, 0.5)
    assert wire.taken == [b"HEAD", b"K", b"head", b"K", b"d"]


async def test_what_waits_too_long_is_skipped_too():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    one.take(KEY, stream, 0.0)
    wire.stick()
    one.take(DELTA, stream, 1.0)
    one.take(DELTA, stream, 3.0)
    assert one.skips == 0
    one.take(DELTA, stream, 3.1)
    assert one.skips == 1


async def test_a_viewer_who_never_catches_up_is_cut():
    wire, stream = SlowWire(stuck=True), Stream()
    one = viewer(wire)
    big = Chunk(b"x" * 9000, is_key=True)
    for number in range(4):
        one.take(big, stream, 3.0 * number)
    assert one.is_cut and wire.aborted
    assert one.ended.result().startswith("too slow")
    one.take(KEY, stream, 20.0)
    assert wire.taken == []


async def test_skips_long_ago_are_forgiven():
    wire, stream = SlowWire(stuck=True), Stream()
    one = viewer(wire)
    big = Chunk(b"x" * 9000, is_key=True)
    for number in range(6):
        one.take(big, stream, 40.0 * number)
    assert one.skips == 5 and not one.is_cut


async def test_the_kept_pictures_may_go_beyond_the_queue():
    wire, stream = SlowWire(stuck=True), Stream()
    one = viewer(wire)
    one.allow_burst(50_000)
    one.take(KEY, stream, 0.0)
    for _ in range(10):
        one.take(Chunk(b"x" * 5000), stream, 0.0)
    assert one.skips == 0
    wire.free()
    assert len(wire.taken) == 12


async def test_a_queue_goes_out_as_soon_as_the_wire_takes_it():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    one.take(KEY, stream, 0.0)
    wire.stick()
    one.take(DELTA, stream, 0.1)
    assert len(wire.taken) == 2
    wire.free()
    assert wire.taken[-1] == b"d"


async def test_a_viewer_who_leaves_ends_with_the_reason():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    wire.on_left("the viewer left")
    one.take(KEY, stream, 0.0)
    assert one.ended.result() == "the viewer left" and wire.taken == []


async def test_the_end_lets_out_what_is_queued():
    wire, stream = SlowWire(), Stream()
    one = viewer(wire)
    one.take(KEY, stream, 0.0)
    wire.stick()
    one.take(DELTA, stream, 0.0)
    wire.free()
    one.end("the stream ended")
    assert wire.taken[-1] == b"d" and one.ended.result() == "the stream ended"


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "8200"), (125, "827d"), (126, "827e007e"), (65535, "827effff"), (65536, "827f0000000000010000")],
)
def test_websocket_frames_are_as_the_rfc_writes_them(size, head):
    assert websocket(Chunk(b"x" * size)) == bytes.fromhex(head) + b"x" * size


def test_text_is_sent_as_text():
    assert websocket(Chunk(b"{}", is_text=True)) == b"\x81\x02{}"


def test_chunked_coding_has_a_size_and_no_accidental_end():
    assert chunked(Chunk(b"x" * 26)) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunked(Chunk(b"")) == b""


def test_wire_forms_are_made_once_for_all():
    chunk = Chunk(b"abc")
    assert websocket(chunk) is websocket(chunk) and chunked(chunk) is chunked(chunk)
