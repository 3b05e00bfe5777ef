"""A dataset on its way in."""

import pytest

from pycluster.replication.transfer import Transfer, TransferFailed

MARK = b"0123456789" * 4


def take(transfer: Transfer, stream: bytes, piece: int) -> bytes:
    return b"".join(transfer.receive(stream[at : at + piece]) for at in range(0, len(stream), piece))


@pytest.mark.parametrize("piece", [1, 3, 7, 40, 1000])
def test_a_file_of_known_length_ends_there(piece: int) -> None:
    transfer = Transfer()
    assert take(transfer, b"\n\n$10\r\n" + b"x" * 10, piece) == b"x" * 10
    assert transfer.done and (transfer.size, transfer.received, transfer.is_streamed) == (10, 10, False)


@pytest.mark.parametrize("piece", [1, 3, 7, 40, 41, 1000])
def test_a_streamed_file_ends_with_its_mark(piece: int) -> None:
    transfer = Transfer()
    content = b"x" * 100 + MARK[:39] + b"y" * 5
    assert take(transfer, b"$EOF:" + MARK + b"\r\n" + content + MARK, piece) == content
    assert transfer.done and transfer.is_streamed and transfer.received == len(content)


def test_what_comes_behind_the_file_is_handed_on() -> None:
    known, streamed = Transfer(), Transfer()
    known.receive(b"$3\r\nabc*1\r\n")
    streamed.receive(b"$EOF:" + MARK + b"\r\nabc" + MARK + b"*1\r\n")
    assert known.rest == streamed.rest == b"*1\r\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            b"-ERR BGSAVE failed, replication can't continue",
            "MASTER aborted replication with an error: ERR BGSAVE failed",
        ),
        (b"+OK", "Bad protocol from MASTER, the first byte is not '\\$' \\(we received '\\+OK'\\)"),
        (b"$abc", "Bad protocol"),
        (b"$EOF:short", "EOF marker is broken"),
    ],
)
def test_anything_else_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(TransferFailed, match=why):
        Transfer().receive(line + b"\r\n")


def test_a_line_that_never_ends_is_refused() -> None:
    with pytest.raises(TransferFailed):
        Transfer().receive(b"$" + b"1" * 5000)
