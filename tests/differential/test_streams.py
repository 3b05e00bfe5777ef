"""Stream commands without groups, compared with the real server."""

import pytest

from tests.differential.comparing import Difference, Pair

UINT = 18446744073709551615

WRONG_ERROR = "redis 7.2 (t_stream.c, streamAppendItem): 7.0 says that the elements are too large"
DELETED_CHECKED = "redis 7.2 (t_stream.c, xsetidCommand): the last id can't be set below an id that was deleted"
NAMED = "redis 7.2 (t_stream.c, xreadCommand) names the command in quotes and small letters"
UNBALANCED = b"-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.\r\n"
TOO_SMALL = b"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n"
BELOW_DELETED = b"-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id\r\n"


def test_add_and_read(compare: Pair) -> None:
    compare(
        "XADD s 1-1 a 1", "XADD s 1-2 a 2 b 3", "XADD s 2 a 4", "XADD s 5-* x y", "XADD s 5-* x z", "XLEN s",
        "XRANGE s - +", "XREVRANGE s + -", "TYPE s", "OBJECT ENCODING s", "XLEN none", "XRANGE none - +", "XLEN",
        "DEBUG DIGEST-VALUE s", "EXISTS s", "XRANGE s 1 1", "XRANGE s 1-2 2", "XRANGE s 1 2", "XRANGE s 2 1",
        "XREVRANGE s 2 1", "XREVRANGE s 1 2",
    )


def test_ids_that_are_given(compare: Pair) -> None:
    compare(
        "XADD s 0-0 a 1", "XADD s 0 a 1", "XADD s 0-* a 1", "XADD s 0-* a 1", "XADD s 0-1 a 1", "XADD s 5-5 a 1",
        "XADD s 5-5 a 1", "XADD s 5-4 a 1", "XADD s 4-* a 1", "XADD s 5-* a 1", "XADD s 6-* a 1", "XRANGE s - +",
        f"XADD s 7-{UINT} a 1", "XADD s 7-* a 1", f"XADD s {UINT}-{UINT} a 1", "XADD s * a 1", f"XADD s {UINT}-* a 1",
        "XADD s 1-1 a 1", "XRANGE s - +",
        differs=(Difference("XADD s 7-* a 1", TOO_SMALL, WRONG_ERROR),),
    )


@pytest.mark.parametrize(
    "text", ["-", "+", "x", "1-x", "1-", "-1", "1-1-1", "1.5", "''", "01-02", "1-+5", "' 7'", "1--05", "1--5", "--*",
             "-*", "1-1-*", "18446744073709551616", "1-18446744073709551616", "18446744073709551615-3", "*-1", "**",
             "1-**", "0x10", "9223372036854775808-9223372036854775808", "1" * 130, "$", ">"],
)  # fmt: skip
def test_ids_that_are_odd(compare: Pair, text: str) -> None:
    compare(
        f"XADD s {text} a 1", "XRANGE s - +", f"XRANGE s {text} +", f"XRANGE s - {text}", f"XRANGE s ({text} +",
        f"XRANGE s - ({text}", f"XDEL s {text}", f"XREAD STREAMS s {text}", f"XTRIM s MINID {text}",
        f"XSETID s {text}", f"XREAD STREAMS none {text}", protocols=(2,),
    )


def test_arguments_of_add(compare: Pair) -> None:
    compare(
        "XADD s * a", "XADD s * a 1 b", "XADD s *", "XADD s", "XADD s 1-1", "XADD s MAXLEN 5 NOMKSTREAM",
        "XADD s MAXLEN * a 1", "XADD s MAXLEN x * a 1", "XADD s MAXLEN -1 * a 1", "XADD s MINID x * a 1",
        "XADD s MAXLEN 1 MINID 1 1-1 a 1", "XADD s LIMIT 1 1-1 a 1", "XADD s LIMIT 0 1-1 a 1",
        "XADD s MAXLEN 5 LIMIT 1 1-1 a 1", "XADD s MAXLEN = 5 LIMIT 1 1-1 a 1", "XADD s MAXLEN ~ 5 LIMIT -1 1-1 a 1",
        "XADD s MAXLEN ~ 5 LIMIT x 1-1 a 1", "XADD s FOO 1-1 a 1", "XADD s NOMKSTREAM FOO a 1", "EXISTS s",
        "XADD s NOMKSTREAM 1-1 a 1", "XADD s NOMKSTREAM x a 1", "EXISTS s", "XADD s nomkstream MAXLEN 2 1-1 a 1",
        "XADD s maxlen = 1 nomkstream 1-1 a 1", "EXISTS s", "XADD s maxlen = 1 1-1 a 1", "XADD s NOMKSTREAM 1-2 a 1",
        "XADD s MAXLEN 0 1-3 a 1", "XLEN s", "EXISTS s", "XADD s MINID 9 1-4 a 1", "XRANGE s - +", "XADD s 1-5 a",
        "XADD s MAXLEN ~ 5 LIMIT 0 1-6 '' ''", "XADD s MINID = 1-6 1-7 a 1", "XRANGE s - +",
    )


def test_wrong_types(compare: Pair) -> None:
    compare(
        "SET k v", "XADD k 1-1 a 1", "XADD k NOMKSTREAM 1-1 a 1", "XADD k x a 1", "XLEN k", "XRANGE k - +",
        "XRANGE k x +", "XREVRANGE k + -", "XDEL k 1", "XDEL k x", "XTRIM k MAXLEN 1", "XTRIM k FOO", "XSETID k 1-1",
        "XREAD STREAMS k 0", "XREAD STREAMS k x", "XINFO STREAM k", "XINFO GROUPS k", "XINFO CONSUMERS k g",
        "XGROUP CREATE k g $", "XGROUP CREATE k g $ MKSTREAM", "XGROUP DESTROY k g", "XACK k g 1", "XPENDING k g",
        "XCLAIM k g c 0 1", "XAUTOCLAIM k g c 0 1", "XREADGROUP GROUP g c STREAMS k >", "XADD s 1-1 a 1", "GET s",
        "LPUSH s a",
    )


def test_ranges(compare: Pair) -> None:
    add = [f"XADD s {number}-{number} n {number}" for number in range(1, 8)]
    compare(
        *add, "XRANGE s - + COUNT 2", "XRANGE s - + COUNT 0", "XRANGE s - + COUNT -1", "XRANGE s - + COUNT x",
        "XRANGE s - + COUNT", "XRANGE s - + FOO 1", "XRANGE s - + COUNT 1 COUNT 2", "XRANGE s -",
        "XRANGE s - + count 1",
        "XREVRANGE s + - COUNT 2", "XREVRANGE s + - COUNT 0", "XRANGE none - + COUNT 0", "XRANGE s (2 (5",
        "XRANGE s (2-2 (5-5", "XRANGE s (2-1 5-5", "XRANGE s ( +", "XRANGE s (- +", "XRANGE s (+ +", "XRANGE s - (-",
        "XRANGE s - (0-0", "XRANGE s - (0", f"XRANGE s ({UINT}-{UINT} +", f"XRANGE s ({UINT} +", "XREVRANGE s (5 (2",
        "XREVRANGE s (0-0 -", f"XREVRANGE s + ({UINT}-{UINT}", "XRANGE s 3-3 3-3", "XRANGE s 3-4 3-9", "XRANGE s + -",
    )  # fmt: skip


def test_delete(compare: Pair) -> None:
    add = [f"XADD s {number}-0 n {number}" for number in range(1, 7)]
    info = "XINFO STREAM s"
    compare(
        *add, "XDEL s 3", info, "XDEL s 3", "XDEL s 1 2 2 99", info, "XRANGE s - +", "XREVRANGE s + -", "XDEL s 6 x",
        "XDEL s", "XDEL none 1", "XDEL none x", "XDEL s 6", info, "XADD s 6 n 6", "XADD s 7 n 7", "XDEL s 4 5 7", info,
        "XLEN s", "EXISTS s", "XRANGE s - +", "XADD s 8 n 8", info, "XREVRANGE s + - COUNT 1", "XDEL s 8", "XDEL s 8",
        "DEBUG DIGEST-VALUE s", "XADD s 7 n 7", "XADD s 9 n 9", info,
    )


def test_trim(compare: Pair) -> None:
    add = [f"XADD s {number}-0 n {number}" for number in range(1, 11)]
    info = "XINFO STREAM s"
    compare(
        *add, "XTRIM s MAXLEN 20", "XTRIM s MAXLEN 8", info, "XTRIM s MAXLEN = 7", "XTRIM s MINID 5", info,
        "XTRIM s MINID = 5-1", "XRANGE s - +", "XDEL s 7", "XTRIM s MAXLEN 2", info, "XTRIM s MAXLEN 0", info,
        "XTRIM s MAXLEN 0", "XADD s 11 a 1", info, "EXISTS s", "XTRIM s MINID +", "XTRIM s MINID 99", info,
    )
    compare(
        "XTRIM none MAXLEN 1", "XTRIM s FOO 1", "XTRIM s MAXLEN", "XTRIM s MAXLEN x", "XTRIM s MAXLEN -1",
        "XTRIM s MAXLEN ~", "XTRIM s MAXLEN 1 MINID 1", "XTRIM s LIMIT 1", "XTRIM s LIMIT 0",
        "XTRIM s MAXLEN 1 LIMIT 1",
        "XTRIM s MAXLEN ~ 1 LIMIT", "XTRIM s MAXLEN ~ 1 LIMIT -1", "XTRIM s MAXLEN ~ 1 LIMIT x", "XTRIM s",
        "XTRIM s MAXLEN ~ 1 LIMIT 0", "XTRIM s maxlen ~ 1 limit 5 limit 6", "XTRIM s MINID ~ x", "XTRIM s = 5 MAXLEN",
        "XTRIM s MAXLEN 1 FOO",
    )  # fmt: skip


@pytest.mark.parametrize("what", ["MAXLEN ~ 25", "MINID ~ 35-0", "MAXLEN ~ 0", "MINID ~ 10", "MAXLEN ~ 39"])
@pytest.mark.parametrize("limit", ["", " LIMIT 0", " LIMIT 1", " LIMIT 15", " LIMIT 30"])
def test_an_approximate_trim_removes_whole_nodes(compare: Pair, what: str, limit: str) -> None:
    add = "\n".join(f"XADD s {number}-0 n {number}" for number in range(1, 43))
    compare(
        "CONFIG SET stream-node-max-entries 10", add, "XDEL s 15 16 29 30 31 1", f"XTRIM s {what}{limit}",
        "XINFO STREAM s", f"XADD s {what}{limit} 50 a 1", "XINFO STREAM s", "XTRIM s MAXLEN 12", "XINFO STREAM s",
        "XTRIM s MINID 40", "XINFO STREAM s", "DEBUG DIGEST-VALUE s", "CONFIG SET stream-node-max-entries 100",
        protocols=(2,),
    )  # fmt: skip


@pytest.mark.parametrize("length", [1, 62, 63, 64, 127, 1000, 4090, 5000])
def test_nodes_are_as_full_as_those_of_redis(compare: Pair, length: int) -> None:
    value = "x" * length
    count = 110 if length < 70 else 40
    lines = [f"XADD s {number * 7}-{number % 3} field {value} n {number * 1001}" for number in range(count)]
    lines += [f"XADD s {10_000 + number}-0 other{number % 2} {'y' * (length // 2)}" for number in range(20)]
    every_third = [f"{number * 7}-{number % 3}" for number in range(0, count, 3)]
    compare(
        "\n".join(lines), "XINFO STREAM s", f"XDEL s {' '.join(every_third)}", "XINFO STREAM s", "XADD s 99999 a 1",
        "XTRIM s MAXLEN ~ 30", "XINFO STREAM s", "XLEN s", protocols=(2,),
    )  # fmt: skip


def test_the_size_of_nodes_can_be_configured(compare: Pair) -> None:
    add = "\n".join(f"XADD s {number}-0 n {number}" for number in range(1, 60))
    more = add.replace("-0", "-1").replace("s ", "t ")
    compare(
        "CONFIG SET stream-node-max-entries 7", add, "XINFO STREAM s", "XTRIM s MAXLEN ~ 30", "XLEN s",
        "CONFIG SET stream-node-max-entries 0 stream-node-max-bytes 200", more, "XINFO STREAM t",
        "XTRIM t MAXLEN ~ 30", "XLEN t", "CONFIG SET stream-node-max-entries 100 stream-node-max-bytes 4096",
        protocols=(2,),
    )  # fmt: skip


def test_setid(compare: Pair) -> None:
    info = "XINFO STREAM s"
    compare(
        "XSETID none 1-1", "XSETID none x", "XADD s 5-5 a 1", "XSETID s 5-4", "XSETID s 5-5", "XSETID s 9", info,
        "XADD s 8 a 1", "XSETID s 10 ENTRIESADDED 7 MAXDELETEDID 3", info, "XSETID s 10 ENTRIESADDED -1",
        "XSETID s 10 ENTRIESADDED 0", "XSETID s 10 ENTRIESADDED x", "XSETID s 10 MAXDELETEDID 11",
        "XSETID s 10 MAXDELETEDID x", "XSETID s 10 FOO 1", "XSETID s 10 ENTRIESADDED", "XSETID s", "XDEL s 5-5",
        "XSETID s 4", "XSETID s 5-5", "XSETID s 5-6 ENTRIESADDED 0", info, "XSETID s 20 MAXDELETEDID 0-0", info,
        "XSETID s 30 MAXDELETEDID 1-1", info, "XSETID s -", "XSETID s +",
        differs=(Difference("XSETID s 4", BELOW_DELETED, DELETED_CHECKED),),
    )


def test_copy_and_dump(compare: Pair) -> None:
    compare(
        "XADD s 1-1 a 1", "XADD s 2-1 a 1", "XDEL s 1-1", "XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >",
        "COPY s t", "XDEL s 2-1", "XRANGE t - +", "XINFO STREAM t", "XPENDING t g", "XPENDING s g", "XACK s g 2-1",
        "XPENDING t g", "DEBUG DIGEST-VALUE s t", "DEBUG DIGEST", "RENAME t u", "XINFO GROUPS u",
    )


# XREAD


def test_read(compare: Pair) -> None:
    compare(
        "XADD a 1-1 x 1", "XADD a 2-1 x 2", "XADD b 1-1 y 1", "XREAD STREAMS a 0", "XREAD STREAMS a b 0 0",
        "XREAD COUNT 1 STREAMS a b 0 0", "XREAD STREAMS a b 2-1 0", "XREAD STREAMS a b 2-1 1-1", "XREAD STREAMS none 0",
        "XREAD STREAMS a none 1 0", "XREAD STREAMS a a 0 1-1", "XREAD COUNT 0 STREAMS a 0",
        "XREAD COUNT -1 STREAMS a 0",
        "XREAD STREAMS a $", "XREAD streams a 1", "XREAD block 1 STREAMS a 0", "XREAD BLOCK 1 STREAMS a $",
        "XREAD BLOCK 1 STREAMS none 0", "XDEL a 2-1", "XREAD STREAMS a 1-1", "XREAD STREAMS a 0-1",
    )  # fmt: skip
    compare(
        "XREAD STREAMS a", "XREAD STREAMS a b 0", "XREAD COUNT x STREAMS a 0", "XREAD COUNT 1 a 0",
        "XREAD FOO STREAMS a 0",
        "XREAD STREAMS", "XREAD BLOCK x STREAMS a 0", "XREAD BLOCK -1 STREAMS a 0", "XREAD BLOCK 1.5 STREAMS a 0",
        "XREAD GROUP g c STREAMS a 0", "XREAD NOACK STREAMS a 0",
        "XREAD STREAMS a >", "XREAD STREAMS a x", "XREAD COUNT 1 BLOCK 1", "XREAD BLOCK STREAMS a 0",
        "XREAD STREAMS a b c d", "COMMAND GETKEYS XREAD STREAMS a b 0 0", "COMMAND GETKEYS XREAD COUNT 1 STREAMS a 0",
        differs=(Difference("XREAD STREAMS a b 0", UNBALANCED, NAMED),),
    )  # fmt: skip


def test_blocked_readers_get_what_is_added(compare: Pair) -> None:
    compare(
        "XADD s 1-1 a 1", "b: XREAD BLOCK 0 STREAMS s $ &", "c: XREAD BLOCK 0 STREAMS none s 0 $ &",
        "d: XREAD BLOCK 0 COUNT 1 STREAMS s s 1-1 5 &", "XADD s 2-1 a 2", "b: <-", "c: <-", "d: <-",
    )
    compare(
        "b: XREAD BLOCK 0 STREAMS s $ &", "XADD s 1-1 a 1", "b: <-", "b: XREAD BLOCK 0 STREAMS s 9 &", "XADD s 2-2 a 1",
        "XADD s 10-1 a 1", "b: <-", "b: XREAD BLOCK 0 STREAMS s $ &", "DEL s", "XADD s 1 a 1", "XADD s 11 a 1", "b: <-",
    )  # fmt: skip
    compare(
        "b: XREAD BLOCK 0 STREAMS s $ &", "MULTI", "XADD s 1-1 a 1", "XADD s 1-2 a 2", "DEL s", "EXEC", "LPUSH s x",
        "DEL s", "MULTI", "XADD s 2-1 a 1", "XADD s 2-2 a 2", "EXEC", "b: <-",
    )
    compare(
        "MULTI", "XREAD BLOCK 0 STREAMS s $", "EXEC", "b: XREAD BLOCK 0 STREAMS s 0 &", "XGROUP CREATE s g $ MKSTREAM",
        "XADD t 1-1 a 1", "RENAME t s", "b: <-",
    )


def test_what_happens_to_streams_is_told(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA", "b: PSUBSCRIBE __key*", "XADD s 1-1 a 1", "b: <-", "b: <-",
        "XADD s MAXLEN 1 2-1 a 1", "b: <-", "b: <-", "b: <-", "b: <-", "XTRIM s MAXLEN 0", "b: <-", "b: <-",
        "XADD s 3-1 a 1", "b: <-", "b: <-", "XDEL s 3-1", "b: <-", "b: <-", "XSETID s 5", "b: <-", "b: <-",
        "XGROUP CREATE s g 0", "b: <-", "b: <-", "XGROUP SETID s g 1", "b: <-", "b: <-",
        "XGROUP CREATECONSUMER s g c", "b: <-", "b: <-", "XREADGROUP GROUP g d STREAMS s 0", "b: <-", "b: <-",
        "XGROUP DELCONSUMER s g c", "b: <-", "b: <-", "XGROUP DESTROY s g", "b: <-", "b: <-",
        "XGROUP CREATE t g 0 MKSTREAM", "b: <-", "b: <-", "XDEL s 77", "XTRIM s MAXLEN 5", "XACK t g 5",
        "XGROUP DESTROY t x", "CONFIG SET notify-keyspace-events ''",
    )  # fmt: skip


def test_watch(compare: Pair) -> None:
    for change in ["XADD s 9 a 1", "XDEL s 1", "XDEL s 5", "XTRIM s MAXLEN 1", "XTRIM s MAXLEN 9", "XSETID s 9",
                   "XGROUP CREATE s h 0", "XGROUP SETID s g 0", "XREADGROUP GROUP g c STREAMS s >", "XACK s g 1",
                   "XGROUP CREATECONSUMER s g d", "XCLAIM s g c 0 1 FORCE"]:  # fmt: skip
        compare(
            "XADD s 1 a 1", "XADD s 2 a 1", "XGROUP CREATE s g 0", "WATCH s", f"b: {change}", "MULTI", "PING", "EXEC",
            protocols=(2,),
        )
