"""RecordInfo: what has been recorded (GB/T 28181-2022 9.7, A.2.4.5 and A.2.6.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from xml.etree.ElementTree import Element

from gb28181.manscdp.fields import Fields, local_name, wire_time
from gb28181.manscdp.writing import Sheet, row


@dataclass(frozen=True, slots=True)
class RecordItem:
    """A recording: `start` and `end` in UNIX seconds (None when not said), `file_size` in bytes.

    `kind` is time, alarm or manual; `location` the code of who stores it; nothing is promised of the order of
    `start` and `end`, nor that they lie in the window asked for.
    """

    device: str
    name: str = ""
    file_path: str = ""
    address: str = ""
    start: float | None = None
    end: float | None = None
    secrecy: bool = False
    kind: str = ""
    recorder: str = ""
    file_size: int | None = None
    location: str = ""
    stream_number: int | None = None


@dataclass(frozen=True, slots=True)
class RecordInfo:
    """A part of a record list: `sum_num` counts all of it, `damaged` the items of this part that were not whole."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "RecordInfo"

    sn: int
    device: str
    name: str = ""
    sum_num: int = 0
    items: tuple[RecordItem, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class RecordInfoQuery:
    """Recordings of `device` between `start` and `end` (UNIX seconds).

    `kind` is all, time, alarm or manual; it is always sent, because some recorders find nothing without it.
    """

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "RecordInfo"
    answer_type: ClassVar[type] = RecordInfo
    in_parts: ClassVar[bool] = True

    sn: int
    device: str
    start: float | None = None
    end: float | None = None
    file_path: str = ""
    address: str = ""
    secrecy: bool = False
    kind: str = "all"
    recorder: str = ""
    indistinct: bool = False
    stream_number: int | None = None
    alarm_method: str = ""
    alarm_type: str = ""


def read_record_info(sn: int, device: str, fields: Fields, damaged: int) -> RecordInfo:
    listed = fields.child("RecordList")
    found = [item for item in (fields.element if listed is None else listed) if local_name(item) == "item"]
    items = tuple(_read_item(item, device) for item in found)
    sum_num = fields.count("SumNum")
    return RecordInfo(
        sn,
        device,
        name=fields.text("Name"),
        sum_num=len(items) + damaged if sum_num is None else sum_num,
        items=items,
        damaged=damaged,
    )


def _read_item(element: Element, device: str) -> RecordItem:
    fields = Fields(element)
    return RecordItem(
        device=fields.text("DeviceID") or device,
        name=fields.text("Name"),
        file_path=fields.text("FilePath"),
        address=fields.text("Address"),
        start=fields.time("StartTime"),
        end=fields.time("EndTime"),
        secrecy=bool(fields.integer("Secrecy")),
        kind=fields.text("Type"),
        recorder=fields.text("RecorderID"),
        file_size=fields.integer("FileSize"),
        location=fields.text("RecordLocation"),
        stream_number=fields.count("StreamNumber"),
    )


def write_record_info(said: RecordInfo, sheet: Sheet) -> None:
    sheet.must("Name", said.name)
    sheet.must("SumNum", said.sum_num)
    if said.items:
        sheet.row(f'<RecordList Num="{len(said.items)}">')
        for item in said.items:
            sheet.row(_written_item(item, sheet.edition.is_2022))
        sheet.close("RecordList")


def _written_item(item: RecordItem, is_2022: bool) -> str:
    fields = [
        ("DeviceID", item.device),
        ("Name", item.name or item.device),
        ("FilePath", item.file_path),
        ("Address", item.address),
        ("StartTime", None if item.start is None else wire_time(item.start)),
        ("EndTime", None if item.end is None else wire_time(item.end)),
        ("Secrecy", int(item.secrecy)),
        ("Type", item.kind),
        ("RecorderID", item.recorder),
        ("FileSize", item.file_size),
    ]
    if is_2022:
        fields += [("RecordLocation", item.location), ("StreamNumber", item.stream_number)]
    return row("Item", fields)


def read_record_info_query(sn: int, device: str, fields: Fields, damaged: int) -> RecordInfoQuery:
    return RecordInfoQuery(
        sn,
        device,
        start=fields.time("StartTime"),
        end=fields.time("EndTime"),
        file_path=fields.text("FilePath"),
        address=fields.text("Address"),
        secrecy=bool(fields.integer("Secrecy")),
        kind=fields.text("Type") or "all",
        recorder=fields.text("RecorderID"),
        indistinct=fields.integer("IndistinctQuery") == 1,
        stream_number=fields.count("StreamNumber"),
        alarm_method=fields.text("AlarmMethod"),
        alarm_type=fields.text("AlarmType"),
    )


def write_record_info_query(said: RecordInfoQuery, sheet: Sheet) -> None:
    sheet.time("StartTime", said.start)
    sheet.time("EndTime", said.end)
    sheet.may("FilePath", said.file_path)
    sheet.may("Address", said.address)
    sheet.must("Secrecy", said.secrecy)
    sheet.must("Type", said.kind)
    sheet.may("RecorderID", said.recorder)
    sheet.must("IndistinctQuery", said.indistinct)
    if sheet.edition.is_2022:
        sheet.may("StreamNumber", said.stream_number)
        sheet.may("AlarmMethod", said.alarm_method)
        sheet.may("AlarmType", said.alarm_type)
