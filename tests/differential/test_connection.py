"""The connection itself: greetings, protocol errors, inline commands, pipelines, and commands about a connection."""

import pytest

from tests.differential.comparing import Difference, Pair
from tests.differential.conftest import MakePair

HELLO_UNAUTHENTICATED = Difference(
    "HELLO 2",
    b"-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
    b"<pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n",
    "7.2 names the protocol version in the text (networking.c, helloCommand)",
)


def test_ping_and_echo(compare: Pair) -> None:
    compare("PING", "PING hello", "PING a b", "ECHO hi", "ECHO", "ECHO a b", "QUIT", "<-")


def test_inline_commands(compare: Pair) -> None:
    compare(r'=> "PING\r\n"', r'=> "SET a \"x y\"\r\n"', r'=> "get a\n"', r"""=> "SET b 'it\\'s'\r\n" """, "GET b")
    compare(r'=> "\r\n\r\nPING\r\n"', r'=> "   \r\n  PING   \r\n"', r'=> "ECHO \"\\x41\\n\"\r\n"')


@pytest.mark.parametrize(
    "bytes_",
    [
        r"*x\r\n",
        r"*2147483648\r\n",
        r"*99999999999999999999\r\n",
        r"*1\r\nx\r\n",
        r"*1\r\n:1\r\n",
        r"*1\r\n$x\r\n",
        r"*1\r\n$-1\r\n",
        r"*1\r\n$-5\r\n",
        r"*1\r\n$536870913\r\n",
        r"*1\r\n$4 \r\nPING\r\n",
        r"*+1\r\n$4\r\nPING\r\n",
        r"*2\r\n$3\r\nGET\r\n:1\r\n",
        r"SET \"a\r\n",
        r"SET 'a\r\n",
        r'SET \"a\"b\r\n',
    ],
)
def test_protocol_errors_close_the_connection(compare: Pair, bytes_: str) -> None:
    compare("PING", f'=> "{bytes_}"', "<-")


def test_too_long_lines_are_protocol_errors(compare: Pair) -> None:
    compare(f'=> "{"x" * 70000}"', "<-")
    compare(f'=> "*{"1" * 70000}"', "<-")
    compare(f'=> "*1\\r\\n${"1" * 70000}"', "<-")


def test_empty_requests_are_ignored(compare: Pair) -> None:
    compare(r'=> "*0\r\n*-1\r\n*-100\r\n*1\r\n$4\r\nPING\r\n"')


def test_a_pipeline_is_answered_in_order(compare: Pair) -> None:
    compare(r'=> "SET a 1\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\nGET a\r\nNOSUCH\r\nPING\r\n"', "<-", "<-", "<-", "<-")


def test_after_a_protocol_error_nothing_is_served(compare: Pair) -> None:
    compare(r'=> "SET a 1\r\n*1\r\n$x\r\nSET a 2\r\n"', "<-", "<-", "b: GET a")


def test_hello_errors(compare: Pair) -> None:
    compare("HELLO 1", "HELLO 4", "HELLO x", "HELLO 3 AUTH", "HELLO 3 SETNAME 'a b'", "HELLO 2 NOSUCH")
    compare("[shape] HELLO 3 AUTH default wrong", "HELLO 3 AUTH nobody x")


def test_hello_with_a_name(compare: Pair) -> None:
    compare("[shape] HELLO 3 SETNAME him", "CLIENT GETNAME", "RESET", "CLIENT GETNAME", "PING")
    compare("[shape] HELLO 2 setname her", "CLIENT GETNAME", "HELLO 3 SETNAME", "HELLO '' SETNAME x", "CLIENT GETNAME")


def test_hello_changes_the_protocol_at_once(compare: Pair) -> None:
    compare("HSET h f 1", "[shape] HELLO 2", "HGETALL h", "GET x", "[shape] HELLO 3", "HGETALL h", "[shape] HELLO")
    compare("HELLO 99999999999999999999", "HELLO ''", "HELLO 2.0", "HELLO -3", "HELLO 02", "GET x")


def test_auth_without_a_password_set(compare: Pair) -> None:
    compare("AUTH", "AUTH a", "AUTH a b c", "AUTH nobody b", "AUTH default", "AUTH default x", "PING")


def test_reset(compare: Pair) -> None:
    compare("SELECT 3", "SET x 1", "MULTI", "SET x 2", "RESET", "EXEC", "GET x", "SELECT 3", "GET x", "RESET x")
    compare("SUBSCRIBE a", "PSUBSCRIBE b", "RESET", "o: PUBLISH a x", "GET x", "PING", "HGETALL h")
    compare("WATCH k", "RESET", "o: SET k 1", "MULTI", "EXEC", "[shape] HELLO 3", "RESET", "GET nosuch")


def test_quit(compare: Pair) -> None:
    compare("QUIT a b", "<-")
    compare(r'=> "PING\r\nQUIT\r\nSET a 1\r\n"', "<-", "<-", "b: EXISTS a")
    compare("MULTI", "SET a 1", "QUIT", "<-", "b: EXISTS a")


def test_commands_for_clusters_are_refused_outside_of_one(compare: Pair) -> None:
    compare("READONLY", "READWRITE", "ASKING", "READONLY x", "CLUSTER INFO", "CLUSTER", "CLUSTER NOSUCH")


def test_commands_for_clusters(compare_in_cluster: Pair) -> None:
    compare_in_cluster("READONLY", "READWRITE", "ASKING", "ASKING x", "READWRITE x", "[shape] HELLO", "[shape] HELLO 3")


def test_time(compare: Pair) -> None:
    compare("[shape] TIME", "TIME x", "ECHO", "ECHO a b", ("ECHO", b"\0\xff\r\n"), ("ECHO", ""))


def test_names_of_commands_in_any_letters(compare: Pair) -> None:
    compare("PiNg", "gEt a", "client ID x", "CLIENT id x", "CoNfIg GeT maxmemory x y", "cLiEnT nosuch")


def test_replies_of_every_type(compare: Pair) -> None:
    for kind in "string integer double bignum null array set map attrib verbatim true false nosuch".split():
        compare(f"DEBUG PROTOCOL {kind}", "PING")


def test_a_push_comes_behind_the_reply(compare: Pair) -> None:
    reply, push = b"$40\r\nSome real reply following the push reply\r\n", b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
    source = "7.2 puts pushes behind the reply (networking.c, pending_push_messages)"
    differs = (Difference("DEBUG PROTOCOL push", reply, source), Difference("<-", push, source))
    compare("DEBUG PROTOCOL push", "<-", protocols=(3,), differs=differs)
    compare("DEBUG PROTOCOL push", protocols=(2,))


def test_line_ends_never_pass_into_an_error(compare: Pair) -> None:
    compare('DEBUG ERROR "MINE a\\r\\nb"', ("CLIENT", "no\r\nsuch"), ("EXPIRE", "a", "1", "x\r\ny"))
    compare(("HELLO", "3", "x\ny"), ("x\r\ny", "\n"))


def test_debug(compare: Pair) -> None:
    compare("""
        DEBUG
        DEBUG NOSUCH
        DEBUG SLEEP
        DEBUG SLEEP 0 1
        DEBUG DIGEST x
        DEBUG DIGEST
        DEBUG DIGEST-VALUE
        MSET a 1 b 2
        RPUSH l 1 2
        HSET h a 1 b 2
        SADD s a b
        ZADD z 1 a 2.5 b
        DEBUG DIGEST
        DEBUG DIGEST-VALUE a l h s z nosuch
        DEBUG POPULATE
        DEBUG POPULATE x
        DEBUG POPULATE -1
        DEBUG POPULATE 3 p 10
        DEBUG POPULATE 3 q x
        DEBUG POPULATE 1 r 3 4
        DEBUG POPULATE 3
        GET p:1
        GET key:2
        DEBUG DIGEST
        DEBUG RELOAD
        DEBUG DIGEST
        DEBUG RELOAD FOO
        DEBUG RELOAD NOSAVE NOFLUSH MERGE
        DEBUG DIGEST
        DEBUG LOG hello
        DEBUG DROP-CLUSTER-PACKET-FILTER x
        DEBUG CHANGE-REPL-ID x
    """)


def test_debug_is_not_for_everybody(make_pair: MakePair) -> None:
    compare = make_pair(("enable-debug-command", "no"))
    compare("DEBUG SLEEP 0", "DEBUG", "MULTI", "DEBUG SLEEP 0", "EXEC", "CONFIG SET enable-debug-command yes")


def test_select(compare: Pair) -> None:
    compare(
        "SET a 0", "SELECT 1", "GET a", "SET a 1", "SELECT 0", "GET a", "SELECT 15", "SELECT 16", "SELECT -1",
        "SELECT x", "SELECT", "SELECT 0 1", "SELECT 99999999999", "SELECT ''", "SELECT 1.0", "GET a",
    )


def test_unknown_commands(compare: Pair) -> None:
    compare(
        "NOSUCH", "NOSUCH a b c", ("nosuch", "x" * 200, "y"), ("no\r\nsuch", "a\nb"), "CONFIG", "CONFIG NOSUCH",
        "COMMAND NOSUCH x",
    )


def test_a_password(make_pair: MakePair) -> None:
    compare = make_pair(("requirepass", "secret"), password="secret")
    compare("PING", "GET a", "AUTH wrong", "AUTH default wrong", "AUTH secret", "PING", "RESET", "PING", protocols=(2,))
    compare(r'=> "*11\r\n"', "<-", protocols=(2,))
    compare(r'=> "*2\r\n$16385\r\n"', "<-", protocols=(2,))
    compare("NOSUCH", "GET", "MULTI", "EXEC", "SUBSCRIBE a", "CLIENT ID", "HELLO 3 AUTH default wrong", protocols=(2,))
    compare("[shape] HELLO 3 AUTH default secret", "GET a", "AUTH wrong", "GET a", "RESET", "GET a", protocols=(2,))
    compare("RESET", "[shape] HELLO 2 AUTH default secret", "GET a", protocols=(2,))
    compare("AUTH secret", "RESET", r'=> "*11\r\n"', "<-", protocols=(2,))
    compare(r'=> "AUTH secret\r\n*11\r\n$4\r\nMGET\r\n"', r'=> "' + r"$1\r\na\r\n" * 10 + '"', protocols=(2,))
    compare("HELLO 2", "AUTH default secret extra", "QUIT", "<-", differs=(HELLO_UNAUTHENTICATED,), protocols=(2,))


def test_a_password_that_is_taken_away(make_pair: MakePair) -> None:
    compare = make_pair(("requirepass", "secret"), password="secret")
    compare("GET a", "o: AUTH secret", "o: CONFIG SET requirepass ''", "GET a", "HELLO 4", """
        o: CONFIG SET requirepass secret
        GET a
        o: GET a
    """, protocols=(2,))  # fmt: skip
