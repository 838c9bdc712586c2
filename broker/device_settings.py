"""A device's configuration asked for, and set: told, its result awaited, then read again and compared."""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.manscdp.config import Config, ConfigQuery, DeviceConfig
from gb28181.manscdp.control import ControlResponse
from gb28181.peer import Hop, Peer, PeerError, PeerOffline, PeerRefused, PeerSilent
from gb28181.settings.agreeing import Difference, differences
from gb28181.settings.field import SettingType, Value
from gb28181.settings.reading import Told, find, read
from gb28181.settings.writing import write

REBOOTS = "reboots"
"""The device goes away and comes back instead of answering: ask again later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a setting that was sent.

    `answered` is whether the device said that it took it. `told` is what it tells now, None when it could not be asked
    again; `note` then says why. `differences` are what it did not take over.
    """

    answered: bool
    told: Told | None
    differences: tuple[Difference, ...] = ()
    note: str = ""


async def read_setting(peer: Peer, code: str, kind: SettingType, *, timeout_s: float | None = None) -> Told:
    """What a channel (or the device itself) is set to. Raises PeerError kinds; PeerRefused when it does not tell."""
    answer = await peer.ask(ConfigQuery(0, code, (kind.name,)), timeout_s=timeout_s)
    if not isinstance(answer, Config):
        raise TypeError(f"{code} answered a ConfigDownload with {type(answer).__name__}")
    if not answer.ok:
        raise _refused(code, "ConfigDownload", answer.reason or f"it does not tell {kind.name}")
    setting = find(kind, answer.settings)
    if setting is not None:
        return read(kind, setting)
    if len(answer.settings) == 1:
        # Some makers answer with an element of another name than the one asked for (signalling 10.1).
        other = answer.settings[0]
        told = read(kind, other)
        return Told(told.value, (other.name, *told.odd))
    raise _refused(code, "ConfigDownload", f"its answer has no {kind.name}")


async def set_setting(
    peer: Peer, code: str, kind: SettingType, value: Value, year: str, *, timeout_s: float | None = None
) -> Outcome:
    """Set one type, and see whether it holds.

    Raises Unfit before anything is sent, PeerRefused when the device says no, PeerSilent when it neither answers nor
    tells afterwards that it obeyed.
    """
    wish = DeviceConfig(0, code, (write(kind, value, year),))
    silence = None
    try:
        answer = await peer.ask(wish, timeout_s=timeout_s)
    except PeerSilent as silent:
        if peer.dialect.reboots_on_basic_param and kind.name == "BasicParam":
            return Outcome(False, None, note=REBOOTS)
        silence = silent
    else:
        if isinstance(answer, ControlResponse) and not answer.ok:
            raise _refused(code, "DeviceConfig", answer.reason or "Result ERROR")
    try:
        told = await read_setting(peer, code, kind, timeout_s=timeout_s)
    except PeerOffline as away:
        return Outcome(silence is None, None, note=str(away))
    except PeerError as error:
        if silence is not None:
            raise silence from error
        return Outcome(True, None, note=str(error))
    return Outcome(silence is None, told, differences(kind, value, told.value, year))


def _refused(code: str, what: str, reason: str) -> PeerRefused:
    hops = (Hop(code, what, 200, reason),)
    return PeerRefused(f"{code} answered {what} with an error: {reason}", status=200, reason=reason, hops=hops)
