"""Whole files on their way out."""

from pycluster.datatypes.hash import Hash
from pycluster.keyspace.database import Database
from pycluster.rdb.crc64 import crc64
from pycluster.rdb.reader import FileReader
from pycluster.rdb.writer import put_frequency, put_idle, write_file


def database(index: int = 0, slots: int = 1, **keys: bytes) -> Database:
    db = Database(index, slots)
    for key, value in keys.items():
        db.enter_slot_of(key.encode())
        db.put(key.encode(), value)
    return db


def test_the_checksum_is_crc_64_of_jones() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA


def test_an_empty_dataset_is_a_header_and_an_end() -> None:
    assert b"".join(write_file([database()], {}, checksum=False)) == b"REDIS0010\xff" + bytes(8)


def test_databases_without_keys_are_not_mentioned() -> None:
    file = b"".join(write_file([database(0), database(3, k=b"v")], {}, checksum=False))
    assert file == b"REDIS0010" + bytes.fromhex("fe03" + "fb0100" + "00016b0176" + "ff") + bytes(8)


def test_a_deadline_stands_before_its_key() -> None:
    db = database(k=b"v")
    db.set_deadline(b"k", -2)
    assert bytes.fromhex("fb0101" + "fcfeffffffffffffff" + "00016b0176") in b"".join(write_file([db], {}))


def test_all_slots_of_a_cluster_node_are_one_database_of_the_file() -> None:
    db = database(0, 16384, a=b"1", b=b"2", c=b"3")
    file = b"".join(write_file([db], {}))
    assert file.count(b"\xfe\x00\xfb\x03\x00") == 1
    assert {key for _, key, _, _ in FileReader().feed(file)} == {b"a", b"b", b"c"}


def test_aux_fields_and_functions_come_first() -> None:
    file = b"".join(write_file([database(k=b"v")], {"redis-bits": 64}, functions=[b"#!lua name=f"]))
    reader = FileReader()
    reader.feed(file)
    assert (reader.aux, reader.functions) == ({b"redis-bits": b"64"}, [b"#!lua name=f"])


def test_a_large_dataset_comes_in_pieces_of_bounded_size() -> None:
    keys = {f"key:{number}": b"v" for number in range(20_000)}
    big = Hash((b"%d" % number, b"x" * 100) for number in range(10_000))
    pieces = list(write_file([database(**keys, big=big)], {}))
    assert len(pieces) > 5 and max(map(len, pieces)) < 300_000


def test_what_is_known_of_a_use_stands_between_deadline_and_key() -> None:
    db = database(k=b"v", l=b"x" * 100)
    db.set_deadline(b"k", 1)
    file = b"".join(write_file([db], {}, uses=lambda db, slot, key: put_idle(300) if key == b"k" else put_frequency(9)))
    assert bytes.fromhex("fc0100000000000000" + "f8412c" + "00016b0176") in file
    assert bytes.fromhex("f909" + "00016c") in file


def test_strings_are_compressed_only_if_they_may_be() -> None:
    db = database(k=b"again and " * 100)
    packed, plain = (b"".join(write_file([db], {}, compress=compress)) for compress in (True, False))
    assert len(packed) < 100 < len(plain)
    assert FileReader().feed(packed) == FileReader().feed(plain)


def test_a_file_without_checksum_says_so() -> None:
    assert b"".join(write_file([database(k=b"v")], {}, checksum=False)).endswith(bytes(8))
