"""The payload of DUMP: sealed, unsealed, restored; what is not one, and what is one but holds no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.protocol.errors import PayloadSpoiled
from pycluster.rdb.crc64 import crc64
from pycluster.rdb.errors import Unreadable
from pycluster.rdb.payload import dump, pieces_of, restore, restore_in_steps, seal, unseal
from pycluster.rdb.values import Value

EMPTY_OF_REDIS_7_0 = bytes.fromhex("0a005d9b5c400f7fa2da")  # FUNCTION DUMP where there is no library

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


def test_an_empty_body_is_sealed_as_redis_seals_it() -> None:
    assert seal(b"") == EMPTY_OF_REDIS_7_0


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
    assert restore(seal(bytes.fromhex("00c00a"))) == b"10"


@pytest.mark.parametrize("at", range(14))
def test_no_byte_can_change_unnoticed(at: int) -> None:
    payload = bytearray(seal(b"body"))
    payload[at] ^= 1
    with pytest.raises(PayloadSpoiled):
        unseal(bytes(payload))


@pytest.mark.parametrize("length", range(10))
def test_what_is_too_short_for_a_footer_is_spoiled(length: int) -> None:
    with pytest.raises(PayloadSpoiled):
        unseal(bytes(length))


@pytest.mark.parametrize(("version", "is_known"), [(1, True), (11, True), (12, True), (13, False), (80, True)])
def test_only_versions_that_are_read_are_opened(version: int, is_known: bool) -> None:
    closed = b"body" + version.to_bytes(2, "little")
    payload = closed + crc64(closed).to_bytes(8, "little")
    if is_known:
        assert unseal(payload) == b"body"
    else:
        with pytest.raises(PayloadSpoiled):
            unseal(payload)


@pytest.mark.parametrize("body", ["", "00", "0005616263", "01", "0100", "02020161", "63", "0f00", "0001767677"])
def test_an_intact_payload_that_makes_no_sense_is_refused(body: str) -> None:
    with pytest.raises(Unreadable):
        restore(seal(bytes.fromhex(body)))


def steps_of(payload: bytes) -> tuple[Value, int]:
    """The value read in steps, and how many steps that took."""
    steps, count = restore_in_steps(payload), 0
    while True:
        try:
            next(steps)
            count += 1
        except StopIteration as end:
            return end.value, count


@given(values)
def test_a_payload_is_restored_in_steps(value: Value) -> None:
    assert steps_of(dump(value))[0] == value


def test_a_large_value_takes_many_steps() -> None:
    value = Hash((b"field:%d" % number, bytes(number % 300)) for number in range(10_000))
    restored, count = steps_of(dump(value, compress=False))
    assert restored == value and count > 100


def test_one_member_that_is_longer_than_a_step_is_read() -> None:
    value = List([b"small", bytes(1_000_000), b"small"])
    assert steps_of(dump(value, compress=False))[0] == value


@pytest.mark.parametrize("spoiled", [b"", bytes(9), dump(b"v")[:-1], b"x" + dump(b"v" * 1_000_000)])
def test_what_is_spoiled_is_refused_in_steps_too(spoiled: bytes) -> None:
    with pytest.raises(PayloadSpoiled):
        steps_of(spoiled)


@pytest.mark.parametrize("body", ["", "00", "0005616263", "01", "0100", "02020161", "63", "0f00", "0001767677"])
def test_what_makes_no_sense_is_refused_in_steps_too(body: str) -> None:
    with pytest.raises(Unreadable):
        steps_of(seal(bytes.fromhex(body)))
