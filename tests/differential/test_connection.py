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


def test_client_names(compare: Pair) -> None:
    compare(
        "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT SETNAME 'a b'", "CLIENT SETNAME ''",
        "CLIENT GETNAME",
    )
    compare("[shape] HELLO 3 SETNAME him", "CLIENT GETNAME", "RESET", "CLIENT GETNAME", "PING")


def test_select(compare: Pair) -> None:
    compare(
        "SET a 0", "SELECT 1", "GET a", "SET a 1", "SELECT 0", "GET a", "SELECT 15", "SELECT 16", "SELECT -1",
        "SELECT x",
    )


def test_client_reply(compare: Pair) -> None:
    compare("CLIENT REPLY ON", "CLIENT REPLY NO")
    compare(r'=> "CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n"')
    compare(r'=> "CLIENT REPLY OFF\r\nSET a 2\r\nPING\r\nCLIENT REPLY ON\r\n"', "GET a")


def test_client_kill_and_unblock(compare: Pair) -> None:
    compare(
        "CLIENT KILL 1.2.3.4:5", "CLIENT KILL ID x", "CLIENT KILL ID 999999", "CLIENT KILL NOSUCH 1",
        "CLIENT UNBLOCK 999999",
    )
    compare(
        "CLIENT UNBLOCK x", "CLIENT UNBLOCK 1 NOSUCH", "CLIENT NOSUCH", "CLIENT", "CLIENT PAUSE x", "CLIENT PAUSE -1",
        "CLIENT NO-EVICT x",
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
    compare("HELLO 2", "AUTH default secret extra", "QUIT", "<-", differs=(HELLO_UNAUTHENTICATED,), protocols=(2,))
