"""The packed structures: LZF, listpack, ziplist, zipmap, intset, from bytes as Redis writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.rdb import lzf
from pycluster.rdb.errors import Damaged
from pycluster.rdb.intset import read_intset
from pycluster.rdb.listpack import read_listpack
from pycluster.rdb.ziplist import read_ziplist
from pycluster.rdb.zipmap import read_zipmap

repetitive = st.lists(st.sampled_from([b"a", b"abc", b"0123456789" * 30, b"\0" * 100]), max_size=40).map(b"".join)


def listpack(*entries: bytes) -> bytes:
    """Entries without the length behind them, which is added: short ones only."""
    body = b"".join(entry + bytes((len(entry),)) for entry in entries)
    return (len(body) + 7).to_bytes(4, "little") + len(entries).to_bytes(2, "little") + body + b"\xff"


def ziplist(*entries: bytes) -> bytes:
    """Entries without the length of the one before, which is put in front: short ones only."""
    body, before, last = b"", 0, 10
    for entry in entries:
        last = 10 + len(body)
        body += bytes((before,)) + entry
        before = 1 + len(entry)
    head = (len(body) + 11).to_bytes(4, "little") + last.to_bytes(4, "little") + len(entries).to_bytes(2, "little")
    return head + body + b"\xff"


def intset(width: int, *numbers: int) -> bytes:
    head = width.to_bytes(4, "little") + len(numbers).to_bytes(4, "little")
    return head + b"".join(number.to_bytes(width, "little", signed=True) for number in numbers)


# LZF


@given(repetitive)
def test_what_was_compressed_comes_back(plain: bytes) -> None:
    packed = lzf.compress(plain)
    assert packed is None or lzf.decompress(packed, len(plain)) == plain


def test_a_run_is_packed_as_a_copy_that_overlaps_itself() -> None:
    assert lzf.compress(b"a" * 100) == b"\x00a\xe0\x5a\x00"


def test_noise_is_not_compressed() -> None:
    assert lzf.compress(bytes(range(256))) is None


def test_a_distance_beyond_8192_is_not_used() -> None:
    far = b"0123456789abcdef" + bytes(range(256)) * 33 + b"0123456789abcdef"
    packed = lzf.compress(far)
    assert packed is not None and lzf.decompress(packed, len(far)) == far


@pytest.mark.parametrize(
    ("packed", "size"),
    [
        (b"\x00a", 2),
        (b"\x00a", 0),
        (b"\x05a", 6),
        (b"\x20\x00", 3),
        (b"\x00a\xe0", 100),
        (b"\x00a", 10**18),
        (b"\x00", 1),
    ],
)
def test_a_compressed_string_that_does_not_fit_its_claim_is_damaged(packed: bytes, size: int) -> None:
    with pytest.raises(Damaged):
        lzf.decompress(packed, size)


def test_only_what_repeats_itself_is_worth_compressing() -> None:
    assert lzf.repeats_itself(b"value:12" + bytes(1000))
    assert not lzf.repeats_itself(bytes(range(256)))


# Listpack


@pytest.mark.parametrize(
    ("entry", "meaning"),
    [
        (b"\x00", b"0"),
        (b"\x7f", b"127"),
        (b"\xc0\x80", b"128"),
        (b"\xdf\xff", b"-1"),
        (b"\xd0\x00", b"-4096"),
        (b"\xf1\x00\x80", b"-32768"),
        (b"\xf2\xff\xff\x7f", b"8388607"),
        (b"\xf3\x00\x00\x00\x80", b"-2147483648"),
        (b"\xf4" + b"\xff" * 7 + b"\x7f", b"9223372036854775807"),
        (b"\x80", b""),
        (b"\x83abc", b"abc"),
        (b"\xe0\x03abc", b"abc"),
        (b"\xf0\x03\x00\x00\x00abc", b"abc"),
    ],
)
def test_an_entry_of_a_listpack_means_a_string(entry: bytes, meaning: bytes) -> None:
    assert read_listpack(listpack(entry, b"\x81x")) == [meaning, b"x"]


def test_a_long_entry_has_its_length_behind_it_in_seven_bit_pieces() -> None:
    long = b"\xe1\x2c" + b"y" * 300
    packed = (6 + 302 + 2 + 1).to_bytes(4, "little") + b"\x01\x00" + long + b"\x02\xae" + b"\xff"
    assert read_listpack(packed) == [b"y" * 300]


def test_a_listpack_of_65535_entries_or_more_does_not_count_them() -> None:
    packed = bytearray(listpack(b"\x01", b"\x02"))
    packed[4:6] = b"\xff\xff"
    assert read_listpack(bytes(packed)) == [b"1", b"2"]


# Ziplist


@pytest.mark.parametrize(
    ("entry", "meaning"),
    [
        (b"\xf1", b"0"),
        (b"\xfd", b"12"),
        (b"\xfe\x80", b"-128"),
        (b"\xc0\x00\x80", b"-32768"),
        (b"\xf0\xff\xff\x7f", b"8388607"),
        (b"\xd0\x00\x00\x00\x80", b"-2147483648"),
        (b"\xe0" + b"\xff" * 7 + b"\x7f", b"9223372036854775807"),
        (b"\x00", b""),
        (b"\x03abc", b"abc"),
        (b"\x40\x03abc", b"abc"),
        (b"\x80\x00\x00\x00\x03abc", b"abc"),
    ],
)
def test_an_entry_of_a_ziplist_means_a_string(entry: bytes, meaning: bytes) -> None:
    assert read_ziplist(ziplist(entry, b"\x01x")) == [meaning, b"x"]


def test_the_example_in_the_description_of_ziplists_reads_as_2_and_5() -> None:
    assert read_ziplist(bytes.fromhex("0f0000000c000000020000f302f6ff")) == [b"2", b"5"]


def test_a_long_entry_of_a_ziplist_is_followed_by_five_bytes_of_length() -> None:
    body = b"\x00\x41\x2c" + b"y" * 300 + b"\xfe\x2f\x01\x00\x00\x01x"
    head = (10 + len(body) + 1).to_bytes(4, "little") + (10 + 303).to_bytes(4, "little") + b"\x02\x00"
    assert read_ziplist(head + body + b"\xff") == [b"y" * 300, b"x"]


# Zipmap and intset


def test_a_zipmap_holds_fields_and_values_with_free_bytes() -> None:
    assert read_zipmap(b"\x02\x03foo\x02\x01hi?\x05hello\x05\x00world\xff") == [b"foo", b"hi", b"hello", b"world"]


def test_a_zipmap_may_hold_long_strings() -> None:
    assert read_zipmap(b"\x01\x01f\xfe\x2c\x01\x00\x00\x00" + b"y" * 300 + b"\xff") == [b"f", b"y" * 300]


@pytest.mark.parametrize("width", [2, 4, 8])
def test_an_intset_holds_numbers_of_one_width(width: int) -> None:
    assert read_intset(intset(width, -5, 0, 1000)) == [b"-5", b"0", b"1000"]


@pytest.mark.parametrize("packed", [intset(2, 2, 1), intset(2, 1, 1), intset(3, 1), intset(2, 1)[:-1], b"", b"\x02"])
def test_an_intset_out_of_order_or_of_the_wrong_length_is_damaged(packed: bytes) -> None:
    with pytest.raises(Damaged):
        read_intset(packed)


# Mangled: nothing but Damaged ever comes out of it.

WHOLE = [
    (read_listpack, listpack(b"\x01", b"\x83abc", b"\xe0\x03abc", b"\xf4" + bytes(8), b"\xc1\x00")),
    (read_ziplist, ziplist(b"\xf3", b"\x03abc", b"\x40\x03abc", b"\xe0" + bytes(8))),
    (read_zipmap, b"\x02\x03foo\x02\x01hi?\x05hello\x05\x00world\xff"),
    (read_intset, intset(4, -5, 0, 1000)),
]


@given(st.sampled_from(WHOLE), st.data())
def test_a_mangled_structure_is_read_or_refused(whole, data: st.DataObject) -> None:
    read, packed = whole
    mangled = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 3))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    try:
        entries = read(bytes(mangled[: data.draw(st.integers(0, len(mangled)))]))
    except Damaged:
        return
    assert all(isinstance(entry, bytes) for entry in entries)


@given(st.binary(max_size=60), st.integers(0, 3000))
def test_anything_given_to_decompress_has_the_claimed_length_or_is_refused(packed: bytes, size: int) -> None:
    try:
        assert len(lzf.decompress(packed, size)) == size
    except Damaged:
        pass
