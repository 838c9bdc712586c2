"""The search index: what is found, in what order, and that changes are seen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.finder import MOST_CANDIDATES, SEGMENT_BYTES, Finder, written
from registry.pinyin import pinyin_keys
from registry.store.promise import SearchLine

OWNER = "34020000002000000001"


def line(
    number: int, name: str, *, name_here: str | None = None, playable: bool = True, owner: str = OWNER
) -> SearchLine:
    keys = " ".join(k for k in (pinyin_keys(name), pinyin_keys(name_here or "")) if k)
    return SearchLine(owner, f"340200000013200{number:05d}", name, name_here, keys, playable)


def index(*lines: SearchLine) -> Finder:
    finder = Finder()
    finder.add(OWNER, map(written, lines))
    return finder


def found(finder: Finder, text: str, limit: int = 10, **wishes: bool) -> list[int]:
    return [int(code[-5:]) for _, code in finder.search(text, limit, **wishes)]


def test_a_part_of_the_name_finds_it_and_a_beginning_comes_first() -> None:
    finder = index(line(1, "东环城路"), line(2, "环城路01"), line(3, "北门"))
    assert found(finder, "环城") == [2, 1]
    assert found(finder, "南") == []


def test_initials_and_full_spelling_find_a_chinese_name() -> None:
    finder = index(line(1, "环城路"), line(2, "火车站"))
    assert found(finder, "hcl") == [1]
    assert found(finder, "huoche") == [2]
    assert found(finder, "HCZ") == [2]


def test_a_digit_of_a_code_is_not_taken_for_one_of_a_name() -> None:
    finder = index(line(1, "甲"), line(2, "乙 132"))
    assert found(finder, "132") == [2]


def test_a_further_word_may_be_the_beginning_of_the_code() -> None:
    finder = index(line(1, "甲 3号"), line(2, "甲 34020"))
    assert sorted(found(finder, "甲 34020")) == [1, 2]
    assert found(finder, "3号 34020") == [1]


def test_of_very_many_matches_those_that_begin_a_name_come_first() -> None:
    finder = index(*(line(n, f"东环城路{n}") for n in range(MOST_CANDIDATES + 50)), line(99_999, "环城路"))
    assert found(finder, "环城", 2)[0] == 99_999


def test_all_words_must_match() -> None:
    finder = index(line(1, "环城路 东"), line(2, "环城路 西"))
    assert found(finder, "西 环城") == [2]


def test_the_owners_name_and_ours_both_find_a_channel() -> None:
    finder = index(line(1, "IPC-7", name_here="大门"))
    assert found(finder, "ipc") == found(finder, "大门") == found(finder, "dm") == [1]


def test_only_what_has_a_picture_is_found_when_asked_so() -> None:
    finder = index(line(1, "门", playable=False), line(2, "门"))
    assert found(finder, "门") == [1, 2]
    assert found(finder, "门", playable_only=True) == [2]


def test_nothing_is_found_by_blanks_or_control_signs() -> None:
    finder = index(line(1, "门"))
    assert [found(finder, text) for text in ("", "  ", "\x1f", "\n", "\x02")] == [[]] * 5


def test_a_changed_line_is_found_by_its_new_name_alone_and_a_removed_one_not_at_all() -> None:
    finder = index(*(line(n, f"环城路{n}") for n in range(200)))
    new = line(7, "南门")
    finder.change(OWNER, {new.code: written(new)}, [line(8, "").code])
    assert found(finder, "南门") == [7]
    assert sorted(found(finder, "环城路", 300)) == [n for n in range(200) if n not in (7, 8)]


def test_a_dropped_owner_is_found_no_more_and_others_stay() -> None:
    finder = index(line(1, "门"))
    finder.add("other", [written(line(2, "门", owner="other"))])
    finder.drop(OWNER)
    assert finder.search("门", 5) == [("other", line(2, "").code)]


def test_many_lines_lie_in_several_segments_and_all_are_found() -> None:
    finder = index(*(line(n, f"环城路第{n:05d}号") for n in range(20_000)))
    assert finder.size_bytes > 2 * SEGMENT_BYTES
    assert found(finder, "第19999号") == [19_999]
    assert found(finder, "di00000h") == [0]


@settings(max_examples=60)
@given(
    st.dictionaries(st.integers(0, 60), st.text("ab环城路1 ", max_size=6), max_size=40),
    st.dictionaries(st.integers(0, 60), st.text("ab环城路1 ", max_size=6), max_size=20),
    st.sets(st.integers(0, 60), max_size=10),
    st.text("ab环城路1", min_size=1, max_size=2),
)
def test_search_finds_exactly_the_names_that_hold_the_text(
    first: dict[int, str], then: dict[int, str], away: set[int], text: str
) -> None:
    finder = index(*(line(n, name) for n, name in first.items()))
    changed = {line(n, name).code: written(line(n, name)) for n, name in then.items() if n not in away}
    finder.change(OWNER, changed, [line(n, "").code for n in away])
    names = {n: name for n, name in (first | then).items() if n not in away}
    wanted = {n for n, name in names.items() if text in name or text in pinyin_keys(name)}
    assert set(found(finder, text, 100)) - wanted == set()
    # A name's initials and spelling lie in fields of their own, as in the keys, so nothing is missed.
    assert wanted - set(found(finder, text, 100)) == set()
