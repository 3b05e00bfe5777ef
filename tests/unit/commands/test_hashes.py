"""Hash commands as functions: what the dialogues with a real server do not show."""

import pytest

from pycluster.commands.hashes import hdel, hgetall, hincrby, hincrbyfloat, hrandfield, hscan, hset
from pycluster.datatypes.hash import Hash
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import HashValueNotAnInteger, OutOfRange, WouldOverflow
from pycluster.protocol.numbers import parse_long_double
from tests.unit.commands.witness import Witness


def test_the_reply_of_hgetall_does_not_change_with_the_hash() -> None:
    db = Database()
    hset(db, b"h", b"a", b"1")
    reply = hgetall(db, b"h")
    hset(db, b"h", b"a", b"2")
    assert reply == {b"a": b"1"}


def test_a_new_hash_over_an_expired_one_has_no_deadline() -> None:
    db = Database()
    hset(db, b"h", b"old", b"1")
    db.set_deadline(b"h", 10)
    db.clock.now = 11
    assert hset(db, b"h", b"new", b"1") == 1
    assert hgetall(db, b"h") == {b"new": b"1"}
    assert db.deadline(b"h") is None


def test_a_hash_keeps_its_deadline_until_its_last_field_goes() -> None:
    db = Database()
    hset(db, b"h", b"a", b"1", b"b", b"2")
    db.set_deadline(b"h", 10)
    hdel(db, b"h", b"a")
    assert db.deadline(b"h") == 10
    hdel(db, b"h", b"b")
    assert db.deadline(b"h") is None


@pytest.mark.parametrize("value, error", [(b"x", HashValueNotAnInteger), (b"9223372036854775807", WouldOverflow)])
def test_a_refused_increment_changes_nothing(value: bytes, error: type[Exception]) -> None:
    witness = Witness()
    hset(witness.db, b"h", b"a", value)
    with pytest.raises(error):
        witness.see(hincrby, b"h", b"a", 1)
    assert hgetall(witness.db, b"h") == {b"a": value}
    assert witness.events == []


def test_a_float_increment_is_recorded_as_its_result() -> None:
    witness = Witness()
    witness.see(hincrbyfloat, b"h", b"a", parse_long_double(b"10.5"))
    assert witness.records == [[b"HSET", b"h", b"a", b"10.5"]]
    assert witness.events == ["hincrbyfloat h"]


def test_hdel_of_the_last_field_tells_of_the_key_too() -> None:
    witness = Witness()
    witness.see(hset, b"h", b"a", b"1", b"b", b"2")
    assert witness.events == ["hset h"]
    assert witness.see(hdel, b"h", b"x") == 0
    assert witness.events == []
    assert witness.see(hdel, b"h", b"a", b"b") == 2
    assert witness.events == ["hdel h", "del h"]


def test_a_sample_that_would_take_all_memory_is_refused() -> None:
    db = Database()
    hset(db, b"h", b"a", b"1")
    with pytest.raises(OutOfRange):
        hrandfield(db, b"h", b"-9000000000000")


def test_a_walk_through_a_big_hash_meets_every_field_once() -> None:
    db = Database()
    db.put(b"h", Hash((b"f%d" % number, b"%d" % number) for number in range(3000)))
    met, cursor = {}, 0
    for _ in range(3000):
        following, pairs = hscan(db, b"h", cursor, b"COUNT", b"100")
        assert isinstance(pairs, list) and isinstance(following, bytes)
        met.update(zip(pairs[::2], pairs[1::2], strict=True))
        cursor = int(following)
        if not cursor:
            break
    assert met == hgetall(db, b"h")
