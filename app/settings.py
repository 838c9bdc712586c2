"""The one place that reads settings: a TOML file into the small frozen dataclasses of the rooms."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from broker.arbitration import SteeringSettings
from broker.broker import BrokerSettings
from broker.downloads import DownloadSettings
from broker.recording_settings import RecordingSettings
from broker.snapshots import SnapshotSettings
from broker.sources import SourceSettings
from broker.upgrades import UpgradeSettings
from broker.voice import VoiceSettings
from gb28181.code import GbCode
from media.gatehouse import MediaHostsSettings
from media.kitchen.promise import KitchenSettings
from media.local import PlaneSettings
from registry.alarms import AlarmSettings
from registry.store.url import driver_url
from registry.tracks import TrackSettings
from sipserver.above.settings import AboveSettings
from sipserver.below.settings import BelowSettings
from sipserver.stack import StackSettings
from web.settings import MapSettings, WebSettings


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """Who this platform is."""

    name: str = "联网平台"
    """What consoles call it."""
    code: str = "34020000002000000001"
    """Its 20 digits, type 200; the first ten are its SIP domain and digest realm."""
    edition: str = "3.0"
    """The newest edition we speak: 3.0 is GB/T 28181-2022, 2.0 is 2016. Peers of 2016 are met in 2016."""

    def __post_init__(self) -> None:
        if len(GbCode(self.code).digits) != 20:
            raise ValueError(f"code is our own 20 digits, not {self.code!r}")
        if self.edition not in ("2.0", "3.0"):
            raise ValueError(f'edition is "2.0" or "3.0", not {self.edition!r}')

    @property
    def domain(self) -> str:
        return self.code[:10]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where knowledge is kept."""

    url: str = ""
    """"" is SQLite in the data folder; postgresql://user:password@host/database for PostgreSQL."""

    def __post_init__(self) -> None:
        if self.url:
            driver_url(self.url)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it, a section a room."""

    platform: PlatformSettings = field(default_factory=PlatformSettings)
    sip: StackSettings = field(default_factory=StackSettings)
    below: BelowSettings = field(default_factory=BelowSettings)
    above: AboveSettings = field(default_factory=AboveSettings)
    media: PlaneSettings = field(default_factory=PlaneSettings)
    media_hosts: MediaHostsSettings = field(default_factory=MediaHostsSettings)
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    kitchen: KitchenSettings = field(default_factory=KitchenSettings)
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    downloads: DownloadSettings = field(default_factory=DownloadSettings)
    sources: SourceSettings = field(default_factory=SourceSettings)
    recordings: RecordingSettings = field(default_factory=RecordingSettings)
    steering: SteeringSettings = field(default_factory=SteeringSettings)
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    upgrades: UpgradeSettings = field(default_factory=UpgradeSettings)
    tracks: TrackSettings = field(default_factory=TrackSettings)
    map: MapSettings = field(default_factory=MapSettings)
    web: WebSettings = field(default_factory=WebSettings)
    store: StoreSettings = field(default_factory=StoreSettings)


# These follow from another setting or from where we run, so a file does not say them.
DERIVED: dict[str, frozenset[str]] = {
    "sip": frozenset({"limits"}),
    "below": frozenset({"code", "domain", "edition"}),
    "above": frozenset({"code", "name", "manufacturer", "model", "firmware"}),
    "media": frozenset({"recordings", "secret", "prefix", "begin_port"}),
    "kitchen": frozenset({"host"}),
    "broker": frozenset({"domain"}),
    "web": frozenset({"console"}),
}


class WrongSetting(Exception):
    """A setting that cannot stand; the message gives file, key, value and cure."""


def load(path: Path | None) -> Settings:
    """The settings of a file, or the defaults without one. Raises WrongSetting."""
    if path is None:
        return joined(Settings())
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongSetting(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} is not TOML: {error}") from error
    return joined(_settings(document, str(path)))


def joined(settings: Settings) -> Settings:
    """The settings with what follows from our own code put into every room."""
    platform = settings.platform
    announced = settings.media.announce_host or settings.sip.public_host
    return replace(
        settings,
        below=replace(settings.below, code=platform.code, domain=platform.domain, edition=platform.edition),
        above=replace(settings.above, code=platform.code, name=platform.name),
        broker=replace(settings.broker, domain=platform.code),
        # Who is reached from outside by another address is so by media, too, unless that is told apart.
        media=replace(settings.media, announce_host=announced),
        kitchen=replace(
            settings.kitchen,
            webrtc_host=settings.kitchen.webrtc_host or announced,
            host="" if settings.media.host in ("0.0.0.0", "::") else settings.media.host,
        ),
    )


def _settings(document: dict[str, Any], path: str) -> Settings:
    sections = {section.name: section for section in fields(Settings)}
    for name in document:
        if name not in sections:
            raise WrongSetting(f"{path}: there is no section [{name}]{_nearest(name, sections)}")
    rooms = {}
    for name, section in sections.items():
        assert section.default_factory is not MISSING
        kind = section.default_factory
        rooms[name] = _room(name, kind, document.get(name, {}), path)
    return Settings(**rooms)


def _room(name: str, kind: Any, said: Any, path: str) -> Any:
    if not isinstance(said, dict):
        raise WrongSetting(f"{path}: {name} is a section, written [{name}]")
    keys = {each.name for each in fields(kind)} - DERIVED.get(name, frozenset())
    for key in said:
        if key not in keys:
            raise WrongSetting(f"{path}: [{name}] has no setting {key}{_nearest(key, keys)}")
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        key = _key_of(error)
        raise WrongSetting(f"{path}: [{name}] {key} = {said.get(key, '')!r}: {_cure(error)}") from error
    except ValueError as error:
        raise WrongSetting(f"{path}: [{name}]: {error}") from error


def _key_of(error: msgspec.ValidationError) -> str:
    _, _, place = str(error).partition("`$.")
    return place.partition("`")[0].partition("[")[0].partition(".")[0]


def _cure(error: msgspec.ValidationError) -> str:
    return str(error).partition(" - at ")[0]


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
