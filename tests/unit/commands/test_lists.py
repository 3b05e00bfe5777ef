"""List commands as functions: records, events and waits."""

from collections.abc import Callable

import pytest

from pycluster.commands.list_waits import blmove, blmpop, blpop, brpop, brpoplpush
from pycluster.commands.lists import LEFT, RIGHT, linsert, lmove, lmpop, lpop, lpush, lrange, ltrim, rpop, rpush
from pycluster.datatypes.block_list import List
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import TimeoutNegative, TimeoutNotAFloat, TimeoutOutOfRange, WrongType
from pycluster.protocol.replies import Wait
from tests.unit.commands.witness import Witness


def with_list(*items: bytes) -> Witness:
    witness = Witness()
    witness.see(rpush, b"l", *items)
    return witness


@pytest.mark.parametrize("pop, item, record", [(blpop, b"a", b"LPOP"), (brpop, b"c", b"RPOP")])
def test_a_blocking_pop_that_need_not_wait_is_recorded_as_a_pop(
    pop: Callable[..., object], item: bytes, record: bytes
) -> None:
    witness = with_list(b"a", b"b", b"c")
    assert witness.see(pop, b"none", b"l", b"0") == [b"l", item]
    assert witness.records == [[record, b"l"]]


@pytest.mark.parametrize("pop", [blpop, brpop])
def test_a_blocking_pop_waits_for_any_of_its_keys(pop: Callable[..., object]) -> None:
    assert pop(Database(), b"a", b"b", b"1.5") == Wait([b"a", b"b"], List, 1.5)


@pytest.mark.parametrize("timeout, seconds", [(b"0", 0), (b"0.0001", 0.001), (b"-0.0001", 0), (b"1e3", 1000)])
def test_timeouts_are_rounded_up_to_milliseconds(timeout: bytes, seconds: float) -> None:
    wait = blpop(Database(), b"a", timeout)
    assert isinstance(wait, Wait)
    assert wait.timeout == seconds


@pytest.mark.parametrize(
    "timeout, error",
    [(b"x", TimeoutNotAFloat), (b"-1", TimeoutNegative), (b"inf", TimeoutOutOfRange), (b"-inf", TimeoutNegative),
     (b"9223372036854775", TimeoutOutOfRange)],
)  # fmt: skip
def test_a_bad_timeout_is_refused_before_anything_is_popped(timeout: bytes, error: type[Exception]) -> None:
    witness = with_list(b"a")
    with pytest.raises(error):
        witness.see(blpop, b"l", timeout)
    assert lrange(witness.db, b"l", 0, -1) == [b"a"]


def test_pops_from_several_are_recorded_with_the_number_popped() -> None:
    witness = with_list(b"a", b"b", b"c")
    assert witness.see(lmpop, 2, b"none", b"l", b"left", b"COUNT", b"2") == [b"l", [b"a", b"b"]]
    assert witness.records == [[b"LPOP", b"l", b"2"]]
    assert witness.see(blmpop, b"0", 1, b"l", b"RIGHT", b"COUNT", b"9") == [b"l", [b"c"]]
    assert witness.records == [[b"RPOP", b"l", b"1"]]
    assert witness.events == ["rpop l", "del l"]


def test_blmpop_waits_for_its_keys_only() -> None:
    assert blmpop(Database(), b"0", 2, b"a", b"b", b"LEFT", b"COUNT", b"2") == Wait([b"a", b"b"], List, 0)


def test_blocking_moves_are_recorded_as_moves() -> None:
    witness = with_list(b"a", b"b")
    assert witness.see(blmove, b"l", b"m", b"left", b"right", b"0") == b"a"
    assert witness.records == [[b"LMOVE", b"l", b"m", b"left", b"right"]]
    assert witness.see(brpoplpush, b"l", b"m", b"0") == b"b"
    assert witness.records == [[b"RPOPLPUSH", b"l", b"m"]]


def test_a_blocking_move_waits_for_its_source() -> None:
    assert blmove(Database(), b"l", b"m", b"LEFT", b"LEFT", b"0.5") == Wait([b"l"], List, 0.5, denied=None)


def test_a_move_tells_of_the_push_before_the_pop() -> None:
    witness = with_list(b"a")
    witness.see(lmove, b"l", b"m", b"LEFT", b"RIGHT")
    assert witness.events == ["rpush m", "lpop l", "del l"]
    assert witness.records is None


def test_a_list_may_be_moved_onto_itself() -> None:
    witness = with_list(b"a")
    assert witness.see(lmove, b"l", b"l", b"LEFT", b"RIGHT") == b"a"
    assert lrange(witness.db, b"l", 0, -1) == [b"a"]


def test_a_move_to_another_type_takes_nothing() -> None:
    witness = with_list(b"a")
    witness.db.put(b"s", b"x")
    with pytest.raises(WrongType):
        witness.see(lmove, b"l", b"s", b"LEFT", b"LEFT")
    assert lrange(witness.db, b"l", 0, -1) == [b"a"]


def test_pops_with_a_count_come_in_the_order_of_single_pops() -> None:
    witness = with_list(b"a", b"b", b"c", b"d")
    assert witness.see(rpop, b"l", b"2") == [b"d", b"c"]
    assert witness.see(lpop, b"l", b"2") == [b"a", b"b"]
    assert witness.events == ["lpop l", "del l"]


def test_the_reply_of_lrange_does_not_change_with_the_list() -> None:
    witness = with_list(b"a", b"b")
    reply = lrange(witness.db, b"l", 0, -1)
    witness.see(lpush, b"l", b"x")
    assert reply == [b"a", b"b"]


def test_a_list_keeps_its_deadline_while_it_has_items() -> None:
    witness = with_list(b"a", b"b")
    witness.db.set_deadline(b"l", 10)
    witness.see(ltrim, b"l", 0, 0)
    assert witness.db.deadline(b"l") == 10
    witness.see(ltrim, b"l", 5, 6)
    assert witness.db.deadline(b"l") is None
    assert witness.events == ["ltrim l", "del l"]


def test_an_insertion_without_its_pivot_is_no_change() -> None:
    witness = with_list(b"a")
    assert witness.see(linsert, b"l", b"BEFORE", b"nobody", b"x") == -1
    assert witness.events == []
    assert witness.db.journal.changes == 1


def test_ends_are_words() -> None:
    assert (LEFT, RIGHT) == (b"LEFT", b"RIGHT")
