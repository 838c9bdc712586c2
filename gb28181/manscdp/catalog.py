"""Catalog: the things a neighbour has, in many parts, and the news of them (GB/T 28181-2022 9.5, A.2.1.9).

A million items pass through here, so an item is read in one pass over its elements by a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

import msgspec

from gb28181.code import Kind, is_division, kind_of
from gb28181.edition import Edition
from gb28181.manscdp.fields import (
    LONGEST_TEXT,
    Fields,
    integer,
    local_name,
    multiple,
    number,
    switch,
    text_of,
    time,
    wire_time,
)
from gb28181.manscdp.writing import Sheet, escaped, printed, row

Reader = Callable[[str], object] | None


class Item(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing of a catalog, as its owner says it; absent fields are "" or None.

    `parent_ids` are the codes ParentID names, without the item's own. Coordinates 0/0 count as unknown.
    `business_group` and `ptz_type` are read at item level and within Info. `status_on` is true for items that have
    no status (divisions, groups). `event` is ON, OFF, VLOST, DEFECT, ADD, UPDATE or DEL in news, else None.
    The Password element is neither kept nor written. Change one with `msgspec.structs.replace`.
    """

    code: str
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    block: str = ""
    address: str = ""
    parental: bool = False
    parent_ids: tuple[str, ...] = ()
    safety_way: int | None = None
    register_way: int = 1
    cert_num: str = ""
    certifiable: int | None = None
    err_code: int | None = None
    end_time: float | None = None
    security_level: str = ""
    secrecy: bool = False
    ip_address: str = ""
    port: int | None = None
    status_on: bool = True
    longitude: float | None = None
    latitude: float | None = None
    business_group: str = ""
    ptz_type: int | None = None
    position_type: int | None = None
    imaging_type: str = ""
    capture_position_type: str = ""
    room_type: int | None = None
    use_type: int | None = None
    supply_light_type: int | None = None
    direction_type: int | None = None
    resolution: str = ""
    stream_numbers: tuple[int, ...] = ()
    download_speed: str = ""
    svc_space_mode: int | None = None
    svc_time_mode: int | None = None
    ssvc_ratios: str = ""
    mobile_device_type: int | None = None
    horizontal_angle: float | None = None
    vertical_angle: float | None = None
    max_view_distance_m: float | None = None
    grassroots_code: str = ""
    point_type: int | None = None
    point_common_name: str = ""
    mac: str = ""
    function_type: str = ""
    encode_type: str = ""
    install_time: float | None = None
    management_unit: str = ""
    contact_info: str = ""
    record_save_days: int | None = None
    industrial_classification: str = ""
    event: str | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """A part of a catalog: `sum_num` counts the whole of it, `damaged` the items of this part that were not whole."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "Catalog"

    sn: int
    device: str
    sum_num: int = 0
    items: tuple[Item, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CatalogNotice:
    """News of a catalog: each item says in `event` what happened to it."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "Catalog"

    sn: int
    device: str
    sum_num: int = 0
    items: tuple[Item, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """What `device` (a device, system, division, group or organisation) has; added between `start` and `end`."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "Catalog"
    answer_type: ClassVar[type] = Catalog
    in_parts: ClassVar[bool] = True

    sn: int
    device: str
    start: float | None = None
    end: float | None = None


def as_notice(part: Catalog) -> CatalogNotice:
    """The same as news: a NOTIFY may carry its items under the root Response (the form of 2011 and a 2016 sample)."""
    return CatalogNotice(part.sn, part.device, part.sum_num, part.items, part.damaged)


def read_catalog(sn: int, device: str, fields: Fields, damaged: int) -> Catalog:
    return Catalog(sn, device, *_read_list(fields, damaged))


def read_catalog_notice(sn: int, device: str, fields: Fields, damaged: int) -> CatalogNotice:
    return CatalogNotice(sn, device, *_read_list(fields, damaged))


def read_catalog_query(sn: int, device: str, fields: Fields, damaged: int) -> CatalogQuery:
    return CatalogQuery(sn, device, fields.time("StartTime"), fields.time("EndTime"))


def _read_list(fields: Fields, damaged: int) -> tuple[int, tuple[Item, ...], int]:
    listed = fields.child("DeviceList")
    found: list[Item] = []
    # Where the list's own tag was torn, its items hang under the root.
    for element in fields.element if listed is None else listed:
        if element.tag == "Item" or local_name(element) == "item":
            item = read_item(element)
            if item is None:
                damaged += 1
            else:
                found.append(item)
    sum_num = fields.count("SumNum")
    return len(found) + damaged if sum_num is None else sum_num, tuple(found), damaged


def read_item(element: Element) -> Item | None:
    """An item of a list, None when it does not say which thing it is. Of two words on one thing the last stands."""
    values = _DEFAULTS.copy()
    _read_into(values, element)
    code = values[_CODE]
    if not code:
        return None
    parents = values[_PARENTS]
    if code in parents:
        values[_PARENTS] = tuple(parent for parent in parents if parent != code)
    if values[_LONGITUDE] == 0 and values[_LATITUDE] == 0:
        values[_LONGITUDE] = values[_LATITUDE] = None
    return Item(*values)


_DEFAULTS: list[Any] = ["", *Item.__struct_defaults__]  # Any: the attributes of an item in their order
_CODE, _PARENTS, _LONGITUDE, _LATITUDE, _EXTRA = map(
    Item.__struct_fields__.index, ("code", "parent_ids", "longitude", "latitude", "extra")
)


def _read_into(values: list[Any], element: Element) -> None:
    """Put the values of an item's children in their places, and those of its Info's."""
    look = _TABLE.get
    for child in element:
        place = look(child.tag)
        if place is None:
            place = _seldom(values, child)
            if place is None:
                continue
        text = child.text
        if text is None:
            continue
        text = text.strip()
        if not text:
            continue
        index, reader = place
        if reader is None:
            values[index] = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT]
        else:
            value = reader(text)
            if value is not None:
                values[index] = value


def _seldom(values: list[Any], child: Element) -> tuple[int, Reader] | None:
    """The place of a child under another spelling, None for one that has none or has been read here."""
    name = local_name(child)
    if name == "info" and len(child):
        _read_into(values, child)
    elif name in ("info", "extrainfo"):
        text = text_of(child)
        if text and len(values[_EXTRA]) < _MOST_EXTRA:
            values[_EXTRA] = (*values[_EXTRA], text)
    else:
        return _TABLE.get(name)
    return None


_MOST_EXTRA = 16
_MOST_PARENTS = 64


def _read_flag(text: str) -> bool | None:
    """Parental and Secrecy: 0 is no, any other number yes (Hikvision writes 65535)."""
    value = _small(text)
    return switch(text) if value is None else value != 0


_SMALL = {str(value): value for value in range(32)}


def _small(text: str) -> int | None:
    """A whole number, mostly one of the few that codes of kinds are."""
    known = _SMALL.get(text)
    return integer(text) if known is None else known


def _read_parents(text: str) -> tuple[str, ...]:
    if "/" not in text:
        return (text[:LONGEST_TEXT],)
    return tuple(dict.fromkeys(multiple(text[: 32 * LONGEST_TEXT])[:_MOST_PARENTS]))


def _read_streams(text: str) -> tuple[int, ...]:
    numbers = (integer(part) for part in multiple(text[:LONGEST_TEXT]))
    return tuple(found for found in numbers if found is not None)[:16]


def _read_event(text: str) -> str:
    return text[:16].upper()


_STATUS = {"ON": True, "OFF": False, "ONLINE": True, "OFFLINE": False, "OK": True}


def _read_status(text: str) -> bool | None:
    known = _STATUS.get(text)
    return switch(text) if known is None else known


_BOTH, _ONLY_2016, _ONLY_2022 = (True, True), (True, False), (False, True)

_AT_ITEM: tuple[tuple[str, str, Reader, tuple[bool, bool]], ...] = (
    ("DeviceID", "code", None, _BOTH),
    ("Event", "event", _read_event, _BOTH),
    ("Name", "name", None, _BOTH),
    ("Manufacturer", "manufacturer", None, _BOTH),
    ("Model", "model", None, _BOTH),
    ("Owner", "owner", None, _ONLY_2016),
    ("CivilCode", "civil_code", None, _BOTH),
    ("Block", "block", None, _BOTH),
    ("Address", "address", None, _BOTH),
    ("Parental", "parental", _read_flag, _BOTH),
    ("ParentID", "parent_ids", _read_parents, _BOTH),
    ("SafetyWay", "safety_way", _small, _ONLY_2016),
    ("RegisterWay", "register_way", _small, _BOTH),
    ("CertNum", "cert_num", None, _ONLY_2016),
    ("Certifiable", "certifiable", _small, _ONLY_2016),
    ("ErrCode", "err_code", _small, _ONLY_2016),
    ("EndTime", "end_time", time, _ONLY_2016),
    ("SecurityLevelCode", "security_level", None, _ONLY_2022),
    ("Secrecy", "secrecy", _read_flag, _BOTH),
    ("IPAddress", "ip_address", None, _BOTH),
    ("Port", "port", _small, _BOTH),
    ("Status", "status_on", _read_status, _BOTH),
    ("Longitude", "longitude", number, _BOTH),
    ("Latitude", "latitude", number, _BOTH),
    ("BusinessGroupID", "business_group", None, _ONLY_2022),
)
"""An item's elements in the schema's order, the attribute each fills, how it is read, and in which editions it is
written (2016, 2022); all of them are read from whoever sends them."""

_IN_INFO: tuple[tuple[str, str, Reader, tuple[bool, bool]], ...] = (
    ("PTZType", "ptz_type", _small, _BOTH),
    ("PositionType", "position_type", _small, _ONLY_2016),
    ("PhotoelectricImagingType", "imaging_type", None, _ONLY_2022),
    ("CapturePositionType", "capture_position_type", None, _ONLY_2022),
    ("RoomType", "room_type", _small, _BOTH),
    ("UseType", "use_type", _small, _ONLY_2016),
    ("SupplyLightType", "supply_light_type", _small, _BOTH),
    ("DirectionType", "direction_type", _small, _BOTH),
    ("Resolution", "resolution", None, _BOTH),
    ("StreamNumberList", "stream_numbers", _read_streams, _ONLY_2022),
    ("BusinessGroupID", "business_group", None, _ONLY_2016),
    ("DownloadSpeed", "download_speed", None, _BOTH),
    ("SVCSpaceSupportMode", "svc_space_mode", _small, _BOTH),
    ("SVCTimeSupportMode", "svc_time_mode", _small, _BOTH),
    ("SSVCRatioSupportList", "ssvc_ratios", None, _ONLY_2022),
    ("MobileDeviceType", "mobile_device_type", _small, _ONLY_2022),
    ("HorizontalFieldAngle", "horizontal_angle", number, _ONLY_2022),
    ("VerticalFieldAngle", "vertical_angle", number, _ONLY_2022),
    ("MaxViewDistance", "max_view_distance_m", number, _ONLY_2022),
    ("GrassrootsCode", "grassroots_code", None, _ONLY_2022),
    ("PointType", "point_type", _small, _ONLY_2022),
    ("PointCommonName", "point_common_name", None, _ONLY_2022),
    ("MAC", "mac", None, _ONLY_2022),
    ("FunctionType", "function_type", None, _ONLY_2022),
    ("EncodeType", "encode_type", None, _ONLY_2022),
    ("InstallTime", "install_time", time, _ONLY_2022),
    ("ManagementUnit", "management_unit", None, _ONLY_2022),
    ("ContactInfo", "contact_info", None, _ONLY_2022),
    ("RecordSaveDays", "record_save_days", _small, _ONLY_2022),
    ("IndustrialClassification", "industrial_classification", None, _ONLY_2022),
)

_TABLE: dict[str, tuple[int, Reader]] = {
    spelling: (Item.__struct_fields__.index(attribute), reader)
    for name, attribute, reader, _ in (*_AT_ITEM, *_IN_INFO)
    for spelling in (name, name.lower())
}


def write_catalog(said: Catalog | CatalogNotice, sheet: Sheet) -> None:
    """SumNum and the list; an empty result has no list element (2022 annex M)."""
    sheet.must("SumNum", said.sum_num)
    if said.items:
        sheet.row(f'<DeviceList Num="{len(said.items)}">')
        for item in said.items:
            sheet.row(written_item(item, sheet.edition))
        sheet.close("DeviceList")


def write_catalog_query(said: CatalogQuery, sheet: Sheet) -> None:
    sheet.time("StartTime", said.start)
    sheet.time("EndTime", said.end)


def written_item(item: Item, edition: Edition) -> str:
    """An item on one line, with the elements that its kind of thing has in the edition.

    ON, OFF, VLOST, DEFECT and DEL say no more than what happened to whom.
    """
    if item.event in _BARE_EVENTS:
        return row("Item", (("DeviceID", item.code), ("Event", item.event)))
    kind = "division" if is_division(item.code) else kind_of(item.code)
    places, info_places = _PLACES.get((kind, edition.is_2022)) or _PLACES[None, edition.is_2022]
    inner = _printed(item, info_places)
    if edition.is_2022 and info_places:
        inner += "".join(f"<ExtraInfo>{escaped(text)}</ExtraInfo>" for text in item.extra)
    info = f"<Info>{inner}</Info>" if inner else ""
    return f"<Item>{_printed(item, places)}{info}</Item>"


_BARE_EVENTS = frozenset({"ON", "OFF", "VLOST", "DEFECT", "DEL"})

Place = tuple[str, str, bool]
"""An element's name, its attribute, and whether it stands there even when empty."""


def _printed(item: Item, places: tuple[Place, ...]) -> str:
    parts: list[str] = []
    for name, attribute, must in places:
        value = getattr(item, attribute)
        if must or (value is not None and value != "" and value != ()):
            show = _SHOWN.get(attribute, printed)
            parts.append(f"<{name}>{show(value)}</{name}>")
    return "".join(parts)


def _show_list(values: tuple[object, ...]) -> str:
    return escaped("/".join(map(str, values)))


_SHOWN: dict[str, Callable[[Any], str]] = {  # Any: each shows the type of its own attribute
    "parent_ids": _show_list,
    "stream_numbers": _show_list,
    "status_on": lambda on: "ON" if on else "OFF",
    "end_time": wire_time,
    "install_time": wire_time,
}

_DEVICE = "DeviceID Name Manufacturer Model Owner CivilCode Address Parental ParentID RegisterWay Secrecy Status"
_MANDATORY = frozenset(_DEVICE.split())
_MINIMAL: dict[Kind | str | None, str] = {
    "division": "DeviceID Event Name",
    Kind.SERVER: "DeviceID Event Name Manufacturer Model Owner CivilCode Address ParentID RegisterWay Secrecy Status",
    Kind.BUSINESS_GROUP: "DeviceID Event Name CivilCode ParentID",
    Kind.VIRTUAL_ORGANISATION: "DeviceID Event Name ParentID BusinessGroupID",
}
"""What items of these kinds consist of; anything more is refused by strict platforms (2022 annex J)."""

_ABSENT = {
    (Kind.SERVER, "Status", False),
    (Kind.BUSINESS_GROUP, "CivilCode", False),
    (Kind.SERVER, "Owner", True),
}
"""Elements of these kinds that one edition (True is 2022) has not."""


def _places(kind: Kind | str | None, is_2022: bool) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """What is written of an item of a kind in an edition: at item level, and within Info."""
    if kind is None:
        at_item, in_info = (
            tuple((name, attribute, name in _MANDATORY) for name, attribute, _, where in table if where[is_2022])
            for table in (_AT_ITEM, _IN_INFO)
        )
        return at_item, in_info
    allowed = {name for name in _MINIMAL[kind].split() if (kind, name, is_2022) not in _ABSENT}
    return tuple((name, attribute, name == "Name") for name, attribute, _, _ in _AT_ITEM if name in allowed), ()


_PLACES = {(kind, is_2022): _places(kind, is_2022) for kind in (None, *_MINIMAL) for is_2022 in (False, True)}
