"""The end of the stream, kept for those who were away."""

from hypothesis import given
from hypothesis import strategies as st

from pycluster.replication.backlog import BLOCK_LEAST, Backlog


def test_what_was_fed_can_be_read_from_any_offset() -> None:
    backlog = Backlog(1 << 20, first=101)
    backlog.feed(b"hello ")
    backlog.feed(b"world")
    assert backlog.read_from(101) == b"hello world"
    assert backlog.read_from(107) == b"world"
    assert backlog.read_from(112) == b""


def test_an_empty_backlog_serves_who_lacks_nothing() -> None:
    backlog = Backlog(1 << 20, first=1)
    assert backlog.holds(1) and not backlog.holds(0) and not backlog.holds(2)


def test_what_has_not_been_produced_yet_is_not_held() -> None:
    backlog = Backlog(1 << 20, first=1)
    backlog.feed(b"abc")
    assert backlog.holds(4) and not backlog.holds(5)


def test_a_full_backlog_keeps_at_least_its_size_and_not_much_more() -> None:
    backlog = Backlog(64 * 1024, first=1)
    for _ in range(1000):
        backlog.feed(b"x" * 1000)
    assert 64 * 1024 <= backlog.length <= 64 * 1024 + 2 * BLOCK_LEAST
    assert backlog.first + backlog.length == 1_000_001


def test_a_smaller_size_drops_the_oldest_at_once() -> None:
    backlog = Backlog(1 << 20, first=1)
    for _ in range(1000):
        backlog.feed(b"x" * 1000)
    backlog.resize(BLOCK_LEAST)
    assert backlog.length < 4 * BLOCK_LEAST and backlog.holds(1_000_001)


@given(st.lists(st.binary(max_size=30_000), max_size=20), st.integers(BLOCK_LEAST, 100_000))
def test_a_backlog_holds_the_end_of_all_that_was_fed(pieces: list[bytes], size: int) -> None:
    backlog = Backlog(size, first=1)
    for piece in pieces:
        backlog.feed(piece)
    stream = b"".join(pieces)
    assert backlog.length >= min(size, len(stream))
    for offset in (backlog.first, backlog.first + backlog.length // 2, len(stream) + 1):
        assert backlog.read_from(offset) == stream[offset - 1 :]
