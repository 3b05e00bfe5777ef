"""Arguments that several families take: ranges of indexes, ends and counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.commands.arguments import index_range, parse_at_least, parse_numkeys, parse_symmetric, read_pop
from pycluster.protocol.errors import BadSyntax, CountTooSmall, LimitNegative, NumkeysTooSmall, OutOfSymmetricRange

INDEXES = st.integers(-12, 12) | st.sampled_from([-(1 << 63), (1 << 63) - 1])


@given(INDEXES, INDEXES, st.integers(1, 8))
def test_a_range_of_indexes_holds_what_users_mean(start: int, stop: int, length: int) -> None:
    first = start + length if start < 0 else start
    last = stop + length if stop < 0 else stop
    meant = [index for index in range(length) if first <= index <= last]
    assert list(range(*index_range(start, stop, length))) == meant


@given(INDEXES, INDEXES, st.integers(0, 8))
def test_a_range_of_indexes_never_leaves_the_list(start: int, stop: int, length: int) -> None:
    first, last = index_range(start, stop, length)
    assert 0 <= first <= last <= length


@pytest.mark.parametrize("digits", [b"0", b"-1", b"x", b"", b"9223372036854775808"])
def test_all_that_is_wrong_with_a_number_of_keys_is_one_complaint(digits: bytes) -> None:
    with pytest.raises(NumkeysTooSmall):
        parse_numkeys(digits)


def test_a_least_value_is_allowed_itself() -> None:
    assert parse_at_least(0, b"0", LimitNegative) == 0


def test_the_smallest_integer_has_no_twin() -> None:
    assert parse_symmetric(b"-9223372036854775807") == -(1 << 63) + 1
    with pytest.raises(OutOfSymmetricRange):
        parse_symmetric(b"-9223372036854775808")


def test_a_pop_is_keys_then_an_end_then_a_count() -> None:
    assert read_pop(2, (b"a", b"b", b"left"), (b"LEFT", b"RIGHT")) == ((b"a", b"b"), b"LEFT", 1)
    assert read_pop(1, (b"a", b"MAX", b"count", b"3"), (b"MIN", b"MAX")) == ((b"a",), b"MAX", 3)


@pytest.mark.parametrize(
    "rest", [(b"a",), (b"a", b"up"), (b"a", b"MIN", b"COUNT"), (b"a", b"MIN", b"COUNT", b"1", b"x")]
)
def test_a_pop_that_ends_otherwise_is_refused(rest: tuple[bytes, ...]) -> None:
    with pytest.raises(BadSyntax):
        read_pop(1, rest, (b"MIN", b"MAX"))


def test_a_bad_count_is_told_before_what_follows_it() -> None:
    with pytest.raises(CountTooSmall):
        read_pop(1, (b"a", b"MIN", b"COUNT", b"0", b"x"), (b"MIN", b"MAX"))
