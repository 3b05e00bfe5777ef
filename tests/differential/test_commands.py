"""COMMAND: what a client learns of commands before it sends any."""

import pytest

from tests.differential.comparing import Pair


def test_keys_are_found(compare: Pair) -> None:
    compare(
        "COMMAND GETKEYS GET a",
        "COMMAND GETKEYS get a b",
        "COMMAND GETKEYS MSET a 1 b 2",
        "COMMAND GETKEYS MSET a",
        "COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2",
        "COMMAND GETKEYS ZUNION 5 a",
        "COMMAND GETKEYS ZUNION x a",
        "COMMAND GETKEYS BLPOP a b 0",
        "COMMAND GETKEYS OBJECT ENCODING a",
        "COMMAND GETKEYS PING x",
        "COMMAND GETKEYS CONFIG GET x",
        "COMMAND GETKEYS PUBLISH c m",
        "COMMAND GETKEYS SPUBLISH c m",
        "COMMAND GETKEYS NOSUCH a",
        "COMMAND GETKEYS CONFIG NOSUCH",
        "COMMAND GETKEYS SET a",
        "COMMAND GETKEYS",
    )


def test_keys_are_found_with_their_use(compare: Pair) -> None:
    compare(
        "COMMAND GETKEYSANDFLAGS SET a 1",
        "COMMAND GETKEYSANDFLAGS SET a 1 GET",
        "COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT",
        "COMMAND GETKEYSANDFLAGS ZUNIONSTORE d 2 a b",
        "COMMAND GETKEYSANDFLAGS PING x",
    )


@pytest.mark.parametrize(
    "name", ["get", "INCR", "mset", "lmove", "zunionstore", "config|get", "Config|Get", "ssubscribe"]
)
def test_an_entry_is_that_of_redis(compare: Pair, name: str) -> None:
    compare(
        f"[unordered] COMMAND INFO {name}", "COMMAND INFO nosuch", f"[unordered] COMMAND INFO nosuch {name} get|x x|y|z"
    )


def test_commands_are_listed(compare: Pair) -> None:
    compare(
        "[unordered] COMMAND LIST FILTERBY PATTERN config*",
        "[unordered] COMMAND LIST FILTERBY PATTERN GET",
        "COMMAND LIST FILTERBY ACLCAT nosuch",
        "[unordered] COMMAND LIST FILTERBY ACLCAT Transaction",
        "COMMAND LIST FILTERBY MODULE nosuch",
        "COMMAND LIST FILTERBY nosuch x",
        "COMMAND LIST x",
        "COMMAND LIST FILTERBY PATTERN",
    )


def test_questions_that_make_no_sense(compare: Pair) -> None:
    compare("COMMAND COUNT x", "COMMAND NOSUCH", "COMMAND DOCS nosuch", "[shape] COMMAND HELP", "COMMAND INFO ''")


def test_an_end_that_makes_no_sense(compare: Pair) -> None:
    compare(
        "SHUTDOWN x",
        "SHUTDOWN SAVE NOSAVE",
        "SHUTDOWN ABORT NOW",
        "SHUTDOWN ABORT",
        "MULTI",
        "SHUTDOWN NOSAVE",
        "EXEC",
        "PING",
    )
