"""Values of a voice going down: who speaks to whom, how far it got with each, and why not farther."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gb28181.peer import Hop
from media.voice.plane import MouthStatistics, VoiceStatistics


class Style(StrEnum):
    """How a device is asked to listen."""

    AUTO = "auto"
    BROADCAST = "broadcast"  # we tell, it calls (both editions)
    TALK = "talk"  # we call with s=Talk (2016)


class Stage(StrEnum):
    """How far it has got with one device."""

    ASKING = "asking"  # told, or called, and awaited
    ANSWERED = "answered"  # it will listen; its call is awaited
    TALKING = "talking"
    FAILED = "failed"
    ENDED = "ended"


class Obstacle(StrEnum):
    """Why a device does not hear us."""

    NONE = ""
    BUSY = "busy"  # somebody else talks to it
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    EDITION = "edition"  # s=Talk is no word of its edition
    REFUSED = "refused"
    SILENT = "silent"
    NOT_CALLED = "not-called"  # answered OK and never called
    NO_FORM = "no-form"  # asks for no form of sound that we can speak
    NO_ACK = "no-ack"
    HUNG_UP = "hung-up"
    NO_CONNECTION = "no-connection"  # TCP did not come about, or broke
    UNREACHABLE = "unreachable"  # its host says that nobody listens at the port it named
    SOURCE = "source"  # whoever speaks, a platform above, did not give us its voice
    NO_CAPACITY = "no-capacity"
    NO_ADDRESS = "no-address"


@dataclass(frozen=True, slots=True)
class Whom:
    """A device to speak to: a channel of a neighbour, or the neighbour itself and all its loudspeakers."""

    owner: str
    channel: str


@dataclass(frozen=True, slots=True)
class SpeechWish:
    """`by` is who speaks, as others are shown; `identity` the same as other realms are told it, "" for nobody;
    `speaker` is the session or key that may bring the sound.

    Without `may_be_lost` the voice need not be vouched for: a platform above says BYE. `longest_s` 0 is what the
    settings say.
    """

    whom: tuple[Whom, ...]
    by: str
    style: Style = Style.AUTO
    identity: str = ""
    speaker: str = ""
    may_be_lost: bool = True
    longest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What was said between us and a device, `at_s` seconds after we began. `status` is 0 where no number is."""

    at_s: float
    what: str
    status: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One loudspeaker in call. `name` is what it calls itself."""

    name: str
    call_id: str
    transport: str
    form: str
    sound: MouthStatistics | None = None


@dataclass(frozen=True, slots=True)
class HearerView:
    """How it stands with one device."""

    owner: str
    channel: str
    target: str
    style: Style
    stage: Stage
    obstacle: Obstacle
    reason: str
    hops: tuple[Hop, ...]
    steps: tuple[Step, ...]
    legs: tuple[Leg, ...]
    holder: str = ""
    """Who talks to it instead, and since when (UNIX seconds)."""
    held_since: float | None = None
    name: str = ""
    """What we call it."""


@dataclass(frozen=True, slots=True)
class SpeechView:
    """`since` is UNIX seconds; `ended` says why it is over, "" while it goes on."""

    id: str
    by: str
    since: float
    source: str
    ended: str
    voice: VoiceStatistics
    hearers: tuple[HearerView, ...]


class SomebodyTalks(Exception):
    """All whom we wanted are talked to already; `hearers` say by whom and since when."""

    def __init__(self, hearers: tuple[HearerView, ...]) -> None:
        first = hearers[0]
        super().__init__(f"{first.holder} talks to {first.channel}")
        self.hearers = hearers
