"""Set commands as functions: records, events and chance."""

from collections import Counter

import pytest

from pycluster.commands.sets import (
    sadd,
    sdiffstore,
    sinterstore,
    smembers,
    smove,
    spop,
    srandmember,
    sscan,
    sunionstore,
)
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import OutOfRange
from tests.unit.commands.witness import Witness


def with_set(*members: bytes) -> Witness:
    witness = Witness()
    witness.see(sadd, b"s", *members)
    return witness


def numbered(count: int) -> list[bytes]:
    return [b"m%d" % number for number in range(count)]


def test_a_pop_is_recorded_as_the_removal_of_what_came() -> None:
    witness = with_set(b"a", b"b")
    member = witness.see(spop, b"s")
    assert witness.records == [[b"SREM", b"s", member]]
    assert witness.events == ["spop s"]
    assert set(smembers(witness.db, b"s")) == {b"a", b"b"} - {member}


def test_the_pop_of_the_last_member_tells_of_the_key_too() -> None:
    witness = with_set(b"a")
    assert witness.see(spop, b"s") == b"a"
    assert witness.records == [[b"SREM", b"s", b"a"]]
    assert witness.events == ["spop s", "del s"]


def test_a_pop_of_all_members_is_recorded_as_a_deletion() -> None:
    witness = with_set(b"a", b"b")
    assert sorted(witness.see(spop, b"s", b"2")) == [b"a", b"b"]
    assert witness.records == [[b"DEL", b"s"]]
    assert witness.events == ["spop s", "del s"]


def test_a_pop_of_many_is_recorded_in_pieces() -> None:
    witness = with_set(*numbered(3000))
    taken = witness.see(spop, b"s", b"2500")
    assert witness.records is not None
    assert [len(record) for record in witness.records] == [1026, 1026, 454]
    assert {member for record in witness.records for member in record[2:]} == set(taken)
    assert set(smembers(witness.db, b"s")) == set(numbered(3000)) - set(taken)


def test_a_pop_of_nothing_is_no_change() -> None:
    witness = with_set(b"a")
    assert witness.see(spop, b"s", b"0") == []
    assert witness.events == []


def test_each_member_is_as_likely_as_the_other() -> None:
    witness = with_set(*numbered(600))
    thrown = Counter(srandmember(witness.db, b"s", b"-60000"))
    assert len(thrown) == 600
    assert max(thrown.values()) < 160


def test_a_sample_that_would_take_all_memory_is_refused() -> None:
    with pytest.raises(OutOfRange):
        srandmember(with_set(b"a").db, b"s", b"-9000000000000")


def test_the_same_seed_takes_the_same_members() -> None:
    def taken() -> object:
        witness = with_set(*numbered(100))
        witness.db.rng.seed(5)
        return witness.see(spop, b"s"), witness.see(srandmember, b"s", b"5")

    assert taken() == taken()


def test_a_move_tells_of_both_sets() -> None:
    witness = with_set(b"a", b"b")
    witness.see(smove, b"s", b"t", b"a")
    assert witness.events == ["srem s", "sadd t"]
    witness.see(smove, b"s", b"t", b"b")
    assert witness.events == ["srem s", "del s", "sadd t"]
    assert witness.see(smove, b"s", b"t", b"b") == 0
    assert witness.events == []


def test_a_stored_set_replaces_whatever_was_there() -> None:
    witness = with_set(b"a")
    witness.db.put(b"d", b"a string")
    witness.db.set_deadline(b"d", 10)
    assert witness.see(sunionstore, b"d", b"s") == 1
    assert witness.events == ["sunionstore d"]
    assert witness.db.deadline(b"d") is None
    assert smembers(witness.db, b"d") == [b"a"]


def test_an_empty_result_removes_the_destination() -> None:
    witness = with_set(b"a")
    witness.see(sunionstore, b"d", b"s")
    assert witness.see(sinterstore, b"d", b"s", b"none") == 0
    assert witness.events == ["del d"]
    witness.see(sdiffstore, b"d", b"s", b"s")
    assert witness.events == []


def test_a_stored_set_is_not_its_source() -> None:
    witness = with_set(b"a")
    witness.see(sunionstore, b"d", b"s")
    witness.see(sadd, b"d", b"b")
    assert smembers(witness.db, b"s") == [b"a"]


def test_adding_what_is_there_is_no_change() -> None:
    witness = with_set(b"a")
    changes = witness.db.journal.changes
    assert witness.see(sadd, b"s", b"a") == 0
    assert witness.events == []
    assert witness.db.journal.changes == changes


def test_a_walk_through_a_big_set_meets_every_member_once() -> None:
    db = Database()
    sadd(db, b"s", *numbered(3000))
    met: list[bytes] = []
    cursor = 0
    for _ in range(3000):
        following, members = sscan(db, b"s", cursor, b"COUNT", b"50")
        met += members  # type: ignore[operator]
        cursor = int(following)  # type: ignore[call-overload]
        if not cursor:
            break
    assert sorted(met) == sorted(numbered(3000))
