"""The lines about transports, charsets, codes, and the parts of a long answer (signalling reference 2, 3, 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gb28181.code import GbCode, Kind, kind_of
from gb28181.edition import Edition
from gb28181.manscdp.alarm import Alarm, AlarmResponse
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.record_info import RecordInfo, RecordInfoQuery, RecordItem
from gb28181.peer import Gathered
from registry.device import Device, Presence
from registry.refusal import Refusal
from sipserver.stack import Incoming, Stack, StackSettings
from tests.conformance.pair import Estate, house, joined, until
from tests.sipserver.conftest import CODE, House
from tests.sipserver.conftest import Camera as RawCamera

Made = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def one_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("wire"))) as estate:
        yield estate


class TestBothTransports:
    """One house for both."""

    pytestmark = pytest.mark.asyncio(loop_scope="class")

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    async def test_SEC_01_every_kind_of_request_works_by_either_transport(self, one_house: Estate, transport: str):
        estate = one_house
        code = "34020000001320000061" if transport == "udp" else "34020000001320000062"
        pair = await joined(estate, code, edition=Edition.V2022, speaker={"transport": transport})
        assert (await estate.device(code))["transport"] == transport.upper()
        await pair.ours.see(Keepalive, out=False)
        live = await estate.live(code)
        await pair.ours.see("ACK", out=True)
        await estate.post(f"/api/v1/channels/{code}/{code}/ptz", {"pan": 0.5}, 204)
        await pair.theirs.hear(DeviceControl, out=False)
        assert (await pair.camera.speaker.tell(Alarm(sn=9, device=code, priority=1, method=5, at=1.0))).status == 200
        assert (await pair.ours.hear(AlarmResponse, out=True)).sn == 9
        await estate.delete(f"/api/v1/live/{live['lease']}")
        bye = await pair.ours.see("BYE", out=True)
        await until(lambda: any(each.method == "BYE" and each.status == 200 for each in pair.ours.messages))
        assert pair.ours.answer_to(bye).status == 200
        for method in ("REGISTER", "MESSAGE", "INVITE", "BYE"):
            answers = [seen.status for seen in pair.ours.messages if seen.method == method and seen.status >= 200]
            assert answers and set(answers) <= {200, 401}, method


async def test_SEC_07_a_message_from_whoever_is_not_registered_is_not_executed(make_house: Made, make_camera: Made):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house)
    assert (await camera.say(Catalog(1, CODE, 1, (Item(CODE, "stranger"),)))).status == 403
    assert (await camera.keep_alive()).status == 403
    assert house.presence() is Presence.NEVER and await house.directory.channel(CODE, CODE) is None
    assert [seen.reason for seen in house.directory.refusals(10)] == [Refusal.NOT_REGISTERED]


async def name_by(make_house: Made, make_camera: Made, name: str, declared: str, codec: str, version: str = "") -> str:
    """What the library calls a channel whose catalog was written so."""
    house: House = await make_house()
    camera: RawCamera = await make_camera(house, version=version)

    async def answer(value: Any) -> None:
        if isinstance(value, CatalogQuery):
            text = (
                f'<?xml version="1.0" encoding="{declared}"?>\r\n<Response><CmdType>Catalog</CmdType>'
                f"<SN>{value.sn}</SN>"
                f'<DeviceID>{CODE}</DeviceID><SumNum>1</SumNum><DeviceList Num="1"><Item><DeviceID>{CODE}</DeviceID>'
                f"<Name>{name}</Name><Status>ON</Status></Item></DeviceList></Response>"
            )
            await camera.send("MESSAGE", text.encode(codec))

    camera.answer = answer
    await camera.register()
    async with asyncio.timeout(10):
        while (channel := await house.directory.channel(CODE, CODE)) is None:
            await asyncio.sleep(0.02)
    return channel.name


async def test_CHR_01_a_name_in_four_bytes_of_gb_18030_comes_and_goes_unchanged(make_house: Made, make_camera: Made):
    name = "𠮷祥𡘙门"  # outside of the basic plane, four bytes each in GB 18030
    assert max(len(letter.encode("gb18030")) for letter in name) == 4
    assert await name_by(make_house, make_camera, name, "GB18030", "gb18030", "3.0") == name
    house: House = await make_house()
    camera: RawCamera = await make_camera(house, version="3.0")
    await camera.register()
    await until(lambda: house.below.peer(CODE).is_online)
    await house.below.peer(CODE).tell(DeviceControl(0, CODE, ptz="A50F0181010000B7", preset_name=name))
    await until(lambda: camera.queries(DeviceControl))
    assert next(value for value in camera.asked if isinstance(value, DeviceControl)).preset_name == name


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("GB2312", "gb2312"),
        ("GB2312", "gbk"),
        ("GB2312", "gb18030"),
        ("GBK", "gbk"),
        ("GB18030", "gb18030"),
        ("UTF-8", "utf-8"),
        ("GB2312", "utf-8"),
    ],
)
async def test_CHR_02_names_are_right_in_every_charset_in_use(
    make_house: Made, make_camera: Made, declared: str, codec: str
):
    name = "合肥市瑶海区北门摄像机" if codec == "gb2312" else "合肥市瑶海区北門摄像机镕"
    assert await name_by(make_house, make_camera, name, declared, codec) == name


async def test_TRN_01_ten_thousand_records_in_one_message_by_tcp_are_all_taken(make_house: Made, make_camera: Made):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house, transport="TCP")
    items = tuple(
        RecordItem(CODE, f"record {number}", start=1_700_000_000.0 + number, end=1_700_000_001.0 + number)
        for number in range(10_000)
    )

    async def answer(value: Any) -> None:
        if isinstance(value, RecordInfoQuery):
            await camera.say(RecordInfo(value.sn, value.device, "gate", len(items), items))

    camera.answer = answer
    await camera.register()
    query = RecordInfoQuery(0, CODE, start=1_700_000_000.0, end=1_700_020_000.0)
    gathered = await house.below.peer(CODE).ask(query, timeout_s=60.0)
    assert isinstance(gathered, Gathered) and gathered.complete and len(gathered.parts) == 1
    assert [item.name for item in gathered.parts[0].items] == [item.name for item in items]


async def test_TRN_02_a_message_too_large_for_a_datagram_goes_by_tcp_where_there_is_a_connection(make_house: Made):
    house: House = await make_house()
    far = Stack(StackSettings(host="127.0.0.1", port=0))
    came: list[Incoming] = []

    def take(incoming: Incoming) -> None:
        came.append(incoming)
        incoming.respond(200)

    far.on_request = take
    await far.start()
    try:
        await house.stack.connect(("127.0.0.1", far.port))
        path = house.stack.udp_path(("127.0.0.1", far.port))
        for size in (100, 2_000):
            request = house.stack.new_request(
                "MESSAGE",
                "sip:1@127.0.0.1",
                from_uri="sip:2@3402000000",
                to_uri="sip:1@3402000000",
                path=path,
                body=b"x" * size,
                content_type="text/plain",
            )
            assert (await house.stack.ask(request, path, timeout_s=5)).status == 200
    finally:
        await far.close()
    assert [(incoming.path.transport, len(incoming.request.body)) for incoming in came] == [
        ("UDP", 100),
        ("TCP", 2_000),
    ]


async def test_TRN_03_messages_of_a_stream_are_cut_by_their_length_however_they_come(make_house: Made):
    house: House = await make_house()
    body = b"<?xml version='1.0'?>\r\n\r\n<Notify/>"

    def message(number: int) -> bytes:
        head = (
            "MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 127.0.0.1;rport;branch=z9hG4bKcut{number}\r\n"
            f"From: <sip:{CODE}@3402000000>;tag=1\r\nTo: <sip:34020000002000000001@3402000000>\r\n"
            f"Call-ID: cut-{number}\r\nCSeq: 1 MESSAGE\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    reader, writer = await asyncio.open_connection(*house.address)
    try:
        writer.write(message(1) + message(2))
        for at in range(0, len(message(3)), 37):
            writer.write(message(3)[at : at + 37])
            await writer.drain()
            await asyncio.sleep(0.002)
        said = b""
        async with asyncio.timeout(10):
            while said.count(b"SIP/2.0 403") < 3:
                said += await reader.read(65_536)
        assert all(f"Call-ID: cut-{number}".encode() in said for number in (1, 2, 3))
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("digits", "division", "kind"),
    [
        ("34", "34", None),
        ("3402", "3402", None),
        ("340202", "340202", None),
        ("34020201", "34020201", None),
        ("34000000002000000001", "34", Kind.SERVER),
        ("34020000002150000001", "3402", Kind.BUSINESS_GROUP),
        ("34020200002160000001", "340202", Kind.VIRTUAL_ORGANISATION),
        ("34020201001320000001", "34020201", Kind.NETWORK_CAMERA),
    ],
)
def test_IDC_01_codes_of_every_length_tell_their_kind_and_tier(digits: str, division: str, kind: Kind | None):
    code = GbCode(digits)
    assert (code.division, code.kind) == (division, kind)
    for wrong in (digits[:-1], digits + "0", digits[:-1] + "x"):
        with pytest.raises(ValueError):
            GbCode(wrong)


def test_IDC_02_the_type_codes_of_2022_have_their_names():
    def kind(number: int) -> Kind | None:
        return kind_of(f"3402000000{number}0000001")

    named = [*range(120, 126), *range(130, 144), 500, 501, 502, 503, 505]
    assert all(kind(number) is not None for number in named)
    assert (kind(143), kind(505)) == (Kind.CREDENTIAL_READER, Kind.IMAGE_ANALYSIS_DEVICE)
    assert kind(144) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 0, 2, 2)])
async def test_QRY_05_and_06_parts_in_any_order_and_twice_are_taken_once_and_end_the_query_at_once(
    make_house: Made, make_camera: Made, order: tuple[int, ...]
):
    house: House = await make_house(part_patience_s=30.0, catalog_patience_s=30.0)
    camera: RawCamera = await make_camera(house)
    items = tuple(Item(f"3402000000131000000{number}", f"camera {number}") for number in range(6))

    async def answer(value: Any) -> None:
        if isinstance(value, CatalogQuery):
            for part in order:
                await camera.say(Catalog(value.sn, value.device, 6, items[2 * part : 2 * part + 2]))

    camera.answer = answer
    await camera.register()
    await until(lambda: house.device().channels_total == 6)  # far within the patience
    assert house.device().catalog_complete


async def test_QRY_07_a_catalog_with_parts_missing_is_marked_so_and_takes_nothing_away(
    make_house: Made, make_camera: Made
):
    house: House = await make_house(known=(Device(CODE),), catalog_tries=1)
    camera: RawCamera = await make_camera(house, items=6)
    camera.per_part = 2
    await camera.register()
    await until(lambda: house.device().channels_total == 6)
    camera.lose_parts = {1}
    camera.lose_parts_once = False
    await house.below.resync(CODE)
    await until(lambda: not house.device().catalog_complete, 20)
    assert house.device().channels_total == 6 and "4 of 6" in house.device().catalog_note
