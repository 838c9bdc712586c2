"""Codes, editions, charsets, stream numbers and Subject lines."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181 import code as code_module
from gb28181 import ssrc as ssrc_module
from gb28181.charset import Charset, charset_for, decode, decode_mixed, encode
from gb28181.code import (
    GbCode,
    Kind,
    is_camera,
    is_division,
    is_group,
    is_organisation,
    is_recorder,
    is_system,
    kind_of,
)
from gb28181.edition import Edition, parse_edition
from gb28181.ssrc import Ssrc, parse_y, ssrc_number
from gb28181.subject import Subject


def test_a_code_tells_its_parts() -> None:
    code = GbCode("34010200001320000001")
    assert (code.kind, code.division, code.domain) == (Kind.NETWORK_CAMERA, "340102", "3401020000")
    assert (code.industry, code.network, code.serial) == ("00", "0", "000001")
    assert GbCode("34000000002000000001").division == "34"
    assert GbCode("34010201001180000001").division == "34010201"
    assert str(code) == "34010200001320000001"


def test_a_division_has_a_code_without_the_other_parts() -> None:
    for digits in ("34", "3401", "340102", "34010203"):
        code = GbCode(digits)
        assert (code.kind, code.industry, code.network, code.serial, code.domain) == (None, "", "", "", "")
        assert code.division == digits
        assert is_division(digits)


@pytest.mark.parametrize(
    "text",
    ["", "3", "340", "34010", "3401020", "3401020000", "3" * 19, "3" * 21, "3401020000132000000x", "３４", " 34"],
)
def test_anything_else_is_no_code(text: str) -> None:
    with pytest.raises(ValueError):
        GbCode(text)
    assert not is_division(text)
    assert kind_of(text) is None


def test_kinds_are_told_by_digits_11_to_13() -> None:
    assert is_system("34010200002000000001")
    assert is_group("34010200002150000001")
    assert is_organisation("34010200002160000001")
    assert is_camera("34010200001310000001") and is_camera("34010200001320000001")
    assert is_recorder("34010200001180000001") and not is_recorder("34010200001320000001")
    assert kind_of("34010200009990000001") is None
    assert kind_of("340102000011800") is None
    assert [int(kind) for kind in Kind] == sorted(int(kind) for kind in Kind)


@pytest.mark.parametrize(
    ("header", "edition"),
    [
        ("1.0", Edition.V2011),
        ("1.1", Edition.V2011A),
        ("2.0", Edition.V2016),
        (" 3.0 ", Edition.V2022),
        ("3", Edition.V2022),
        ("4.0", Edition.V2022),
        ("2.5", Edition.V2016),
        ("0.9", Edition.V2016),
        (None, Edition.V2016),
        ("", Edition.V2016),
        ("new", Edition.V2016),
        ("3.x", Edition.V2016),
        ("9" * 400, Edition.V2016),
    ],
)
def test_an_edition_is_read_from_its_header(header: str | None, edition: Edition) -> None:
    assert parse_edition(header) is edition


def test_editions_are_ordered_by_number() -> None:
    assert [edition.number for edition in Edition] == [10, 11, 20, 30]
    assert [edition.is_2022 for edition in Edition] == [False, False, False, True]


def test_the_charset_follows_the_edition_unless_it_is_configured() -> None:
    assert charset_for(Edition.V2016) is Charset.GB2312
    assert charset_for(Edition.V2022) is Charset.GB18030
    assert charset_for(Edition.V2022, "UTF-8") is Charset.UTF8
    assert charset_for(Edition.V2016, "KOI8") is Charset.GB2312


@pytest.mark.parametrize(
    "text",
    ["东门", "一号楼—东门", "Ⅱ区①号", "温度36℃", "ＡＢＣ", "𠮷野家", "苏州·金鸡湖路口", "“东门”", "北京café门口广场"],
)
@pytest.mark.parametrize("codec", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_chinese_text_is_read_in_the_charset_it_came_in(text: str, codec: str) -> None:
    assert decode(text.encode(codec)) == text


@pytest.mark.parametrize("word", ["路", "联通", "一汽", "东路", "谢谢", "支路", "乱码路", "下穿路", "①", "·"])
def test_gb_words_whose_bytes_are_valid_utf8_stay_gb(word: str) -> None:
    assert decode(word.encode("gb18030")) == word


@settings(max_examples=200)
@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=12), st.text("ab1-号"))
def test_any_ideographs_survive_either_charset(name: str, tail: str) -> None:
    assert decode(encode(name + tail, Charset.UTF8)) == name + tail
    body = b"<Item>" + encode(tail + "枪机", Charset.GB2312) + b"<Item>" + encode(name, Charset.UTF8)
    assert "�" not in decode_mixed(body, b"<Item>")


@settings(max_examples=300)
@given(st.binary(max_size=120))
def test_any_bytes_are_some_text(body: bytes) -> None:
    decode(body)
    text = decode_mixed(body, b"<Item")
    assert text.count("<") >= body.count(b"<") - body.count(b"\x00") or body[:2] in (b"\xff\xfe", b"\xfe\xff")


@given(st.text())
def test_any_text_can_be_sent(text: str) -> None:
    for charset in Charset:
        assert isinstance(encode(text, charset), bytes)


@pytest.mark.parametrize(
    ("live", "domain", "serial", "text", "number"),
    [
        (True, "13010000002000000001", 1, "0100000001", 0x05F5E101),
        (True, "34020000002000000001", 1, "0200000001", 0x0BEBC201),
        (False, "34020000002000000001", 1, "1200000001", 0x47868C01),
        (True, "3401020000", 1, "0102000001", 102000001),
        (False, "00099999", 9999, "1999999999", 0x773593FF),
    ],
)
def test_a_streams_number_is_made_of_realm_and_serial(
    live: bool, domain: str, serial: int, text: str, number: int
) -> None:
    made = Ssrc(ssrc_number(live, domain, serial))
    assert (made.text, made.number, made.is_live, made.serial) == (text, number, live, serial)
    assert parse_y(text) == number
    assert parse_y(text.lstrip("0")) == number
    assert str(made) == text


@pytest.mark.parametrize(
    ("domain", "serial"), [("340200", 1), ("abcdefghij", 1), ("", 1), ("3402000000", 10000), ("3402000000", -1)]
)
def test_what_makes_no_stream_number_is_refused(domain: str, serial: int) -> None:
    with pytest.raises(ValueError):
        ssrc_number(True, domain, serial)


def test_a_number_has_32_bits() -> None:
    with pytest.raises(ValueError):
        Ssrc(2**32)
    with pytest.raises(ValueError):
        Ssrc(-1)


def test_a_subject_is_read_and_written() -> None:
    text = "34020000001320000001:0200000001,34020000002000000001:0"
    subject = Subject.parse(text)
    assert subject == Subject("34020000001320000001", "0200000001", "34020000002000000001", "0")
    assert str(subject) == text
    assert subject.is_live
    assert Subject.parse(" a : 1 , b : 2 ") == Subject("a", "1", "b", "2")
    assert not Subject.parse("a:1,b:2").is_live


@pytest.mark.parametrize(
    "text", ["", "a", "a:1", "a:1,b", "a:1,b:2,c:3", "a:1:2,b:3", ":1,b:2", "a:1," + "b" * 300 + ":1"]
)
def test_what_is_no_subject_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Subject.parse(text)


def test_what_the_docstrings_show_is_so() -> None:
    for module in (code_module, ssrc_module):
        outcome = doctest.testmod(module)
        assert outcome.attempted and not outcome.failed
