"""Messages handed on: SN, codes, letters and names of elements change, and nothing else does."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.alarm import AlarmQuery
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.message import parse, serialise
from gb28181.manscdp.record_info import RecordInfo
from gb28181.manscdp.relay import peek, recode

OURS = "34010200001320000001"
THEIRS = "44010200001320000009"
CODES = {OURS: THEIRS, "34010200002000000001": "44010200002000000009"}


def renamed(code: str) -> str:
    return CODES.get(code, code)


def carried(body: bytes | str, edition: Edition = Edition.V2022, charset: Charset = Charset.GB18030) -> str:
    sent = body.encode("gb18030") if isinstance(body, str) else body
    return recode(sent, sn=77, codes=renamed, charset=charset, edition=edition).decode(
        "utf-8" if charset is Charset.UTF8 else "gb18030"
    )


def query(inner: str, root: str = "Query", cmd_type: str = "Some") -> str:
    return f"<{root}><CmdType>{cmd_type}</CmdType><SN>5</SN><DeviceID>{OURS}</DeviceID>{inner}</{root}>"


def test_the_number_and_the_device_are_rewritten_and_the_rest_passes() -> None:
    carried_text = carried(query("<Vendor mark='a&quot;b'>\n <Deep>1 &lt; 2</Deep> tail </Vendor><Name>东门</Name>"))
    assert carried_text == (
        '<?xml version="1.0" encoding="GB18030"?>\r\n'
        f"<Query><CmdType>Some</CmdType><SN>77</SN><DeviceID>{THEIRS}</DeviceID>"
        '<Vendor mark="a&quot;b">\n <Deep>1 &lt; 2</Deep> tail </Vendor><Name>东门</Name></Query>\r\n'
    )


@pytest.mark.parametrize(
    "name",
    ["DeviceID", "DeviceID2", "ParentID", "BusinessGroupID", "RecorderID", "RecordLocation", "SourceID", "TargetID"],
)
def test_every_element_that_names_a_thing_is_recoded_at_any_depth(name: str) -> None:
    text = carried(query(f"<List><Item><{name}> {OURS}\n</{name}></Item></List>", "Response"))
    assert f"<List><Item><{name}>{THEIRS}</{name}></Item></List>" in text


def test_each_of_several_parents_is_recoded() -> None:
    text = carried(query(f"<ParentID>34010200002000000001/{OURS} / 340102</ParentID>", "Response"))
    assert f"<ParentID>44010200002000000009/{THEIRS}/340102</ParentID>" in text


def test_a_snapshot_file_is_renamed_by_the_camera_it_begins_with() -> None:
    rest = "022024050607080912301"
    text = carried(query(f"<SnapShotList><SnapShotFileID>{OURS}{rest}</SnapShotFileID></SnapShotList>", "Notify"))
    assert f"<SnapShotFileID>{THEIRS}{rest}</SnapShotFileID>" in text
    assert "<SnapShotFileID>shot.jpg</SnapShotFileID>" in carried(query("<SnapShotFileID>shot.jpg</SnapShotFileID>"))


def test_a_civil_code_and_free_texts_that_look_like_codes_are_left_alone() -> None:
    inner = f"<CivilCode>340102</CivilCode><Address>{OURS}</Address><FilePath>{OURS}</FilePath>"
    assert inner in carried(query(inner, "Response"))


@pytest.mark.parametrize("edition", [Edition.V2016, Edition.V2022])
@pytest.mark.parametrize("sent", ["IFameCmd", "IFrameCmd"])
def test_the_key_frame_command_is_spelt_as_the_edition_prints_it(edition: Edition, sent: str) -> None:
    text = carried(query(f"<{sent}>Send</{sent}>", "Control", "DeviceControl"), edition)
    expected = "IFrameCmd" if edition.is_2022 else "IFameCmd"
    assert f"<{expected}>Send</{expected}>" in text


def test_extension_texts_are_named_by_the_edition_and_structures_called_info_are_not() -> None:
    assert "<ExtraInfo>x</ExtraInfo>" in carried(query("<Info>x</Info>", "Response", "DeviceInfo"))
    assert "<Info>x</Info>" in carried(query("<ExtraInfo>x</ExtraInfo>", "Response", "DeviceInfo"), Edition.V2016)
    structure = "<Info><ControlPriority>5</ControlPriority></Info>"
    assert structure in carried(query(structure, "Control", "DeviceControl"))
    keepalive = f"<Info><DeviceID>{OURS}</DeviceID></Info>"
    assert f"<Info><DeviceID>{THEIRS}</DeviceID></Info>" in carried(query(keepalive, "Notify", "Keepalive"))


def test_alm_10_methods_asked_for_are_joined_as_the_edition_joins_them() -> None:
    both = AlarmQuery(1, OURS, methods=(1, 2))
    old = carried(serialise(both, Charset.GB18030, Edition.V2022), Edition.V2016)
    assert "<AlarmMethod>12</AlarmMethod>" in old
    assert "<AlarmMethod>1/2</AlarmMethod>" in carried(old)


@pytest.mark.parametrize("charset", list(Charset))
def test_letters_survive_any_two_charsets(charset: Charset) -> None:
    answer = Catalog(3, OURS, 1, (Item(OURS, "东门𠮷 & <1>"),))
    for sent in Charset:
        body = serialise(answer, sent, Edition.V2022)
        again = recode(body, sn=9, codes=renamed, charset=charset, edition=Edition.V2022)
        assert f'encoding="{charset}"'.encode() in again
        read = parse(again)
        assert isinstance(read, Catalog)
        assert (read.sn, read.device, read.items[0].code, read.items[0].name) == (9, THEIRS, THEIRS, "东门𠮷 & <1>")


def test_a_missing_number_is_put_in() -> None:
    assert "<CmdType>X</CmdType><SN>77</SN>" in carried("<Notify><CmdType>X</CmdType></Notify>")


def test_a_torn_list_goes_on_with_what_is_whole_and_says_how_much() -> None:
    whole = f"<Item><DeviceID>{OURS}</DeviceID><Name>a</Name></Item>"
    body = query(f'<SumNum>2</SumNum><RecordList Num="2">{whole}<Item><DeviceID>340102', "Response", "RecordInfo")
    text = carried(body)
    assert '<RecordList Num="1"><Item><DeviceID>44010200001320000009</DeviceID>' in text
    read = parse(text.encode())
    assert isinstance(read, RecordInfo)
    assert (read.sum_num, len(read.items), read.sn) == (2, 1, 77)


def test_half_a_control_is_not_handed_on() -> None:
    with pytest.raises(ValueError, match="not whole"):
        carried(query("<PTZCmd>A50F01", "Control", "DeviceControl")[:-10])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Other><CmdType>X</CmdType></Other>",
        b"<Query><SN>1</SN></Query>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><Query><CmdType>&x;</CmdType></Query>',
        b"<Query><CmdType>X</CmdType>" + b"<a>" * 40 + b"</a>" * 40 + b"</Query>",
    ],
)
def test_what_is_no_message_is_refused_by_both(body: bytes) -> None:
    with pytest.raises(ValueError):
        peek(body)
    with pytest.raises(ValueError):
        carried(body)


def test_peek_knows_any_kind() -> None:
    body = query("", "Response", "CruiseTrackQuery").encode()
    said = peek(body)
    assert (said.root, said.cmd_type, said.sn, said.device, said.body) == (
        "Response",
        "CruiseTrackQuery",
        5,
        OURS,
        body,
    )
    broadcast = b"<Notify><CmdType>Broadcast</CmdType><SN>2</SN><SourceID>1</SourceID><TargetID>2</TargetID></Notify>"
    assert (peek(broadcast).device, peek(broadcast).cmd_type) == ("2", "Broadcast")
    snapshot = query("<SessionID>s</SessionID>", "Notify", "UploadSnapShotFinished").encode()
    assert peek(snapshot).cmd_type == "UploadSnapShotFinished"


def test_what_we_write_ourselves_is_carried_word_for_word() -> None:
    control = DeviceControl(5, OURS, ptz="A50F010000000000", priority=5)
    for edition in (Edition.V2016, Edition.V2022):
        body = serialise(control, Charset.GB18030, edition)
        back = recode(body, sn=5, codes=lambda code: code, charset=Charset.GB18030, edition=edition)
        assert parse(back) == control
        assert back.split() == body.split()


NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,12}\Z").filter(lambda name: name.lower() not in ("info", "extrainfo"))
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=20)


def _tree(draw: st.DrawFn, name: str, depth: int) -> Element:
    element = Element(name, draw(st.dictionaries(NAMES, TEXTS, max_size=2)))
    element.text = draw(TEXTS)
    if depth:
        for child in draw(st.lists(NAMES, max_size=3)):
            element.append(_tree(draw, f"X{child}", depth - 1))
    return element


@st.composite
def trees(draw: st.DrawFn) -> Element:
    root = Element(draw(st.sampled_from(["Query", "Control", "Notify", "Response"])))
    for name, text in (("CmdType", "Strange"), ("SN", "77"), ("DeviceID", "1")):
        SubElement(root, name).text = text
    root.append(_tree(draw, "Xinner", 3))
    return root


@settings(max_examples=80)
@given(trees())
def test_a_strange_tree_comes_out_as_it_went_in(tree: Element) -> None:
    body = tostring(tree, encoding="unicode").encode("gb18030")
    again = recode(body, sn=77, codes=renamed, charset=Charset.UTF8, edition=Edition.V2022)
    assert tostring(fromstring(again)) == tostring(tree)


@settings(max_examples=150)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 30))
def test_noise_is_carried_or_refused(noise: bytes, at: int, cut: int) -> None:
    whole = query(f"<DeviceList Num='1'><Item><DeviceID>{OURS}</DeviceID></Item></DeviceList>", "Response", "Catalog")
    body = whole.encode()[:at] + noise + whole.encode()[at + cut :]
    try:
        said = peek(body)
    except ValueError:
        with pytest.raises(ValueError):
            carried(body)
        return
    again = peek(recode(body, sn=77, codes=renamed, charset=Charset.GB2312, edition=Edition.V2016))
    assert (again.sn, again.root, again.cmd_type) == (77, said.root, said.cmd_type)
