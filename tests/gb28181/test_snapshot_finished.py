"""UploadSnapShotFinished as the standard prints it, and the names of pictures."""

from __future__ import annotations

from datetime import datetime

import pytest

from gb28181.charset import Charset
from gb28181.edition import Edition
from gb28181.manscdp.message import parse, serialise
from gb28181.manscdp.snapshot import FileId, UploadSnapShotFinished, read_file_id

NAME = "34010200001320000001022024050607081012301"
SAMPLE = (
    "<Notify><CmdType>UploadSnapShotFinished</CmdType><SN>32</SN><DeviceID>34010200001320000001</DeviceID>"
    "<SessionID>0f7c2a54c1b84a2f9d1e66b0a3c4d5e6</SessionID><SnapShotList>"
    f"<SnapShotFileID>{NAME}</SnapShotFileID></SnapShotList></Notify>"
)
SAID = UploadSnapShotFinished(32, "34010200001320000001", "0f7c2a54c1b84a2f9d1e66b0a3c4d5e6", (NAME,))


def test_the_notice_is_read_and_written():
    assert parse(SAMPLE.encode()) == SAID
    assert parse(serialise(SAID, Charset.GB18030, Edition.V2022)) == SAID
    none = UploadSnapShotFinished(1, "34010200001320000001", "s")
    assert parse(serialise(none, Charset.GB18030, Edition.V2022)) == none


def test_a_list_without_end_is_cut():
    many = SAMPLE.replace("</SnapShotList>", "<SnapShotFileID>x</SnapShotFileID>" * 500 + "</SnapShotList>")
    said = parse(many.encode())
    assert isinstance(said, UploadSnapShotFinished) and len(said.files) == 64


def test_a_name_says_whose_picture_it_is_and_when_it_was_taken():
    assert read_file_id(NAME) == FileId("34010200001320000001", datetime(2024, 5, 6, 7, 8, 10, 123000), 1)
    assert read_file_id(NAME + ".jpg") == read_file_id(NAME) and str(read_file_id(NAME)) == NAME


@pytest.mark.parametrize(
    "name", ["", "shot.jpg", NAME[:-1], NAME + "0", NAME.replace("02202405", "01202405"), NAME.replace("0506", "1399")]
)
def test_other_names_are_none_of_the_standard(name):
    assert read_file_id(name) is None
