import pytest

from pycluster.rdb.errors import Damaged
from pycluster.rdb.strings import COMPRESS_FROM, Short, put_length, put_string, read_length, read_string


@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (0, "00"),
        (63, "3f"),
        (64, "4040"),
        (16383, "7fff"),
        (16384, "8000004000"),
        (2**32 - 1, "80ffffffff"),
        (2**32, "810000000100000000"),
    ],
)
def test_a_length_takes_as_many_bytes_as_it_needs(length: int, encoded: str) -> None:
    assert put_length(length).hex() == encoded
    assert read_length(bytes.fromhex(encoded), 0) == (length, len(encoded) // 2)


@pytest.mark.parametrize(
    ("encoded", "meaning"),
    [("c0ff", b"-1"), ("c10080", b"-32768"), ("c2ffffff7f", b"2147483647"), ("c3050a0061e00000", b"a" * 10)],
)
def test_integers_and_compressed_strings_are_unpacked(encoded: str, meaning: bytes) -> None:
    assert read_string(bytes.fromhex(encoded), 0) == (meaning, len(encoded) // 2)


def test_a_long_string_that_repeats_itself_is_written_compressed() -> None:
    string = b"0123456789abcdef" * 40
    written = put_string(string)
    assert written[0] == 0xC3 and len(written) < 40
    assert read_string(written, 0) == (string, len(written))


def test_nothing_is_compressed_where_that_is_not_wanted() -> None:
    assert put_string(b"a" * COMPRESS_FROM, compress=False).endswith(b"a" * COMPRESS_FROM)


@pytest.mark.parametrize("encoded", ["03616263", "4140" + "61" * 320, "c10102", "c3050a0061e00000", "8000000003616263"])
def test_a_string_cut_anywhere_says_that_more_is_needed(encoded: str) -> None:
    whole = bytes.fromhex(encoded)
    for end in range(len(whole)):
        with pytest.raises(Short) as caught:
            read_string(whole[:end], 0)
        assert caught.value.at == 0 and end < caught.value.need <= len(whole)


@pytest.mark.parametrize("encoded", ["82", "bf", "c4", "ff"])
def test_an_unknown_way_to_write_a_length_or_a_string_is_damage(encoded: str) -> None:
    with pytest.raises(Damaged):
        read_string(bytes.fromhex(encoded), 0)
