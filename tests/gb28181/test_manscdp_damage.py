"""What a real server must survive: damaged, cut, mixed and hostile messages."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.catalog import Catalog, CatalogQuery, Item
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.document import LIMIT
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.message import parse, serialise
from gb28181.manscdp.record_info import RecordInfo

HEAD = (
    b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>Catalog</CmdType>\r\n<SN>7</SN>\r\n'
    b'<DeviceID>34010200001180000001</DeviceID>\r\n<SumNum>3</SumNum>\r\n<DeviceList Num="3">\r\n'
)
TAIL = b"</DeviceList>\r\n</Response>\r\n"


def item(number: int, name: bytes = b"gate") -> bytes:
    return b"<Item>\r\n<DeviceID>3401020000132000000%d</DeviceID>\r\n<Name>%s</Name>\r\n</Item>\r\n" % (number, name)


def catalog(body: bytes) -> Catalog:
    read = parse(body)
    assert isinstance(read, Catalog)
    return read


def names(body: bytes) -> dict[int, str]:
    """Serial to name of the items that were kept."""
    return {int(kept.code[-1]): kept.name for kept in catalog(body).items}


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Tom & Jerry", "Tom & Jerry"),
        (b"A&B;C", "A&B;C"),
        (b"a &amp; b &lt;c&gt; &#65;&#x42;", "a & b <c> AB"),
        (b"&nbsp;&#0;&#xD800;", "&nbsp;&#0;&#xD800;"),
        (b"gate\x00\x00", "gate"),
        (b"ga\x01te\x1f", "gate"),
        (b"lower < upper", "lower < upper"),
        (b"a<b>c</b>d", "a"),
        (b"<<<", "<<<"),
        (b"5<3 & x", "5<3 & x"),
        (b"<![CDATA[<gate>]]>", "<gate>"),
        ("东门".encode("gbk") + b"\xce", "东门\ufffd"),
        ("东门𠮷".encode("gb18030"), "东门𠮷"),
    ],
)
def test_a_damaged_name_spoils_neither_its_item_nor_the_catalog(sent: bytes, read: str) -> None:
    kept = catalog(HEAD + item(1) + item(2, sent) + item(3, "西门".encode("gbk")) + TAIL)
    assert [one.name for one in kept.items] == ["gate", read, "西门"]
    assert kept.damaged == 0


def test_a_mended_name_keeps_marks_that_are_no_tags_of_the_standard() -> None:
    assert names(HEAD + item(1) + item(2, b"a<b & <c>d") + TAIL) == {1: "gate", 2: "a<b & <c>d"}


@pytest.mark.parametrize(
    ("middle", "kept", "damaged"),
    [
        (item(2)[:-10], {1, 3}, 1),  # the end of its Item is gone
        (item(2)[:-20], {1, 3}, 1),  # and of its Name
        (item(2).replace(b"</Name>", b""), {1, 3}, 1),
        (item(2).replace(b"</Name>", b"</Na\xff\xffme>"), {1, 3}, 1),
        (item(2).replace(b"<DeviceID>", b""), {1, 3}, 1),
        (item(2)[6:], {1, 3}, 1),  # its beginning is gone
        (b"<Item><DeviceID>3401", {1, 3}, 1),
        (b"<DeviceID>", {1, 3}, 1),
        (b"</Item>", {1, 3}, 1),
        (b"&&&<><<>\x00", {1, 3}, 0),
        (b"<Item><Name>nobody</Name></Item>", {1, 3}, 1),  # says not which thing it is
    ],
)
def test_of_a_damaged_list_the_whole_items_are_kept_and_the_others_counted(
    middle: bytes, kept: set[int], damaged: int
) -> None:
    read = catalog(HEAD + item(1) + middle + item(3) + TAIL)
    assert {int(one.code[-1]) for one in read.items} == kept
    assert (read.damaged, read.sum_num, read.sn) == (damaged, 3, 7)


def test_wherever_a_catalog_is_cut_the_whole_items_before_the_cut_are_kept() -> None:
    whole = HEAD + item(1) + item(2) + item(3) + TAIL
    ends = [whole.index(item(number)) + len(item(number).rstrip()) for number in (1, 2, 3)]
    for cut in range(len(HEAD), len(whole)):
        read = catalog(whole[:cut])
        assert len(read.items) == sum(end <= cut for end in ends), cut
        assert read.damaged <= 1
        assert read.sum_num == 3


def test_items_are_found_though_the_tag_of_their_list_is_torn() -> None:
    body = HEAD.replace(b"<DeviceList Num", b"<Devi\xffeList Num") + item(1) + item(2) + TAIL
    assert names(body) == {1: "gate", 2: "gate"}


def test_a_message_cut_before_its_kind_is_refused() -> None:
    for cut in range(HEAD.index(b"</CmdType>")):
        with pytest.raises(ValueError):
            parse(HEAD[:cut])


def test_half_a_control_is_not_obeyed() -> None:
    whole = serialise(DeviceControl(1, "x", teleboot=True), Charset.GB2312, Edition.V2016)
    assert parse(whole) == DeviceControl(1, "x", teleboot=True)
    for cut in range(len(whole.rstrip()) - 1):
        with pytest.raises(ValueError):
            parse(whole[:cut])


@pytest.mark.parametrize(
    "before", [b"", b"\x00\x00", b"\r\n \t", b"\xef\xbb\xbf", b"junk ", b"<!-- hello -->", b"\xff"]
)
@pytest.mark.parametrize("after", [b"", b"\x00\x00", b"trailing", b"<x>", b"\xd6", b"--b0undary--\r\n", b">>>"])
def test_rubbish_around_a_message_does_no_harm(before: bytes, after: bytes) -> None:
    beat = b"<Notify><CmdType>Keepalive</CmdType><SN>7</SN><DeviceID>x</DeviceID><Status>OK</Status></Notify>"
    assert parse(before + beat + after) == Keepalive(7, "x")


@pytest.mark.parametrize("declaration", [b"", b"<?xml version='1.0'?>", b'<?xml version="1.0" encoding="utf-16"?>'])
@pytest.mark.parametrize("charset", ["gb2312", "gbk", "gb18030", "utf-8", "utf-8-sig"])
def test_names_are_right_in_every_charset_whatever_is_declared(charset: str, declaration: bytes) -> None:
    """CHR-02."""
    body = HEAD.replace(b'<?xml version="1.0" encoding="GB2312"?>\r\n', declaration) + item(1, b"\x01") + TAIL
    name = "东门枪机"
    assert names(body.decode("ascii").replace("\x01", name).encode(charset)) == {1: name}


def test_one_catalog_may_mix_its_charsets() -> None:
    body = HEAD + item(1, "东门".encode("gbk")) + item(2, "西大门".encode()) + item(3, "龙镕路口".encode("gbk")) + TAIL
    assert names(body) == {1: "东门", 2: "西大门", 3: "龙镕路口"}


def test_half_a_utf8_character_at_the_end_of_a_field_costs_that_character_alone() -> None:
    body = HEAD + item(1, "西大门口".encode()[:-1]) + item(2, "西大门口".encode()[:-2]) + TAIL
    assert names(body) == {1: "西大门\ufffd", 2: "西大门\ufffd"}


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><Query><CmdType>Catalog</CmdType><DeviceID>&a;</DeviceID></Query>',
        b'<!doctype x SYSTEM "file:///etc/passwd"><Query><CmdType>Catalog</CmdType></Query>',
        b"<Query><CmdType>Catalog</CmdType></Query><!ENTITY>",
        b"<Query>" + b"<Info>" * 17 + b"</Info>" * 17 + b"<CmdType>Catalog</CmdType></Query>",
        b"<a>" * 200_000,
        b"<Query>" + b"<a/>" * 1_500_000 + b"</Query>",
        b"<Query " + b"".join(b'a%d=""' % number for number in range(300_000)) + b"></Query>",
        HEAD + b"<Item>" * 900_000 + TAIL,
        b"<Query>" * 60_000 + b"</Query>" * 60_000,
        b"<" * 500_000 + b">",
        b"<!--" * 100_000 + b">",
        b"<Query><CmdType>Catalog</CmdType>" + b" " * LIMIT + b"</Query>",
        b"",
        b">",
        b"<>",
        b"< >",
        b"<?xml>",
        b"<?xml?>",
        b"<html><CmdType>Catalog</CmdType></html>",
        b"<Query></Query>",
        b"<Query><CmdType> </CmdType></Query>",
        b"<Query/>",
        b"&amp;>",
        b"\xff\xfe>",
        b"\x00" * 70_000 + b">",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_hostile_messages_are_refused_at_once(hostile: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ValueError):
        parse(hostile)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    "filler",
    [b"&" * 500_000, b"<" * 90_000, b"&#65;" * 100_000, b"<!--" * 20_000, b"\x01" * 900_000, b"<![CDATA[" * 9000],
)
def test_a_long_damaged_field_is_read_in_little_time(filler: bytes) -> None:
    started = time.process_time()
    kept = catalog(HEAD + item(1) + item(2, filler) + item(3) + TAIL)
    assert time.process_time() - started < 2.0
    assert all(len(one.name) <= 1024 for one in kept.items)
    assert {one.code[-1] for one in kept.items} >= {"1", "3"}


def test_a_smaller_limit_is_kept() -> None:
    body = serialise(Keepalive(1, "x"), Charset.GB2312, Edition.V2016)
    assert parse(body, limit=len(body)) == Keepalive(1, "x")
    with pytest.raises(ValueError, match="bytes"):
        parse(body, limit=len(body) - 1)


def test_namespaces_prefixes_and_letter_case_are_read_over() -> None:
    plain = b"<Query><CmdType>Catalog</CmdType><SN>3</SN><DeviceID>x</DeviceID></Query>"
    assert parse(plain) == CatalogQuery(3, "x")
    assert parse(plain.lower()) == CatalogQuery(3, "x")
    assert parse(plain.replace(b"<Query>", b'<Query xmlns="urn:x">')) == CatalogQuery(3, "x")
    assert parse(plain.replace(b"<", b"<gb:").replace(b"<gb:/", b"</gb:")) == CatalogQuery(3, "x")


def test_the_unquoted_number_of_the_2016_samples_is_read_over() -> None:
    assert names(HEAD.replace(b'Num="3"', b"Num=3") + item(1) + item(2) + TAIL) == {1: "gate", 2: "gate"}


def test_a_damaged_record_list_keeps_its_whole_records() -> None:
    body = (
        b"<Response><CmdType>RecordInfo</CmdType><SN>1</SN><DeviceID>x</DeviceID><Name>n</Name><SumNum>2</SumNum>"
        b"<RecordList Num=2><Item><DeviceID>x</DeviceID><FilePath>/a&b</FilePath></Item>"
        b"<Item><DeviceID>x</DeviceID><FilePath>/c"
    )
    read = parse(body)
    assert isinstance(read, RecordInfo)
    assert [record.file_path for record in read.items] == ["/a&b"]
    assert (read.sum_num, read.damaged) == (2, 1)


WORDS = [
    b"<Response>", b"</Response>", b"<Notify>",
    b"<CmdType>Catalog</CmdType>", b"<CmdType>Alarm</CmdType>", b"<SN>1</SN>",
    b"<DeviceList Num=2>", b"</DeviceList>", b"<Item>", b"</Item>", b"<DeviceID>", b"</DeviceID>",
    b"34010200001320000001",
    b"<Name>", b"</Name>", "东门".encode("gbk"), "西大门".encode(), b"&", b"&amp;", b"<", b">",
    b"\x00", b"<!--", b"-->",
    b"<![CDATA[", b"]]>", b"<Info>", b"</Info>", b"<Longitude>1e999</Longitude>", b"<EndTime>0</EndTime>", b"<Item/>",
    b"<\x01>", b"<SumNum>-1</SumNum>", b"<?x", b"?>", b"<AlarmTime>2024-02-30T99:99:99</AlarmTime>",
]  # fmt: skip


def answers_or_refuses(body: bytes) -> None:
    try:
        value = parse(body)
    except ValueError:
        return
    assert value.sn >= -(10**18)
    if isinstance(value, Catalog):
        assert len(value.items) + value.damaged <= body.lower().count(b"item") + body.count(b"<DeviceID>") + body.count(
            b"<"
        )


@settings(max_examples=400)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join))
def test_words_in_disorder_are_answered_or_refused(body: bytes) -> None:
    answers_or_refuses(body)
    answers_or_refuses(HEAD + body + TAIL)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_noise_is_answered_or_refused(body: bytes) -> None:
    answers_or_refuses(body)
    answers_or_refuses(HEAD + item(1, body) + item(2) + TAIL)


@settings(max_examples=300)
@given(st.integers(0, 600), st.integers(0, 40), st.binary(max_size=12))
def test_a_stretch_overwritten_by_noise_costs_no_item_outside_it(at: int, length: int, noise: bytes) -> None:
    people = [Item(f"3401020000132000000{number}", f"东门{number}号") for number in range(5)]
    whole = serialise(Catalog(9, "x", 5, tuple(people)), Charset.GB18030, Edition.V2016)
    first = whole.index(b"<Item>")
    start = first + at % (whole.rindex(b"</Item>") - first)
    end = min(start + length, whole.rindex(b"</Item>"))
    read = parse(whole[:start] + noise + whole[end:])
    assert isinstance(read, Catalog)
    if b"<" in noise or b">" in noise:
        return  # noise that makes tags of its own may take its neighbour along
    touched = {
        number
        for number, piece in enumerate(whole.split(b"<Item>")[1:])
        if (begin := whole.index(piece) - 6) < end and begin + 6 + len(piece) > start
    }
    kept = {int(one.code[-1]) for one in read.items if one in people}
    assert kept >= set(range(5)) - touched - {max(touched, default=0) + 1} - {min(touched, default=0) - 1}
