"""Commands read from bytes that may end anywhere."""

import pytest

from pycluster.persistence.command_file import BadFormat, Cut, is_cut_by_zeros, read_command
from pycluster.protocol.replies import encode_request

SET = encode_request([b"SET", b"k", b"\r\n*1\r\n" * 3])


def test_a_command_is_read_with_the_place_behind_it() -> None:
    assert read_command(b"xx" + SET + b"*1", 2) == ([b"SET", b"k", b"\r\n*1\r\n" * 3], 2 + len(SET))


def test_an_annotation_is_no_command() -> None:
    assert read_command(b"#TS:1700000000\r\n" + SET, 0) == (None, 16)


@pytest.mark.parametrize("end", range(1, len(SET)))
def test_a_command_cut_anywhere_is_cut_and_nothing_else(end: int) -> None:
    with pytest.raises(Cut):
        read_command(SET[:end], 0)


@pytest.mark.parametrize(
    "content",
    [
        b"PING\r\n", b"*0\r\n", b"*-1\r\n", b"*x\r\n", b"*1\r\nPING\r\n", b"*1\r\n$x\r\nPING\r\n", b"*1\r\n$-1\r\n",
        b"\0\0\0\0", b"*" + b"1" * 2000, b"*1\r\n$" + b"1" * 2000,
    ],
)  # fmt: skip
def test_what_no_server_writes_is_refused(content: bytes) -> None:
    with pytest.raises(BadFormat):
        read_command(content, 0)


def test_a_large_claim_takes_no_memory() -> None:
    with pytest.raises(Cut):
        read_command(b"*1\r\n$999999999999\r\nabc", 0)


@pytest.mark.parametrize("end", range(len(SET)))
def test_a_command_that_goes_over_into_zeros_is_known_for_what_it_is(end: int) -> None:
    content = SET[:end].ljust(len(SET) + 10, b"\0")
    with pytest.raises((Cut, BadFormat)):
        read_command(content, 0)
    assert is_cut_by_zeros(content)


def test_zeros_in_the_middle_are_no_cut() -> None:
    assert not is_cut_by_zeros(b"\0\0" + SET) and not is_cut_by_zeros(b"nonsense\0\0")
