"""A voice as our callers see it: who speaks, and how it stands with each device."""

from __future__ import annotations

from typing import Any

import msgspec

from broker.speech import HearerView, Leg, Obstacle, SpeechView, Stage, Style
from web.errors import hops_of


class StepView(msgspec.Struct, frozen=True):
    """What was said between us and a device, seconds after we began. `status` is 0 where no number is."""

    at_s: float
    what: str
    status: int
    reason: str


class SoundView(msgspec.Struct, frozen=True):
    """What went to one loudspeaker and what came back; levels are 0 to 1, `lost_there` what it reports as lost."""

    state: str
    target: str
    packets: int
    bytes: int
    dropped: int
    reports: int
    lost_there: float | None
    heard_packets: int
    heard_bytes: int
    heard_level: float
    heard_from: str
    note: str


class LegView(msgspec.Struct, frozen=True):
    """One loudspeaker in call; `sound` is null when nothing was ever sent."""

    name: str
    call_id: str
    transport: str
    form: str
    sound: SoundView | None


class TargetView(msgspec.Struct, frozen=True):
    """How it stands with one device.

    `target` is the code that was told, `stage` asking, answered, talking, failed or ended, `obstacle` why it does not
    hear us ("" when it does). `holder` talks to it instead, since `held_since` (UNIX time).
    """

    owner: str
    channel: str
    target: str
    style: Style
    stage: Stage
    obstacle: Obstacle
    reason: str
    hops: list[dict[str, Any]]
    steps: list[StepView]
    legs: list[LegView]
    holder: str
    held_since: float | None
    name: str = ""


class VoiceView(msgspec.Struct, frozen=True):
    """What came from whoever speaks: `level` 0 to 1, bytes of A-law, pieces of 20 ms sent, silent, left out."""

    level: float
    waiting_s: float
    heard_bytes: int
    pieces: int
    silences: int
    dropped: int


class TalkView(msgspec.Struct, frozen=True):
    """`ended` says why it is over, "" while it goes on; `since` is UNIX time."""

    id: str
    by: str
    since: float
    source: str
    ended: str
    voice: VoiceView
    targets: list[TargetView]


def talk_view(said: SpeechView) -> TalkView:
    """A voice with all there is to show of it."""
    voice = said.voice
    return TalkView(
        said.id,
        said.by,
        said.since,
        said.source,
        said.ended,
        VoiceView(
            round(voice.level, 3),
            round(voice.waiting_s, 3),
            voice.heard_bytes,
            voice.pieces,
            voice.silences,
            voice.dropped,
        ),
        [target_view(hearer) for hearer in said.hearers],
    )


def target_view(said: HearerView) -> TargetView:
    return TargetView(
        said.owner,
        said.channel,
        said.target,
        said.style,
        said.stage,
        said.obstacle,
        said.reason,
        hops_of(said.hops),
        [StepView(step.at_s, step.what, step.status, step.reason) for step in said.steps],
        [_leg_view(leg) for leg in said.legs],
        said.holder,
        said.held_since,
        said.name,
    )


def _leg_view(leg: Leg) -> LegView:
    sound = leg.sound
    seen = None
    if sound is not None:
        seen = SoundView(
            sound.state,
            sound.target,
            sound.packets,
            sound.bytes,
            sound.dropped,
            sound.reports,
            sound.lost_there,
            sound.heard_packets,
            sound.heard_bytes,
            round(sound.heard_level, 3),
            sound.heard_from,
            sound.note,
        )
    return LegView(leg.name, leg.call_id, leg.transport, leg.form, seen)
