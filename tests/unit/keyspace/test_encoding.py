"""What OBJECT ENCODING says, at each limit and after what has been."""

import pytest

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.string import RawString
from pycluster.keyspace.encoding import Value, encoding_of
from pycluster.server.directives import Directives


def encoding(value: Value, **limits: int) -> str:
    return encoding_of(value, Directives(**limits))


@pytest.mark.parametrize(
    "value, name",
    [
        (b"1", "int"),
        (b"-9223372036854775808", "int"),
        (b"9223372036854775808", "embstr"),
        (b"01", "embstr"),
        (b"", "embstr"),
        (b"x" * 44, "embstr"),
        (b"x" * 45, "raw"),
        (RawString(b"1"), "raw"),
    ],
)
def test_strings(value: bytes, name: str) -> None:
    assert encoding(value) == name


def test_a_hash_is_small_up_to_a_number_of_fields() -> None:
    fields = Hash((b"%d" % number, b"") for number in range(512))
    assert encoding(fields) == "listpack"
    fields.put(b"one more", b"")
    assert encoding(fields) == "hashtable"


@pytest.mark.parametrize("item", [(b"x" * 65, b""), (b"", b"x" * 65)])
def test_a_hash_is_small_up_to_a_length_of_names_and_values(item: tuple[bytes, bytes]) -> None:
    assert encoding(Hash([item])) == "hashtable"
    assert encoding(Hash([item]), hash_max_listpack_value=65) == "listpack"


def test_a_hash_that_was_big_stays_big() -> None:
    fields = Hash([(b"a", b"x" * 65)])
    fields.put(b"a", b"x")
    assert encoding(fields) == "hashtable"
    fields = Hash([(b"x" * 65, b""), (b"a", b"")])
    fields.remove(b"x" * 65)
    assert encoding(fields) == "hashtable"


def test_a_hash_that_had_many_fields_stays_big() -> None:
    fields = Hash((b"%d" % number, b"") for number in range(513))
    for number in range(512):
        fields.remove(b"%d" % number)
    assert encoding(fields) == "hashtable"


def test_a_set_of_integers_is_an_intset_up_to_its_limit() -> None:
    members = Set(b"%d" % number for number in range(512))
    assert encoding(members) == "intset"
    members.add(b"512")
    assert encoding(members) == "hashtable"
    members.remove(b"512")
    assert encoding(members) == "hashtable"


def test_a_set_becomes_a_listpack_and_then_a_hashtable() -> None:
    members = Set([b"1", b"a"])
    assert encoding(members) == "listpack"
    members.remove(b"a")
    assert encoding(members) == "listpack"
    members.add(b"x" * 65)
    assert encoding(members) == "hashtable"


def test_an_intset_of_many_becomes_a_hashtable_at_its_first_word() -> None:
    members = Set(b"%d" % number for number in range(128))
    members.add(b"a")
    assert encoding(members) == "hashtable"


def test_an_intset_that_shrank_in_time_becomes_a_listpack() -> None:
    members = Set(b"%d" % number for number in range(200))
    for number in range(150):
        members.remove(b"%d" % number)
    members.add(b"a")
    assert encoding(members) == "listpack"


def test_a_sorted_set_is_small_up_to_its_limits() -> None:
    zset = SortedSet((b"%d" % number, 1.0) for number in range(128))
    assert encoding(zset) == "listpack"
    zset.put(b"one more", 1.0)
    assert encoding(zset) == "skiplist"
    zset.remove(b"one more")
    assert encoding(zset) == "skiplist"
    assert encoding(SortedSet([(b"x" * 65, 1.0)])) == "skiplist"


@pytest.mark.parametrize(
    "item, count",
    [
        (b"5", 4092),  # 2 bytes
        (b"-1", 2728),  # 3
        (b"-4096", 2728),  # 3
        (b"4096", 2046),  # 4
        (b"40000", 1637),  # 5
        (b"10000000", 1364),  # 6
        (b"10000000000", 818),  # 10
        (b"x" * 10, 682),  # 12
        (b"x" * 100, 79),  # 103
        (b"x" * 200, 40),  # 204
    ],
)
def test_a_list_is_a_listpack_up_to_its_bytes(item: bytes, count: int) -> None:
    assert encoding(List([item] * count)) == "listpack"
    assert encoding(List([item] * (count + 1))) == "quicklist"


def test_a_list_is_a_listpack_up_to_a_number_of_items_where_the_limit_says_so() -> None:
    assert encoding(List([b"a"] * 3), list_max_listpack_size=3) == "listpack"
    assert encoding(List([b"a"] * 4), list_max_listpack_size=3) == "quicklist"
    assert encoding(List([b"x" * 5000] * 2), list_max_listpack_size=3) == "quicklist"
    assert encoding(List([b"x" * 5000] * 13), list_max_listpack_size=-9) == "listpack"
