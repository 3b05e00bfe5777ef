"""Digests as DEBUG DIGEST gives them; the expected ones were asked of redis-server 7.0.15."""

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.keyspace.digest import digest_all, digest_value


def test_no_key_is_forty_zeros() -> None:
    assert digest_all([Database()]) == digest_value(None, False) == "0" * 40


def test_each_type_has_the_digest_that_redis_gives_it() -> None:
    values = [b"v", List([b"a", b"b"]), Set([b"a", b"b"]), SortedSet([(b"a", 1.5)]), Hash([(b"f", b"v")])]
    assert [digest_value(value, False) for value in values] == EXPECTED


def test_what_has_no_order_has_none_in_the_digest() -> None:
    assert digest_value(Set([b"a", b"b"]), False) == digest_value(Set([b"b", b"a"]), False)
    assert digest_value(List([b"a", b"b"]), False) != digest_value(List([b"b", b"a"]), False)


def test_that_a_key_expires_shows_but_not_when() -> None:
    assert digest_value(b"v", True) != digest_value(b"v", False)


def test_it_matters_in_which_database_a_key_is() -> None:
    dbs = [Database(0), Database(1)]
    for db in dbs:
        db.put(b"k", b"v")
    assert digest_all(dbs[:1]) != digest_all(dbs[1:])


EXPECTED = [
    "d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f",
    "62f55a532623cf6c3d81081db480b6fd8461eb3f",
    "dd99329063ca0f1f28df2ac68d94b82fd95501c6",
    "4abede9eeefb1bae2bf5394291a39b9e34b5b2b6",
    "90c76e9e9f4c62d642a34fc97c7dad503b51f906",
]
