"""Numbers lent and given back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from broker.ssrc_pool import BORROWED_LIMIT, NoNumber, SsrcPool


@pytest.mark.parametrize(
    ("domain", "live", "text"),
    [
        ("13010000002000000001", True, "0100000001"),
        ("34020000002000000001", True, "0200000001"),
        ("34020000002000000001", False, "1200000001"),
        ("3402000000", True, "0200000001"),
    ],
)
def test_the_first_number_is_that_of_the_standards_examples(domain, live, text):
    with SsrcPool(domain, live=live).lend() as number:
        assert f"{number:010d}" == text


def test_a_number_comes_back_whatever_happens_and_is_lent_again_last():
    pool = SsrcPool("34020000002000000001", per_realm=3)
    with pytest.raises(RuntimeError), pool.lend() as first:
        raise RuntimeError
    assert (pool.lent, pool.free) == (0, 3)
    with pool.lend() as second, pool.lend() as third, pool.lend() as fourth:
        assert fourth == first and len({second, third, fourth}) == 3


def test_on_exhaustion_other_realms_are_borrowed_from_and_then_it_is_said():
    pool = SsrcPool("34020000002000000001", per_realm=2)
    with ExitStack() as taken:
        numbers = [taken.enter_context(pool.lend()) for _ in range(2 * (BORROWED_LIMIT + 1))]
        assert len(set(numbers)) == len(numbers)
        assert f"{numbers[2]:010d}" == "0200010001" and pool.borrowed_realms == BORROWED_LIMIT
        assert all(number < 2**31 for number in numbers)
        with pytest.raises(NoNumber):
            taken.enter_context(pool.lend())
    assert pool.lent == 0


@pytest.mark.parametrize("domain", ["", "3402", "3402abcdef", "34020000002000000001x"[:7]])
def test_a_domain_without_realm_digits_is_refused(domain):
    with pytest.raises(ValueError):
        SsrcPool(domain)
