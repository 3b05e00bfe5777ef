"""Requests out of bytes: the strict reader by cases, and the quick one held against it, in any chunking."""

from collections.abc import Iterable
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycluster.protocol import requests
from pycluster.protocol.errors import ProtocolError
from pycluster.protocol.requests import RequestReader, StrictReader

Reader = RequestReader | StrictReader


def read_all(reader: Reader) -> list[list[bytes] | str]:
    """Everything that can be read now; at the end of it, perhaps, what is wrong."""
    found: list[list[bytes] | str] = []
    following = reader.next if isinstance(reader, RequestReader) else reader.gets
    try:
        while (args := following()) is not None:
            found.append(args)
    except ProtocolError as error:
        found.append(str(error))
    return found


def read(*chunks: bytes, reader: Reader | None = None) -> list[list[bytes] | str]:
    reader = reader or StrictReader()
    found: list[list[bytes] | str] = []
    for chunk in chunks:
        reader.feed(chunk)
        found += read_all(reader)
        if found and isinstance(found[-1], str):
            break
    return found


# The strict reader


def test_a_request_is_an_array_of_bulk_strings() -> None:
    assert read(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n") == [[b"GET", b"a"]]


def test_an_inline_request_is_a_line_of_words() -> None:
    assert read(b'SET a "b c"\r\nGET a\n') == [[b"SET", b"a", b"b c"], [b"GET", b"a"]]


def test_empty_requests_are_nothing() -> None:
    assert read(b"\r\n*0\r\n*-1\r\n*-77\r\n \t \n*1\r\n$4\r\nPING\r\n") == [[b"PING"]]


def test_arguments_may_be_empty_and_hold_any_bytes() -> None:
    assert read(b"*3\r\n$0\r\n\r\n$4\r\n\r\n*1\r\n$1\r\n\0\r\n") == [[b"", b"\r\n*1", b"\0"]]


def test_line_ends_inside_of_an_array_are_taken_on_trust() -> None:
    assert read(b"*1\rX$4\r?PINGab*1\r\n$1\r\na\r\n") == [[b"PING"], [b"a"]]


@pytest.mark.parametrize(
    ("received", "complaint"),
    [
        (b"*x\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*1\r\nGET\r\n", "expected '$', got 'G'"),
        (b"*1\r\n\r\n", "expected '$', got '\r'"),
        (b"*1\r\n*1\r\n$1\r\na\r\n", "expected '$', got '*'"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$01\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"GET 'a\r\n", "unbalanced quotes in request"),
        (b"x" * 65537, "too big inline request"),
        (b"*" * 65537, "too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 65537, "too big bulk count string"),
    ],
)
def test_what_is_no_request_is_refused_in_redis_words(received: bytes, complaint: str) -> None:
    assert read(received) == [complaint]


def test_a_line_of_64_kb_is_still_awaited() -> None:
    assert read(b"x" * 65536) == []
    assert read(b"x" * 65536, b"\n") == [[b"x" * 65536]]


def test_a_zero_byte_hides_the_end_of_its_line() -> None:
    assert read(b"PI\0NG\r\n") == read(b"*1\0\r\n") == read(b"*1\r\n$\0\r\n") == []
    assert read(b"PI\0NG\r\n" * 10000) == ["too big inline request"]


def test_who_has_not_said_the_password_may_send_little() -> None:
    reader = StrictReader()
    reader.unauthenticated = True
    assert read(b"*10\r\n" + b"$1\r\na\r\n" * 10, reader=reader) == [[b"a"] * 10]
    assert read(b"*11\r\n", reader=reader) == ["unauthenticated multibulk length"]


def test_who_has_not_said_the_password_may_send_nothing_long() -> None:
    reader = StrictReader()
    reader.unauthenticated = True
    assert read(b"*1\r\n$16385\r\n", reader=reader) == ["unauthenticated bulk length"]


def test_a_primary_sends_newlines_but_no_inline_requests() -> None:
    reader = StrictReader()
    reader.from_primary = True
    assert read(b"\n\r\n", reader=reader) == []
    assert read(b"  \n", reader=reader) == ["Master using the inline protocol. Desync?"]


def test_a_primary_sends_arguments_of_any_length() -> None:
    reader = StrictReader(max_bulk=2)
    reader.from_primary = True
    assert read(b"*1\r\n$3\r\nabc\r\n", reader=reader) == [[b"abc"]]


def test_what_is_read_is_not_kept() -> None:
    reader = StrictReader()
    read(*[b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI"] + [b"NG\r\n*1\r\n$4\r\nPI"] * 1000, reader=reader)
    assert reader.held() == 2


# The quick reader beside it

TYPES = b"$*:+-_#,(=~%>|!"


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def array(values: Iterable[bytes]) -> bytes:
    parts = [bulk(value) for value in values]
    return b"*%d\r\n" % len(parts) + b"".join(parts)


tricky = [b"\r\n*1\r\n", b"#t\r\n", b"*1\r\n$1\r\na\r\n", b"+", b"a=b", b"1" * 30]
values = st.binary(max_size=12) | st.sampled_from(tricky)
requests_ = st.lists(values, max_size=4).map(array)
lengths = st.integers(-3, 40).map(b"%d".__mod__) | st.sampled_from([b"", b"x", b"01", b"+1", b"2147483648", b"1" * 30])
lines = st.builds(lambda type_, text: bytes([type_]) + text + b"\r\n", st.sampled_from(TYPES), lengths | values)
inline = st.sampled_from([b"PING\r\n", b"\r\n", b"\n", b"SET a 'b c'\n", b"  ECHO x \r\n", b'"a\r\n', b"a\0b\r\n"])
pieces = st.lists(requests_ | requests_ | inline | lines | values, max_size=8).map(b"".join)


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    received = draw(pieces)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(received) - 1)), max_size=6)))
    return [chunk for a, b in zip([0, *cuts], [*cuts, len(received)], strict=True) if (chunk := received[a:b])]


@given(chunked())
def test_chunks_make_no_difference_to_the_strict_reader(chunks: list[bytes]) -> None:
    with patch.object(requests, "INLINE_LIMIT", 24):
        assert read(*chunks, reader=StrictReader(20)) == read(b"".join(chunks), reader=StrictReader(20))


@given(chunked())
def test_large_arguments_are_gathered_elsewhere_and_read_as_all(chunks: list[bytes]) -> None:
    expected = read(b"".join(chunks), reader=StrictReader(20))
    with patch.object(requests, "LARGE_BULK", 3):
        assert read(*chunks, reader=StrictReader(20)) == expected


@given(chunked())
@example([b"*2\r\n$3\r\nGET\r\n", b"$1\r\na\r\n"])
@example([b"*1\r\n$4\r\nPING\r\n*2147483648\r\n"])
@example([b"*1\r\n*2147483647\r\n*1\r\n$4\r\nPING\r\n"])
@example([b"*0\r\n*1\r\n$4\r\nPING\r\n"])
@example([b"*1\r\n$4\r\nPING\r\n*1\r\n#t\r\n"])
@example([b"*1\r\n$1\r\na\r\n*1\r\n$2\r\n", b"#t\r\n", b"\r\n"])
def test_the_quick_reader_reads_as_the_strict_one_at_once(chunks: list[bytes]) -> None:
    compare_with_strict(chunks)


@given(chunked())
def test_so_it_does_with_large_chunks(chunks: list[bytes]) -> None:
    with patch.object(requests, "LARGE_CHUNK", 12):
        compare_with_strict(chunks)


def compare_with_strict(chunks: list[bytes]) -> None:
    quick, strict = RequestReader(20), StrictReader(20)
    with patch.object(requests, "INLINE_LIMIT", 24):
        for chunk in chunks:
            quick.feed(chunk)
            strict.feed(chunk)
            expected = read_all(strict)
            assert read_all(quick) == expected
            assert quick.idle == (not strict.has_data()) or isinstance(expected[-1], str)
            if expected and isinstance(expected[-1], str):
                break


items = st.lists(values.map(bulk) | values.map(bulk) | lines, min_size=1, max_size=4)
alone = st.builds(lambda items: b"*%d\r\n" % len(items) + b"".join(items), items) | pieces


@given(alone)
@example(array([b"SET", b"k", b"v" * 1023]))
@example(array([b"SET", b"k", b"v" * 1024]))
@example(array([b"DEL"] + [b"k"] * 99))
@example(b"*2\r\n$3\r\nGET\r\n+k\r\n")
@example(b"*1\r\n*2147483648\r\n")
@example(b"*1\r\n>2147483648\r\n")
@example(b"*1\r\n~2147483648\r\n")
@example(b"*9\r\n$3\r\nDEL\r\n" + b"+abcde\r\n=9\r\ntxt:abcde\r\n" * 4)
def test_the_short_road_takes_one_whole_request_or_leaves_it(chunk: bytes) -> None:
    quick, strict = RequestReader(5000), StrictReader(5000)
    taken = quick.take_single(chunk)
    strict.feed(chunk)
    expected = read_all(strict)
    assert taken is None or (expected == [taken] and not strict.has_data())
    if taken is None:
        quick.feed(chunk)
        assert read_all(quick) == expected


@pytest.mark.parametrize("arguments", [[b"PING"], [b"SET", b"", b"*+"], [b"SET", b"k", b"v" * 4000], [b"DEL"] * 99])
def test_ordinary_requests_take_the_short_road(arguments: list[bytes]) -> None:
    assert RequestReader().take_single(array(arguments)) == arguments


@given(chunked(), st.data())
def test_requests_may_be_left_unread_while_more_arrive(chunks: list[bytes], data: st.DataObject) -> None:
    quick, found = RequestReader(20), list[list[bytes] | str]()
    with patch.object(requests, "INLINE_LIMIT", 24):
        expected = read(b"".join(chunks), reader=StrictReader(20))
        try:
            for chunk in chunks:
                quick.feed(chunk)
                for _ in range(data.draw(st.integers(0, 3))):
                    if (args := quick.next()) is not None:
                        found.append(args)
            found += read_all(quick)
        except ProtocolError as error:
            found.append(str(error))
    assert found == expected


@given(chunked())
def test_without_a_password_the_quick_reader_is_as_strict(chunks: list[bytes]) -> None:
    strict = StrictReader(20)
    strict.unauthenticated = True
    with patch.object(requests, "UNAUTHENTICATED_ARGUMENTS", 2), patch.object(requests, "UNAUTHENTICATED_BULK", 6):
        assert read(*chunks, reader=RequestReader(20, unauthenticated=True)) == read(*chunks, reader=strict)


def test_after_the_password_large_requests_are_read() -> None:
    reader = RequestReader(unauthenticated=True)
    assert read(array([b"AUTH", b"secret"]), reader=reader) == [[b"AUTH", b"secret"]]
    reader.pin_strict(False)
    assert read(array([b"a"] * 11), reader=reader) == [[b"a"] * 11]


def test_hiredis_is_back_in_service_behind_a_request_that_was_cut() -> None:
    stream = array([b"SET", b"a", b"b"]) * 100
    reader = RequestReader()
    for start in range(0, len(stream), 101):
        read(stream[start : start + 101], reader=reader)
    reader.feed(array([b"PING"]) * 3)
    assert reader.gets() == [b"PING"]


@pytest.mark.parametrize("length", [1_000_000, 2_000_000])
def test_a_large_argument_is_held_once(length: int) -> None:
    reader = RequestReader()
    head = b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % length
    assert read(head, *[b"x" * 1000] * 900, reader=reader) == []
    assert reader.held() == 900_000
    assert read(b"x" * (length - 900_000), b"\r\n", reader=reader) == [[b"ECHO", b"x" * length]]
    assert reader.held() == 0


def test_an_argument_in_many_chunks_that_waited_is_taken_bit_by_bit() -> None:
    reader = RequestReader()
    reader.feed(b"*2\r\n$4\r\nECHO\r\n$40\r\n")
    for _ in range(40):
        reader.feed(b"x")
    reader.feed(b"\r\n")
    assert reader.next() is None and reader.waits
    looks = [reader.next() for _ in range(2)]
    assert looks == [None, [b"ECHO", b"x" * 40]] and not reader.waits


def test_what_waits_is_counted() -> None:
    reader = RequestReader()
    for _ in range(10):
        reader.feed(b"x" * 90 + b"*1\r\n$4\r\nP")
    assert reader.held() == 990
