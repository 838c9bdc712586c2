"""A device's configuration: it keeps what it is set to, tells it, and shows in what it does that it obeyed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from xml.etree.ElementTree import fromstring

from gb28181.edition import Edition
from gb28181.manscdp.config import Config, ConfigQuery, DeviceConfig, Setting, setting_of
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.message import Manscdp
from simulator.configured import OF_2022, OF_BOTH, Configured, Take, Tell


@dataclass(frozen=True, slots=True)
class ConfigurationFaults:
    """What it does wrong, by names of types."""

    refused: frozenset[str] = frozenset()
    """Answered with Result ERROR and a reason, read or set."""
    ignored: frozenset[str] = frozenset()
    """Taken with Result OK, and everything stays as it is."""
    unanswered: frozenset[str] = frozenset()
    """Obeyed without the answer the standard asks for."""


class Configuration:
    """`kept` are the values by code: the device's own and each channel's.

    `on_change(code, type, values)` is told what is to be; it raises ValueError when the device cannot do that. Then
    nothing changes, and the reason is the answer.
    """

    def __init__(
        self,
        edition: Edition,
        kept: dict[str, Configured],
        on_change: Callable[[str, str, Configured], None],
        faults: ConfigurationFaults = ConfigurationFaults(),
    ) -> None:
        self.kept = kept
        self._old = not edition.is_2022
        self._on_change = on_change
        self.faults = faults

    @property
    def _kinds(self) -> dict[str, tuple[Tell, Take | None]]:
        return OF_BOTH if self._old else OF_BOTH | OF_2022

    def tell(self, asked: ConfigQuery) -> list[Manscdp]:
        """An answer for each type that is asked for, each in a message of its own."""
        return [self._told(asked, kind) for kind in asked.kinds]

    def _told(self, asked: ConfigQuery, kind: str) -> Config:
        kept, known = self.kept.get(asked.device), self._kinds.get(kind)
        if kept is None or known is None or kind in self.faults.refused:
            return Config(asked.sn, asked.device, ok=False, reason=f"no {kind} here")
        return Config(asked.sn, asked.device, settings=(setting_of(fromstring(known[0](kept, self._old))),))

    def obey(self, asked: DeviceConfig) -> list[Manscdp]:
        """Set what is to be set; one answer says whether all of it was."""
        reason = ""
        for setting in asked.settings:
            reason = reason or self._take(asked.device, setting.name, setting)
        if any(setting.name in self.faults.unanswered for setting in asked.settings):
            return []
        answer = ControlResponse(asked.sn, asked.device, ok=not reason, reason=reason, cmd_type="DeviceConfig")
        return [answer]

    def _take(self, code: str, kind: str, setting: Setting) -> str:
        """Why it is not taken, or ""."""
        kept, known = self.kept.get(code), self._kinds.get(kind)
        if kept is None or known is None or known[1] is None or kind in self.faults.refused:
            return f"{kind} cannot be set"
        if kind in self.faults.ignored:
            return ""
        wanted = deepcopy(kept)
        try:
            known[1](wanted, setting, self._old)
            self._on_change(code, kind, wanted)
        except ValueError as error:
            return str(error)
        self.kept[code] = wanted
        return ""
