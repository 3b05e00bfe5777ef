"""The primary's stream, applied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.protocol.errors import ProtocolError
from pycluster.protocol.replies import encode_request
from pycluster.replication.stream import PrimaryStream


class Performer:
    """Notes the commands; between MULTI and EXEC a unit is open."""

    def __init__(self) -> None:
        self.performed: list[list[bytes]] = []
        self.takes_time: list[list[bytes]] = []
        self.in_unit = False
        self.stream = PrimaryStream(self.perform, lambda: self.in_unit)

    def perform(self, args: list[bytes]) -> bool:
        if args in self.takes_time:
            self.takes_time.remove(args)
            return False
        self.performed.append(args)
        self.in_unit = args[0] == b"MULTI" or (self.in_unit and args[0] != b"EXEC")
        return True

    def take(self, piece: bytes) -> bytes:
        self.stream.feed(piece)
        return self.stream.apply(1000)[0]


SET = [b"SET", b"key", b"x" * 200]
MULTI, EXEC = [b"MULTI"], [b"EXEC"]


def test_what_was_applied_is_handed_out_byte_for_byte() -> None:
    performer = Performer()
    assert performer.take(encode_request(SET)) == encode_request(SET)
    assert performer.performed == [SET]


def test_half_a_command_is_not_applied() -> None:
    performer, whole = Performer(), encode_request(SET)
    assert performer.take(whole + whole[:50]) == whole
    assert performer.take(whole[50:]) == whole


def test_nothing_of_a_transaction_counts_before_its_end() -> None:
    performer = Performer()
    begun = encode_request(MULTI) + encode_request(SET)
    assert performer.take(begun) == b""
    assert performer.take(encode_request(SET)[:50]) == b""
    assert performer.take(encode_request(SET)[50:]) == b""
    assert performer.take(encode_request(EXEC)) == begun + encode_request(SET) + encode_request(EXEC)


def test_a_command_that_takes_time_is_performed_again_before_all_others() -> None:
    performer = Performer()
    slow = [b"RESTORE", b"key"]
    performer.takes_time += [slow, slow]
    performer.stream.feed(encode_request(SET) + encode_request(slow) + encode_request(SET))
    assert performer.stream.apply(9) == (encode_request(SET), True)
    assert performer.stream.apply(9) == (b"", True)
    assert performer.stream.apply(9) == (encode_request(slow) + encode_request(SET), False)
    assert performer.performed == [SET, slow, SET]


def test_a_batch_is_bounded() -> None:
    performer = Performer()
    performer.stream.feed(encode_request(SET) * 5)
    assert performer.stream.apply(3) == (encode_request(SET) * 3, True)
    assert performer.stream.apply(3) == (encode_request(SET) * 2, False)


@pytest.mark.parametrize(
    "nonsense", [b"SET k v\r\n", b"*x\r\n", b"*1\r\n:5\r\n", b"*01\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI"]
)
def test_what_is_no_stream_is_refused(nonsense: bytes) -> None:
    with pytest.raises(ProtocolError):
        Performer().take(nonsense)


commands = st.lists(st.lists(st.binary(max_size=120), min_size=1, max_size=12), max_size=20)


@given(commands, st.integers(1, 300))
def test_the_bytes_applied_add_up_to_the_stream_however_it_is_cut(sent: list[list[bytes]], size: int) -> None:
    sent = [[b"CMD", *args] for args in sent]
    stream = b"".join(map(encode_request, sent))
    performer = Performer()
    assert b"".join(performer.take(stream[at : at + size]) for at in range(0, len(stream), size)) == stream
    assert performer.performed == sent
