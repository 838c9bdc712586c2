"""ConfigDownload and DeviceConfig: how a device is set, and setting it (GB/T 28181-2022 A.2.3.2, A.2.4.7, A.2.6.9).

A question names one or several kinds of configuration, and each is answered by a message of its own. Their contents
are many and differ between makers, so here they are kept as they were said: names, texts and attributes, nested. What
they mean stands in `gb28181.settings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from xml.etree.ElementTree import Element

from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.fields import Fields, local_name, multiple, text_of
from gb28181.manscdp.spelling import SPELLING
from gb28181.manscdp.writing import Sheet, escaped

CONFIG_TYPES_2016 = ("BasicParam", "VideoParamOpt", "SVACEncodeConfig", "SVACDecodeConfig")
CONFIG_TYPES = (
    *CONFIG_TYPES_2016,
    "VideoParamAttribute",
    "VideoRecordPlan",
    "VideoAlarmRecord",
    "PictureMask",
    "FrameMirror",
    "AlarmReport",
    "OSDConfig",
    "SnapShotConfig",
)
"""What may be asked for; the first four in either edition."""

_HEAD = frozenset(("cmdtype", "sn", "deviceid", "result", "reason"))
MOST_BRANCHES = 4096


@dataclass(frozen=True, slots=True)
class Setting:
    """One element of a configuration: its name as printed, its text, its attributes, what is within."""

    name: str
    text: str = ""
    within: tuple[Setting, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def find(self, name: str) -> Setting | None:
        """The first element directly within that has this name, in any case."""
        wanted = name.lower()
        return next((inner for inner in self.within if inner.name.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Config:
    """One kind of configuration, as the device said it; `settings` has the element named after its kind."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "ConfigDownload"

    sn: int
    device: str
    ok: bool = True
    reason: str = ""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigQuery:
    """Asks for kinds of configuration; as many answers come as there are kinds."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "ConfigDownload"
    answer_type: ClassVar[type] = Config
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    kinds: tuple[str, ...] = ("BasicParam",)


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Sets a device. One element a message: there is one Result for all of them, and nobody says which one failed."""

    root: ClassVar[str] = "Control"
    cmd_type: ClassVar[str] = "DeviceConfig"
    answer_type: ClassVar[type] = ControlResponse
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    settings: tuple[Setting, ...] = ()


def read_config_query(sn: int, device: str, fields: Fields, damaged: int) -> ConfigQuery:
    return ConfigQuery(sn, device, multiple(fields.text("ConfigType")))


def write_config_query(said: ConfigQuery, sheet: Sheet) -> None:
    sheet.must("ConfigType", "/".join(said.kinds))


def read_config(sn: int, device: str, fields: Fields, damaged: int) -> Config:
    settings = _settings(fields)
    return Config(sn, device, fields.switch("Result") is not False, fields.text("Reason"), settings)


def read_device_config(sn: int, device: str, fields: Fields, damaged: int) -> DeviceConfig:
    return DeviceConfig(sn, device, _settings(fields))


def setting_of(element: Element) -> Setting:
    """An element as a tree, at most `MOST_BRANCHES` within."""
    return _setting(element, iter(range(MOST_BRANCHES)))


def _settings(fields: Fields) -> tuple[Setting, ...]:
    room = iter(range(MOST_BRANCHES))
    return tuple(_setting(child, room) for child in fields.element if local_name(child) not in _HEAD)


def _setting(element: Element, room: Iterator[int]) -> Setting:
    """Depth is bounded by the document's, breadth by `room`."""
    name = element.tag.rpartition("}")[2]
    within = tuple(_setting(child, room) for child in element if next(room, None) is not None)
    attributes = tuple((key.rpartition("}")[2], value) for key, value in element.attrib.items())
    return Setting(SPELLING.get(name.lower(), name), "" if within else text_of(element), within, attributes)


def write_config(said: Config, sheet: Sheet) -> None:
    sheet.result(said.ok)
    sheet.may("Reason", said.reason)
    for setting in said.settings:
        sheet.row(_printed(setting))


def write_device_config(said: DeviceConfig, sheet: Sheet) -> None:
    for setting in said.settings:
        sheet.row(_printed(setting))


def _printed(setting: Setting) -> str:
    attributes = "".join(f' {name}="{_quoted(value)}"' for name, value in setting.attributes)
    inner = "".join(map(_printed, setting.within)) or escaped(setting.text)
    return f"<{setting.name}{attributes}>{inner}</{setting.name}>"


def _quoted(value: str) -> str:
    return escaped(value).replace('"', "&quot;")
