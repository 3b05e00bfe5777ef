"""One value, to bytes and back: each type's form in a file."""

import struct
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged, Unsupported
from pycluster.rdb.strings import Short
from pycluster.rdb.values import Unfinished, Value, put_value, type_of

strings = st.binary(max_size=80) | st.integers(-(2**63), 2**63).map(lambda number: b"%d" % number)
scores = st.floats(allow_nan=False)
values = st.one_of(
    strings,
    st.lists(strings, min_size=1).map(List),
    st.lists(strings, min_size=1).map(Set),
    st.dictionaries(strings, strings, min_size=1).map(lambda fields: Hash(fields.items())),
    st.dictionaries(strings, scores, min_size=1).map(lambda members: SortedSet(members.items())),
)


def in_file(value: Value) -> bytes:
    return b"".join(put_value(value))


def read(kind: int, body: str) -> Value:
    """The value of a type whose body is given in hexadecimal digits."""
    unfinished = Unfinished(kind)
    assert unfinished.read(bytes.fromhex(body), 0) == len(bytes.fromhex(body))
    return unfinished.value


def test_plain_types_are_written_as_counted_rows() -> None:
    assert in_file(List([b"a", b"b"])).hex() == "0201610162"
    assert in_file(Hash([(b"f", b"v")])).hex() == "0101660176"
    assert in_file(Set([b"m"])).hex() == "01016d"
    assert in_file(SortedSet([(b"m", 1.5)])).hex() == "01016d" + struct.pack("<d", 1.5).hex()


def test_a_large_collection_is_written_in_pieces() -> None:
    pieces = list(put_value(Set(b"%d" % number for number in range(5000))))
    assert len(pieces) > 4 and max(map(len, pieces)) < 8000


def test_scores_in_ascii_have_three_special_lengths() -> None:
    body = "03" + "0161" + "03312e35" + "0162" + "fe" + "0163" + "ff"
    assert read(opcodes.SORTED_SET_ASCII, body) == SortedSet([(b"a", 1.5), (b"b", inf), (b"c", -inf)])


def test_a_list_of_listpacks_may_hold_large_items_plain() -> None:
    listpack = "0c0000000200" + "0101" + "816102" + "ff"
    assert read(opcodes.LIST_OF_LISTPACKS, "02" + "02" + "0c" + listpack + "01" + "03" + "626967") == List(
        [b"1", b"a", b"big"]
    )


def test_entries_of_a_listpack_are_fields_and_values_or_members_and_scores() -> None:
    listpack = "0c" + "0c0000000200" + "816102" + "0101" + "ff"
    assert read(opcodes.HASH_LISTPACK, listpack) == Hash([(b"a", b"1")])
    assert read(opcodes.SORTED_SET_LISTPACK, listpack) == SortedSet([(b"a", 1.0)])
    assert read(opcodes.SET_LISTPACK, listpack).members.keys() == {b"a", b"1"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (opcodes.SET, "02" + "0161" * 2),
        (opcodes.HASH, "02" + "01610162" * 2),
        (opcodes.SORTED_SET, "02" + ("0161" + "00" * 8) * 2),
        (opcodes.SORTED_SET, "01" + "0161" + struct.pack("<d", float("nan")).hex()),
        (opcodes.SORTED_SET_ASCII, "01" + "0161" + "fd"),
        (opcodes.SORTED_SET_ASCII, "01" + "0161" + "0178"),
        (opcodes.HASH_LISTPACK, "09" + "090000000100" + "0101" + "ff"),
        (opcodes.LIST_OF_LISTPACKS, "01" + "03" + "0161"),
    ],
)
def test_members_that_come_twice_and_scores_that_are_no_numbers_are_damage(kind: int, body: str) -> None:
    with pytest.raises(Damaged):
        read(kind, body)


@pytest.mark.parametrize("kind", [opcodes.MODULE, opcodes.MODULE_PRE_RELEASE])
def test_what_is_not_known_here_is_refused_by_name(kind: int) -> None:
    with pytest.raises(Unsupported, match="module"):
        Unfinished(kind)


@given(values.filter(lambda value: not isinstance(value, bytes)), st.data())
def test_a_value_can_be_read_in_pieces_cut_anywhere(value: Value, data: st.DataObject) -> None:
    body = in_file(value)
    kind = type_of(value)
    unfinished, start = Unfinished(kind), 0
    for cut in sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=5))):
        with pytest.raises(Short) as caught:
            unfinished.read(body[start:cut], 0)
        start += caught.value.at
    assert unfinished.read(body[start:], 0) == len(body) - start
    assert unfinished.value == value
