"""What a stream is sent out for: whose channel, what of it, with how much patience, and by what other way."""

from __future__ import annotations

from dataclasses import dataclass

from broker.watch import RecordTo, TakeHome, Watch, WatchKind
from media.plane import TakingWish


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One stream a peer can send. Main and sub stream are two; every recording's session is one of its own."""

    owner: str
    channel: str
    number: int
    session: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of the channel; times are UNIX seconds. `headers` go with every INVITE."""

    kind: WatchKind = WatchKind.LIVE
    start: int = 0
    stop: int = 0
    download_speed: int | None = None
    uri: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    own_code: str = ""
    """Ours, with which a path begins."""
    taking: TakingWish | None = None
    """Write it all to disk, from its first picture on."""
    kept: bool = False
    """It is one of our own recordings that is wanted."""
    enter: int = 0
    """Where within it that begins; 0 is at `start`."""
    is_recorded: bool = False
    """Who asks first writes it to our own disk, which only a media host of this machine can reach."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream rings and waits, in seconds; the words are those of BrokerSettings."""

    linger_s: float
    answer_s: float
    first_frame_s: float
    retry_first_s: float
    retry_last_s: float
    retry_other_transport: bool
    single_port: bool
    key_frame_every_s: float


@dataclass(frozen=True, slots=True)
class Detour:
    """Another way to the same channel: whose it is there, what goes with the INVITE, how long its answer may take."""

    key: StreamKey
    headers: tuple[tuple[str, str], ...]
    answer_s: float


def errand_of(watch: Watch, headers: tuple[tuple[str, str], ...], own_code: str) -> Errand:
    """The errand on which the first watch of a stream sends it; whoever joins takes it as it is."""
    to = watch.outlet
    return Errand(
        kind=watch.kind,
        start=watch.start,
        stop=watch.stop,
        download_speed=watch.download_speed,
        uri=watch.uri,
        headers=headers,
        own_code=own_code,
        taking=TakingWish(to.name, to.begins_s, to.keeps_s) if isinstance(to, TakeHome) else None,
        kept=watch.kept,
        enter=watch.enter,
        is_recorded=isinstance(to, RecordTo),
    )
