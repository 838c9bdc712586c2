"""The life of a stream as a table (media.md 2.11)."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a stream is doing; consoles print the value."""

    INVITING = "inviting"
    AWAITING = "awaiting-media"
    LIVE = "live"
    LINGERING = "lingering"
    RETRYING = "retrying"
    ENDED = "ended"


class Turn(StrEnum):
    """What may happen to it."""

    ANSWERED = "answered"
    FIRST_FRAME = "first frame"
    FAILED = "failed"  # a call that came to nothing while nobody watches yet
    FAILED_AGAIN = "failed again"  # the same while viewers hold places
    RING_AGAIN = "ring again"
    BROKEN = "broken"
    LAST_LEFT = "the last viewer left"
    VIEWER_CAME = "a viewer came"
    OVER = "over"


# What stands in no cell is ignored, on purpose: a first frame that comes when the stream has ended changes nothing.
LIFE: dict[State, dict[Turn, State]] = {
    State.INVITING: {
        Turn.ANSWERED: State.AWAITING,
        Turn.FAILED: State.ENDED,
        Turn.FAILED_AGAIN: State.RETRYING,
        Turn.RING_AGAIN: State.INVITING,
        Turn.OVER: State.ENDED,
    },
    State.AWAITING: {
        Turn.FIRST_FRAME: State.LIVE,
        Turn.FAILED: State.ENDED,
        Turn.FAILED_AGAIN: State.RETRYING,
        Turn.RING_AGAIN: State.INVITING,
        Turn.OVER: State.ENDED,
    },
    State.LIVE: {
        Turn.BROKEN: State.RETRYING,
        Turn.LAST_LEFT: State.LINGERING,
        Turn.OVER: State.ENDED,
    },
    State.LINGERING: {
        Turn.VIEWER_CAME: State.LIVE,
        Turn.BROKEN: State.ENDED,
        Turn.OVER: State.ENDED,
    },
    State.RETRYING: {
        Turn.RING_AGAIN: State.INVITING,
        Turn.OVER: State.ENDED,
    },
    State.ENDED: {},
}
