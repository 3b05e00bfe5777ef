"""The journal: what of a command goes into the stream, in which order, and when a chunk goes there as it came."""

from pycluster.keyspace.journal import AS_RECEIVED, Journal
from pycluster.protocol.replies import encode_request

SET = [b"set", b"k", b"v"]


class Told:
    """A journal, and what it told its listener."""

    def __init__(self) -> None:
        self.ends_asked_for = 0
        self.stream = b""
        self.journal = Journal(self._ask)
        self.journal.listeners.append(self._take)
        self.journal.commit(0, [])

    def write(self, args: list[bytes], index: int = 0, count: int = 1) -> None:
        self.journal.dirty += count
        self.journal.commit(index, args)

    def end(self) -> list[bytes]:
        """The records of a turn, each on its line."""
        before = len(self.stream)
        self.journal.flush()
        lines = self.stream[before:].split(b"*")[1:]
        return [b" ".join(line.split(b"\r\n")[2::2]) for line in lines]

    def _ask(self) -> None:
        self.ends_asked_for += 1

    def _take(self, stream: bytes) -> None:
        self.stream += stream


def test_a_write_is_recorded_as_received_behind_its_database() -> None:
    told = Told()
    told.write(SET)
    told.write(SET)
    told.write(SET, index=3)
    assert told.end() == [b"SELECT 0", b"set k v", b"set k v", b"SELECT 3", b"set k v"]


def test_the_end_of_a_turn_is_asked_for_once() -> None:
    told = Told()
    told.write(SET)
    told.write(SET)
    assert told.ends_asked_for == 1 and told.end()
    told.write(SET)
    assert told.ends_asked_for == 2


def test_what_changes_nothing_leaves_no_record() -> None:
    told = Told()
    told.write(SET, count=0)
    assert told.end() == [] and told.journal.changes == 0


def test_a_record_may_stand_for_the_command() -> None:
    told = Told()
    told.journal.record_instead(b"SREM", b"s", b"m")
    told.write([b"SPOP", b"s"])
    told.journal.record_instead(AS_RECEIVED, b"k", b"v")
    told.write([b"set", b"k", b"v", b"get"])
    assert told.end() == [b"SELECT 0", b"SREM s m", b"set k v"]


def test_what_is_recorded_anyway_does_not_count() -> None:
    told = Told()
    told.journal.record_anyway()
    told.write([b"FLUSHALL"], count=0)
    assert told.end() == [b"SELECT 0", b"FLUSHALL"] and told.journal.changes == 0


def test_a_message_goes_to_replicas_and_into_no_file() -> None:
    told, kept = Told(), []
    told.journal.keeper = kept.append
    told.journal.listeners.append(kept.append)
    told.write(SET)
    told.journal.record_message(b"c", b"m")
    told.write([b"publish", b"c", b"m"], count=0)
    assert told.end() == [b"SELECT 0", b"set k v", b"publish c m"] and told.journal.changes == 1
    assert kept == [encode_request([b"SELECT", b"0"]) + encode_request(SET)]


def test_an_expired_key_goes_first_and_makes_a_transaction() -> None:
    told = Told()
    told.journal.early.append((0, [b"DEL", b"k"]))
    told.write(SET)
    assert told.end() == [b"MULTI", b"SELECT 0", b"DEL k", b"set k v", b"EXEC"]


def test_a_unit_is_a_transaction_if_it_left_more_than_one_record() -> None:
    told = Told()
    for commands in (1, 2):
        told.journal.begin_unit()
        for _ in range(commands):
            told.write(SET)
        told.journal.end_unit()
    assert told.end() == [b"SELECT 0", b"set k v", b"MULTI", b"set k v", b"set k v", b"EXEC"]


def test_changes_count_while_nobody_listens() -> None:
    journal = Journal()
    journal.dirty += 3
    journal.record_instead(b"DEL", b"k")
    journal.commit(0, SET)
    assert (journal.changes, journal.dirty, journal.instead) == (3, 0, None)


# Chunks

OTHER = b"*3\r\n$3\r\nSET\r\n$1\r\nK\r\n$1\r\nV\r\n"  # not what is written, so that it can be told from it


def chunk_of(told: Told, *commands: list[bytes], chunk: bytes = OTHER * 2) -> bytes:
    """The stream of a chunk with these commands, in database 0 that is selected already."""
    told.write(SET)
    told.journal.flush()
    told.stream = b""
    mark = told.journal.mark()
    for command in commands:
        told.write(command)
    told.journal.take_verbatim(mark, chunk, len(commands))
    told.journal.flush()
    return told.stream


def test_the_size_of_what_was_recorded_since_a_mark_has_no_select() -> None:
    told = Told()
    told.write(SET)
    mark = told.journal.mark()
    told.write(SET, index=1)
    assert told.journal.size_since(mark) == len(b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n")


def test_a_chunk_of_plain_writes_is_taken_as_it_came() -> None:
    assert chunk_of(Told(), SET, SET) == OTHER * 2


def test_a_chunk_with_other_ends_of_lines_is_not() -> None:
    careless = OTHER + OTHER[:-2] + b"xx"
    assert chunk_of(Told(), SET, SET, chunk=careless) == encode_request(SET) * 2


def test_a_chunk_of_which_a_request_left_no_record_is_not() -> None:
    told = Told()
    told.write(SET)
    told.end()
    mark = told.journal.mark()
    told.write(SET)
    told.journal.take_verbatim(mark, b"\r\n" * 8, 2)
    assert told.end() == [b"set k v"]


def test_a_chunk_in_which_a_database_was_selected_is_not() -> None:
    told = Told()
    mark = told.journal.mark()
    told.write(SET)
    told.write(SET)
    told.journal.take_verbatim(mark, OTHER * 3, 3)
    assert told.end() == [b"SELECT 0", b"set k v", b"set k v"]


def test_a_chunk_in_which_something_else_was_recorded_is_not() -> None:
    told = Told()
    told.journal.record_instead(b"DEL", b"x")
    assert chunk_of(told, SET, SET) == OTHER * 2
    told.stream = b""
    mark = told.journal.mark()
    told.write(SET)
    told.journal.append(0, b"DEL", b"x")
    told.journal.take_verbatim(mark, OTHER * 2, 2)
    assert told.end() == [b"set k v", b"DEL x"]


def test_a_chunk_in_which_somebody_else_was_served_is_not() -> None:
    told = Told()
    told.write(SET)
    told.end()
    mark = told.journal.mark()
    told.write(SET)
    told.journal.interrupt()
    told.write(SET)
    told.journal.take_verbatim(mark, OTHER * 2, 2)
    assert told.end() == [b"set k v", b"set k v"]


def test_a_single_request_that_was_recorded_as_it_came_is_the_record() -> None:
    journal, received = Journal(), []
    journal.listeners.append(received.append)
    args, chunk = [b"set", b"k", b"v"], b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n"
    journal.dirty = 1
    journal.commit(0, args)
    journal.take_single(args, chunk)
    journal.flush()
    assert received == [b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + chunk]


def test_a_single_request_that_was_recorded_otherwise_is_not() -> None:
    journal, received = Journal(), []
    journal.listeners.append(received.append)
    journal.dirty = 1
    journal.record_instead(b"DEL", b"k")
    journal.commit(0, [b"GETDEL", b"k"])
    journal.take_single([b"GETDEL", b"k"], b"*2\r\n$6\r\nGETDEL\r\n$1\r\nk\r\n")
    journal.flush()
    assert received[0].endswith(b"DEL\r\n$1\r\nk\r\n") and b"GETDEL" not in received[0]


def test_who_wrote_learns_where_its_turn_ended() -> None:
    journal = Journal()
    journal.listeners.append(lambda stream: journal.place.__setitem__(0, 100))
    place = journal.place
    journal.dirty = 1
    journal.commit(0, [b"SET", b"k", b"v"])
    journal.flush()
    assert place == [100] and journal.place is not place
