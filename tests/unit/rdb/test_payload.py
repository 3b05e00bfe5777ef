"""The payload of DUMP: sealed, unsealed, restored; what is not one, and what is one but holds no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.protocol.errors import BadPayload
from pycluster.rdb.crc64 import crc64
from pycluster.rdb.errors import Unreadable
from pycluster.rdb.payload import dump, pieces_of, read_value, restore, seal, unseal
from pycluster.rdb.values import Value

strings = st.binary(max_size=80) | st.integers(-(2**63), 2**63).map(lambda number: b"%d" % number)
scores = st.floats(allow_nan=False)
values = st.one_of(
    strings,
    st.lists(strings, min_size=1).map(List),
    st.lists(strings, min_size=1).map(Set),
    st.dictionaries(strings, strings, min_size=1).map(lambda fields: Hash(fields.items())),
    st.dictionaries(strings, scores, min_size=1).map(lambda members: SortedSet(members.items())),
)


@given(values)
def test_what_was_dumped_can_be_restored(value: Value) -> None:
    restored = restore(dump(value))
    assert restored == value and restored.__class__ is value.__class__


@given(st.binary(max_size=100))
def test_what_was_sealed_can_be_unsealed(body: bytes) -> None:
    assert unseal(seal(body)) == body


def test_a_payload_ends_with_version_10_and_the_checksum() -> None:
    assert dump(b"v").hex() == "000176" + "0a00" + "9108ceb219388ace"


def test_a_payload_in_pieces_is_the_same_payload() -> None:
    value = Set(b"%d" % number for number in range(5000))
    pieces = list(pieces_of(value))
    assert len(pieces) > 4 and b"".join(pieces) == dump(value)


def test_a_body_that_redis_7_made_is_read() -> None:
    assert read_value(bytes.fromhex("00c00a")) == b"10"


@pytest.mark.parametrize("spoiled", [b"", b"x", dump(b"v")[:-1], dump(b"v") + b"x", b"\0\1w" + dump(b"v")[3:]])
def test_a_payload_with_a_wrong_checksum_is_refused(spoiled: bytes) -> None:
    with pytest.raises(BadPayload):
        unseal(spoiled)


def test_a_payload_of_an_unknown_version_is_refused_though_its_checksum_is_right() -> None:
    from_the_future = b"\x00\x01v" + (4000).to_bytes(2, "little")
    with pytest.raises(BadPayload):
        unseal(from_the_future + crc64(from_the_future).to_bytes(8, "little"))


@pytest.mark.parametrize("body", ["", "00", "0005616263", "01", "0100", "02020161", "63", "0f00", "0001767677"])
def test_an_intact_payload_that_makes_no_sense_is_refused(body: str) -> None:
    with pytest.raises(Unreadable):
        restore(seal(bytes.fromhex(body)))
