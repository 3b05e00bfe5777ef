"""Bytes that are no requests, or not quite: both servers must say the same and hang up at the same point."""

import socket
from random import Random

import pytest

from pycluster.testing import Node
from tests.differential.comparing import Pair

ALPHABET = [
    b"*1\r\n$4\r\nPING\r\n",
    b"*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*",
    b"$",
    b"*1",
    b"*2\r\n",
    b"*1\r\n",
    b"$3\r\n",
    b"$4\r\n",
    b"$0\r\n",
    b"$-1\r\n",
    b"PING\r\n",
    b"PING\n",
    b"PING",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"ECHO 'a b'\r\n",
    b'ECHO "\\x41"\r\n',
    b"'",
    b'"',
    b"ECHO a\0b\r\n",
    b"\0",
    b"a",
    b"1",
    b"9" * 20,
    b"*10\r\n",
    b"*1\rX",
    b":1\r\n",
    b"+PING\r\n",
    b"-ERR x\r\n",
    b",1\r\n",
    b"#t\r\n",
    b"_\r\n",
    b"%1\r\n",
    b"~1\r\n",
    b">1\r\n",
    b"=8\r\ntxt:PING\r\n",
    b"(1\r\n",
    b"!4\r\nPING\r\n",
    b"|1\r\n",
    b"GET a b\r\n",
    b"NOSUCH\r\n",
    b"\xff\r\n",
    b"*1\r\n$4\r\nQUIT\r\n",
]


def say(node: Node, received: bytes) -> bytes:
    """Everything that the server answers to these bytes until it, or we, end the connection."""
    with socket.create_connection((node.host, node.port), 10) as connection:
        try:
            connection.sendall(received)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionError:  # it has hung up while we were still speaking
            return b"<reset>"
        return answer


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes(compare: Pair, seed: int) -> None:
    rng = Random(seed)
    for _ in range(25):
        received = b"".join(rng.choices(ALPHABET, k=rng.randrange(1, 9)))
        assert say(compare.ours, received) == say(compare.redis, received), received


@pytest.mark.parametrize("seed", range(5))
def test_requests_with_a_byte_changed(compare: Pair, seed: int) -> None:
    rng = Random(seed)
    for _ in range(50):
        received = bytearray(
            b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$10\r\n0123456789\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n"
        )
        received[rng.randrange(len(received))] = rng.randrange(256)
        assert say(compare.ours, received) == say(compare.redis, received), received


@pytest.mark.parametrize("word", ["POST", "Host:", "host:", "post"])
def test_http_is_hung_up_on(compare: Pair, word: str) -> None:
    compare("PING", (word, "/", "HTTP/1.1"), "<-")
    compare(f'=> "PING\\r\\n{word} / HTTP/1.1\\r\\nPING\\r\\n"', "<-")


def test_numbers_at_the_limits_of_counts(compare: Pair) -> None:
    for count in [
        "2147483647",
        "2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "-0",
        "00",
        "1 ",
    ]:
        received = b"*%b\r\n$4\r\nPING\r\n" % count.encode()
        assert say(compare.ours, received) == say(compare.redis, received), received
    for length in ["536870912", "536870913", "-0", "+4", "04", "4.0", "0x4", ""]:
        received = b"*1\r\n$%b\r\nPING\r\n" % length.encode()
        assert say(compare.ours, received) == say(compare.redis, received), received


def test_a_request_in_many_pieces(compare: Pair) -> None:
    for node in (compare.redis, compare.ours):
        with socket.create_connection((node.host, node.port), 10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING\r\n":
                connection.sendall(bytes([byte]))
            answer = b""
            while len(answer) < 15:
                answer += connection.recv(100)
            assert answer == b"$2\r\nhi\r\n+PONG\r\n"
