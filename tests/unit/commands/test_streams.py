"""Stream commands as functions: records, events, waits; how ids are read."""

import pytest

from pycluster.commands.stream_arguments import parse_end, parse_id, parse_new_id, parse_start
from pycluster.commands.stream_groups import xack, xgroup_create, xgroup_destroy
from pycluster.commands.stream_pending import xautoclaim, xclaim
from pycluster.commands.stream_reads import xread, xreadgroup
from pycluster.commands.streams import xadd, xdel, xlen, xtrim
from pycluster.datatypes.stream import MAX_ID, Stream
from pycluster.keyspace.database import IGNORE, Database
from pycluster.keyspace.journal import AS_RECEIVED
from pycluster.protocol.errors import (
    InvalidEndOfInterval,
    InvalidStartOfInterval,
    InvalidStreamId,
    TimeoutNegative,
    TimeoutNotAnInteger,
    TimeoutOutOfRange,
    TrimLimitOfExact,
)
from pycluster.protocol.replies import NULL_ARRAY, ByKey, Wait, to_bytes
from tests.unit.commands.witness import Witness

NOW = 1_700_000_000_000
READ = (b"GROUP", b"g", b"ann")


def with_stream(*ids: bytes, group: bool = False) -> Witness:
    witness = Witness()
    witness.db.clock.now = NOW
    for id in ids:
        witness.see(xadd, b"s", id, b"f", id)
    if group:
        witness.see(xgroup_create, b"s", b"g", b"0", b"MKSTREAM")
    return witness


def claim(id: bytes, consumer: bytes, last_id: bytes, deliveries: bytes = b"1") -> list[bytes]:
    told = b"TIME", b"%d" % NOW, b"RETRYCOUNT", deliveries, b"FORCE", b"JUSTID", b"LASTID", last_id
    return [b"XCLAIM", b"s", b"g", consumer, b"0", id, *told]


# Ids


@pytest.mark.parametrize(
    ("text", "id"),
    [(b"5-7", (5, 7)), (b"5", (5, 9)), (b"01-02", (1, 2)), (b" 1-+2", (1, 2)), (b"1--05", (1, 2**64 - 5))],
)
def test_an_id_is_read_as_generously_as_by_c(text: bytes, id: tuple[int, int]) -> None:
    assert parse_id(text, 9) == id[0] << 64 | id[1]


@pytest.mark.parametrize("text", [b"", b"-", b"+", b"x", b"-1", b"1-", b"1--5", b"1-2-3", b"18446744073709551616"])
def test_what_is_no_id_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidStreamId):
        parse_id(text)


def test_ends_of_intervals_may_be_open() -> None:
    assert (parse_start(b"-"), parse_end(b"+")) == (0, MAX_ID)
    assert (parse_start(b"(5"), parse_end(b"(5")) == (5 << 64 | 1, (6 << 64) - 2)
    with pytest.raises(InvalidStartOfInterval):
        parse_start(b"(18446744073709551615-18446744073709551615")
    with pytest.raises(InvalidEndOfInterval):
        parse_end(b"(0-0")


def test_a_new_id_may_be_left_to_the_server_or_half_of_it() -> None:
    assert parse_new_id(b"*") == (None, False)
    assert parse_new_id(b"5-*") == (5 << 64, False)
    assert parse_new_id(b"5-1") == (5 << 64 | 1, True)


# Adding


def test_an_entry_gets_the_time_of_the_command_for_its_id() -> None:
    witness = with_stream()
    assert witness.see(xadd, b"s", b"*", b"f", b"v") == b"%d-0" % NOW
    assert witness.records == [[AS_RECEIVED, b"s", b"%d-0" % NOW, b"f", b"v"]]
    assert witness.see(xadd, b"s", b"*", b"f", b"v") == b"%d-1" % NOW


def test_time_does_not_go_back_for_a_stream() -> None:
    witness = with_stream(b"9999999999999-5")
    assert witness.see(xadd, b"s", b"*", b"f", b"v") == b"9999999999999-6"


def test_an_entry_with_its_own_id_is_recorded_as_it_came() -> None:
    witness = with_stream(b"1-1")
    assert witness.records is None
    assert witness.events == ["xadd s"]


def test_an_approximate_trim_is_recorded_as_what_it_came_to() -> None:
    witness = with_stream(*(b"%d" % number for number in range(1, 250)))
    witness.see(xadd, b"s", b"MAXLEN", b"~", b"10", b"LIMIT", b"100", b"900", b"f", b"v")
    assert witness.records == [[AS_RECEIVED, b"s", b"MAXLEN", b"=", b"150", b"LIMIT", b"100", b"900", b"f", b"v"]]
    assert witness.events == ["xadd s", "xtrim s"]
    witness.see(xtrim, b"s", b"MINID", b"~", b"201")
    assert witness.records == [[AS_RECEIVED, b"s", b"MINID", b"=", b"201-0"]]


def test_what_a_primary_recorded_of_a_limited_trim_is_taken_from_it_alone() -> None:
    witness = with_stream(b"1", b"2")
    recorded = b"MAXLEN", b"=", b"1", b"LIMIT", b"100", b"3", b"f", b"v"
    with pytest.raises(TrimLimitOfExact):
        xadd(witness.db, b"s", *recorded)
    witness.db.keyspace.expired_keys = IGNORE
    xadd(witness.db, b"s", *recorded)
    assert xlen(witness.db, b"s") == 1


def test_a_stream_that_is_empty_is_a_key_all_the_same() -> None:
    witness = with_stream(b"1")
    assert witness.see(xdel, b"s", b"1") == 1
    assert witness.events == ["xdel s"]
    assert isinstance(witness.db.peek(b"s"), Stream)


# Reading


def test_read_answers_by_key_as_a_map_or_nested() -> None:
    reply = xread(with_stream(b"1").db, b"STREAMS", b"s", b"s", b"0", b"0")
    entries = b"*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n"
    assert to_bytes(reply, 2) == b"*2\r\n" + (b"*2\r\n$1\r\ns\r\n" + entries) * 2
    assert to_bytes(reply, 3) == b"%2\r\n" + (b"$1\r\ns\r\n" + entries) * 2


def test_who_waits_for_what_comes_asks_again_for_what_is_behind_the_last_id() -> None:
    wait = xread(with_stream(b"5").db, b"BLOCK", b"1500", b"STREAMS", b"s", b"t", b"$", b"0")
    again = [b"XREAD", b"BLOCK", b"1500", b"STREAMS", b"s", b"t", b"5-0", b"0-0"]
    assert wait == Wait([b"s", b"t"], Stream, 1.5, request=again)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(b"x", TimeoutNotAnInteger), (b"1.5", TimeoutNotAnInteger), (b"-1", TimeoutNegative),
     (b"9223372036854775807", TimeoutOutOfRange)],
)  # fmt: skip
def test_a_bad_timeout_is_refused(timeout: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        xread(Database(), b"BLOCK", timeout, b"STREAMS", b"s", b"$")


def test_what_a_group_is_given_is_recorded_entry_by_entry() -> None:
    witness = with_stream(b"1", b"2", group=True)
    reply = witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    assert reply == ByKey([(b"s", [[b"1-0", (b"f", b"1")], [b"2-0", (b"f", b"2")]])])
    assert witness.records == [claim(b"1-0", b"ann", b"1-0"), claim(b"2-0", b"ann", b"2-0")]
    assert witness.events == ["xgroup-createconsumer s"]


def test_what_nobody_will_acknowledge_is_recorded_as_a_position() -> None:
    witness = with_stream(b"1", b"2", group=True)
    witness.see(xreadgroup, *READ, b"NOACK", b"STREAMS", b"s", b">")
    assert witness.records == [
        [b"XGROUP", b"CREATECONSUMER", b"s", b"g", b"ann"],
        [b"XGROUP", b"SETID", b"s", b"g", b"2-0", b"ENTRIESREAD", b"2"],
    ]


def test_what_a_consumer_is_told_again_leaves_no_record() -> None:
    witness = with_stream(b"1", group=True)
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b"0")
    assert witness.records == []


def test_who_waits_in_a_group_hears_when_it_is_no_more() -> None:
    wait = xreadgroup(with_stream(group=True).db, *READ, b"BLOCK", b"0", b"STREAMS", b"s", b">")
    assert isinstance(wait, Wait) and wait.until_gone
    assert wait.request == [b"XREADGROUP", *READ, b"BLOCK", b"0", b"STREAMS", b"s", b">"]


def test_a_wait_without_a_change_leaves_the_next_command_its_record() -> None:
    witness = with_stream(group=True)
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    assert witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">") is NULL_ARRAY
    assert witness.records is None


# Groups


def test_a_claim_is_recorded_as_it_came_out() -> None:
    witness = with_stream(b"1", b"2", group=True)
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    witness.see(xclaim, b"s", b"g", b"bob", b"0", b"1", b"JUSTID")
    assert witness.records == [claim(b"1", b"bob", b"2-0")]
    witness.see(xautoclaim, b"s", b"g", b"cid", b"0", b"2")
    assert witness.records == [claim(b"2-0", b"cid", b"2-0", b"2")]


def test_a_claim_of_a_deleted_entry_ends_its_waiting() -> None:
    witness = with_stream(b"1", b"2", group=True)
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    witness.see(xdel, b"s", b"1")
    assert witness.see(xautoclaim, b"s", b"g", b"ann", b"0", b"0", b"JUSTID") == [b"0-0", [b"2-0"], [b"1-0"]]
    assert witness.see(xack, b"s", b"g", b"1", b"2") == 1


def test_who_watches_a_stream_hears_of_entries_not_of_readers() -> None:
    witness, heard = with_stream(b"1", group=True), list[bytes]()
    witness.db.listen(b"s", heard.append)
    witness.see(xreadgroup, *READ, b"STREAMS", b"s", b">")
    witness.see(xack, b"s", b"g", b"1")
    assert not heard
    witness.see(xadd, b"s", b"2", b"f", b"v")
    witness.see(xgroup_destroy, b"s", b"g")  # as some may wait in it
    assert heard == [b"s", b"s"]
