"""Names as they are typed: initials and full spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.pinyin import LONGEST_NAME, folded, pinyin_keys


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("环城路01", "hcl01 huanchenglu01"),
        ("重庆大道", "cqdd chongqingdadao"),
        ("重点单位", "zddw zhongdiandanwei"),
        ("人民银行", "rmyh renminyinhang"),
        ("绿地-东门", "lddm lvdidongmen"),
        ("Gate 9 北", "gate9b gate9bei"),
        ("Gate 9", ""),
        ("", ""),
    ],
)
def test_a_name_is_spelled_as_people_type_it(name: str, keys: str) -> None:
    assert pinyin_keys(name) == keys


def test_full_width_letters_and_capitals_are_folded() -> None:
    assert folded("ＧＡＴＥ　９\x00") == "gate 9"


@given(st.text(max_size=200))
def test_keys_of_any_text_are_two_words_of_bounded_length_or_none(name: str) -> None:
    words = pinyin_keys(name).split(" ")
    assert len(words) in (1, 2)
    assert len(words[0]) <= LONGEST_NAME * 20
