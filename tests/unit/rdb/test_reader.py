"""Whole files, as bytes that come in pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.rdb import opcodes
from pycluster.rdb.crc64 import crc64
from pycluster.rdb.errors import Damaged, Unreadable, Unsupported
from pycluster.rdb.reader import Entry, FileReader
from pycluster.rdb.writer import write_file

KEY_1 = "00" + "016b" + "0131"  # k = 1


def rdb(*records: str, magic: bytes = b"REDIS0010") -> bytes:
    """A file of records in hexadecimal digits, with its checksum."""
    body = magic + bytes.fromhex("".join(records)) + b"\xff"
    return body + crc64(body).to_bytes(8, "little")


def read(file: bytes, piece: int = 1 << 20) -> tuple[FileReader, list[Entry]]:
    reader = FileReader()
    entries = [entry for at in range(0, len(file), piece) for entry in reader.feed(file[at : at + piece])]
    reader.end()
    return reader, entries


def written(*keys: tuple[bytes, object], deadlines: dict[bytes, int] | None = None) -> bytes:
    db = Database()
    for key, value in keys:
        db.put(key, value)
    for key, deadline in (deadlines or {}).items():
        db.set_deadline(key, deadline)
    return b"".join(write_file([db], {"redis-ver": "7.2.4"}))


EVERY_TYPE = written(
    (b"string", b"value"),
    (b"long", b"0123456789abcdef" * 100),
    (b"list", List([b"a", b"b"])),
    (b"set", Set([b"1", b"2"])),
    (b"hash", Hash([(b"f", b"v")])),
    (b"sorted", SortedSet([(b"m", -0.5)])),
    deadlines={b"string": 1 << 41, b"hash": 5},
)


def test_a_file_says_its_version_and_its_checksum_is_checked() -> None:
    reader, entries = read(rdb(KEY_1))
    assert (reader.version, reader.checked, entries) == (10, True, [(0, b"k", b"1", None)])


def test_a_file_of_valkey_9_has_another_magic() -> None:
    assert read(rdb(KEY_1, magic=b"VALKEY080"))[0].version == 80


@pytest.mark.parametrize("magic", [b"REDIS0013", b"REDIS0000", b"REDIS00x1", b"VALKEY081", b"VALKEYx80"])
def test_a_version_that_is_not_known_is_not_guessed_at(magic: bytes) -> None:
    with pytest.raises(Unsupported, match="Can't handle RDB format version"):
        read(rdb(KEY_1, magic=magic))


def test_a_file_that_is_no_rdb_is_refused_at_its_first_bytes() -> None:
    with pytest.raises(Damaged, match="Wrong signature"):
        FileReader().feed(b"*1\r\n")


def test_a_file_before_version_5_has_no_checksum() -> None:
    reader, entries = read(rdb(KEY_1, magic=b"REDIS0003")[:-8])
    assert entries and reader.done and not reader.checked


def test_a_checksum_of_zero_says_that_none_was_made() -> None:
    assert not read(rdb(KEY_1)[:-8] + bytes(8))[0].checked


def test_a_wrong_checksum_is_an_error_with_both_sums() -> None:
    with pytest.raises(Damaged, match="Wrong RDB checksum expected: .* but got .1.*offset 15"):
        read(rdb(KEY_1)[:-8] + bytes([1, 0, 0, 0, 0, 0, 0, 0]))


def test_deadlines_come_in_seconds_or_milliseconds_and_hold_for_one_key() -> None:
    in_ms, in_s = "fc" + "0500000000000000", "fd" + "07000000"
    _, entries = read(rdb(in_ms + KEY_1, in_s + KEY_1, KEY_1))
    assert [deadline for *_, deadline in entries] == [5, 7000, None]


def test_a_deadline_holds_for_a_collection_too() -> None:
    _, entries = read(rdb("fc" + "0500000000000000" + "01" + "016c" + "010161", KEY_1))
    assert entries == [(0, b"l", List([b"a"]), 5), (0, b"k", b"1", None)]


USES = rdb("f8" + "4100", KEY_1, KEY_1, "f9" + "ff", "01" + "016c" + "010161", "f84101" + "01" + "016c" + "00", KEY_1)


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 100])
def test_idle_times_and_frequencies_are_told_with_the_place_of_their_key(piece: int) -> None:
    reader, told, before = FileReader(), [], 0
    for at in range(0, len(USES), piece):
        entries = reader.feed(USES[at : at + piece])
        told += [(before + place, *use) for place, *use in reader.uses if place < len(entries)]
        before += len(entries)
    assert told == [(0, opcodes.IDLE, 256), (2, opcodes.FREQUENCY, 255)]
    assert before == 4  # the empty list is no key, and what was said of it is said of nobody


def test_databases_and_their_announced_sizes() -> None:
    reader, entries = read(rdb("fe00", "fb0100", KEY_1, "fe09", "fb0201", KEY_1))
    assert [db for db, *_ in entries] == [0, 9]
    assert reader.sizes == {0: 1, 9: 2}


def test_aux_fields_and_functions_are_kept() -> None:
    reader, _ = read(rdb("fa" + "0161" + "c005", "f5" + "03" + b"lua".hex()))
    assert (reader.aux, reader.functions) == ({b"a": b"5"}, [b"lua"])


def test_slot_hints_of_newer_files_are_passed_over() -> None:
    assert read(rdb("f4" + "4064" + "01" + "00", KEY_1))[1] == [(0, b"k", b"1", None)]


def test_slots_on_their_way_to_a_valkey_server_are_passed_over() -> None:
    record = "f3" + "0361626c" + "02" + "00" + "05" + "4400" + "4401"
    assert read(rdb(record, KEY_1, magic=b"VALKEY080"))[1] == [(0, b"k", b"1", None)]
    with pytest.raises(Damaged):
        read(rdb(record, KEY_1))  # Redis 8 means something else


def test_the_data_of_modules_beside_the_keys_are_passed_over_by_name() -> None:
    module = (
        "f7" + "81" + "b5f1f8f2f3a2d001" + "0202" + "0105" + "03" + "00" * 4 + "04" + "00" * 8 + "05" + "0161" + "00"
    )
    reader, entries = read(rdb(module, KEY_1))
    assert entries == [(0, b"k", b"1", None)] and len(reader.modules[0]) == 9


def test_a_collection_without_members_is_left_out_and_named() -> None:
    reader, entries = read(rdb("01" + "0165" + "00", KEY_1))
    assert (reader.empty_keys, len(entries)) == ([b"e"], 1)


@pytest.mark.parametrize("kind", ["07", "08", "1a", "63", "f3", "f6"])
def test_a_type_that_is_not_known_ends_the_reading_at_its_offset(kind: str) -> None:
    with pytest.raises(Unreadable, match="offset 14"):
        read(rdb(KEY_1, kind + "016b" + "0131"))


def test_what_comes_after_the_end_is_handed_on() -> None:
    reader = FileReader()
    reader.feed(rdb(KEY_1) + b"*1\r\n")
    reader.feed(b"$4\r\n")
    assert reader.rest == b"*1\r\n$4\r\n"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000])
def test_a_file_may_come_in_pieces_of_any_size(piece: int) -> None:
    reader, entries = read(EVERY_TYPE, piece)
    assert entries == read(EVERY_TYPE)[1] and reader.checked


def test_a_file_cut_anywhere_is_not_whole() -> None:
    for end in range(len(EVERY_TYPE)):
        reader = FileReader()
        reader.feed(EVERY_TYPE[:end])
        with pytest.raises(Damaged, match=f"Unexpected EOF reading RDB file at offset {end}"):
            reader.end()


def test_a_huge_string_is_not_looked_at_before_it_is_there() -> None:
    reader = FileReader()
    reader.feed(b"REDIS0010" + bytes.fromhex("00" + "016b" + "8100000fffffffffff"))
    assert reader.feed(b"x" * 100) == [] and reader.offset == 9


def test_a_large_collection_is_taken_in_as_it_comes() -> None:
    file = written((b"big", Hash((b"field:%d" % n, b"x" * 50) for n in range(20_000))))
    reader = FileReader()
    reader.feed(file[: len(file) // 2])
    assert len(file) // 2 - reader.offset < 100


@settings(max_examples=300)
@given(st.data())
def test_a_mangled_file_is_read_or_refused_but_nothing_else(data: st.DataObject) -> None:
    mangled = bytearray(EVERY_TYPE)
    for _ in range(data.draw(st.integers(1, 4))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(mangled), data.draw(st.integers(1, 200)))
    except Unreadable as error:
        assert error.offset is not None and 0 <= error.offset <= len(mangled)
