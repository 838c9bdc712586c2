"""A device or platform that registers with us: what we configured, what it said, what we last saw of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from gb28181.code import is_system


class DeviceKind(StrEnum):
    CAMERA = "camera"
    RECORDER = "recorder"
    PLATFORM = "platform"
    OTHER = "other"
    OWN = "own"
    """Ourselves, as the owner of sources that we fetch; nobody registers as it."""


class Presence(StrEnum):
    """What we may say of a device's state. UNCONFIRMED is how devices known before our restart begin: not failed,
    not yet heard."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNCONFIRMED = "unconfirmed"
    NEVER = "never"


class Device(msgspec.Struct, frozen=True):
    """One row of our knowledge about a neighbour below; `msgspec.structs.replace` makes the next one, cheaply.

    Times are UNIX seconds. `password` None means the common password; `""` is never accepted. The dialect's name
    picks a row of `gb28181/dialect.py` ("" = by maker and User-Agent).
    """

    code: str
    name: str = ""
    name_here: str | None = None
    kind: DeviceKind = DeviceKind.OTHER
    password: str | None = None
    enabled: bool = True
    media_transport: str = "tcp-passive"
    """udp, tcp-passive or tcp-active: how its pictures come."""
    media_zone: str = ""
    """The part of the network it stands in; media hosts of the same zone take its streams first."""
    send_date: bool = True
    """Whether REGISTER's 200 carries Date (signalling.md 3.6.7): some devices read it as UTC."""
    keepalive_interval_s: int | None = None
    keepalive_count: int | None = None
    charset: str = ""
    """"" by edition, or GB2312, GB18030, UTF-8."""
    dialect: str = ""

    presence: Presence = Presence.NEVER
    presence_reason: str = ""
    presence_since: float | None = None
    edition: str = ""
    """X-GB-Ver as the device sent it, "" when it sent none."""
    transport: str = ""
    remote_host: str = ""
    remote_port: int = 0
    local_host: str = ""
    local_port: int = 0
    contact: str = ""
    user_agent: str = ""
    registered_at: float | None = None
    expires_at: float | None = None
    heard_at: float | None = None

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    channels_said: int | None = None
    channels_total: int = 0
    channels_online: int = 0
    catalog_at: float | None = None
    catalog_complete: bool = True
    catalog_note: str = ""

    refused_at: float | None = None
    refusal: str = ""
    """Key of the last refusal's reason, see `registry.refusal.Refusal`."""
    refusal_note: str = ""
    added_at: float | None = None
    follows: str = ""
    """What was chosen to be followed of it or not, such as `alarm=on position=off`; the settings decide the rest."""

    @property
    def shown_name(self) -> str:
        return self.name_here or self.name or self.code

    @property
    def is_platform(self) -> bool:
        """Whether it counts in a path (2022 annex H: systems, type 200)."""
        return self.kind is DeviceKind.PLATFORM or is_system(self.code)

    @property
    def is_online(self) -> bool:
        return self.presence is Presence.ONLINE

    @property
    def is_lit(self) -> bool:
        """Whether its cameras may count as online. Who is unconfirmed was there before we went away, and has not
        failed."""
        return self.enabled and self.presence in (Presence.ONLINE, Presence.UNCONFIRMED)
