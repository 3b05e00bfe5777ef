"""Some slots as a stream of commands: their keys as they are, and from then on whatever changes in them.

Slots are read one after another. From the moment one is read, its changes belong to the stream, behind its keys; of the
slots that are still to be read they do not, since the keys will tell of them. So nothing has to hold still but the slot
that is being read, for as long as that takes (FrozenSlot), no process is forked, and several streams can run at once.

The stream hears of changes as a listener of the journal, and picks out those of its slots by their first key: no
command changes keys of two slots. What has no key, MULTI and EXEC among it, is nothing to it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pycluster.commands.table import Command
from pycluster.keyspace.database import Database
from pycluster.keyspace.frozen import FrozenSlot
from pycluster.keyspace.journal import Journal
from pycluster.keyspace.slots import key_slot
from pycluster.persistence.rewriting import make_key
from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import encode_requests
from pycluster.protocol.requests import RequestReader

COMMANDS_A_PIECE = 100
BYTES_A_PIECE = 1 << 16
EMPTY_SLOTS_A_PIECE = 64
STRINGS_A_COMMAND = 50
LONG_STRING = 1024  # what is longer has a command of its own

Args = list[bytes]


class SlotStream:
    """The stream of some slots of one database: the keys in the pieces of `read`, the changes to `write`.

    While a slot is being read, changes must wait: `write` gets an empty one, and `later_bytes` are waiting.
    """

    def __init__(
        self,
        db: Database,
        journal: Journal,
        find: Callable[[Args], Command],
        slots: Iterable[int],
        write: Callable[[bytes], None],
    ) -> None:
        self._db = db
        self._journal = journal
        self._find = find
        self._slots = sorted(slots)
        self._write = write
        self._told: set[int] = set()  # slots whose changes belong to the stream
        self._later: list[bytes] | None = None  # changes that must wait until the slot that is being read is read
        self._frozen: FrozenSlot | None = None
        self._reader = RequestReader()
        self.later_bytes = 0
        journal.listeners.append(self._listen)

    def close(self) -> None:
        """Nothing more belongs to the stream. (Twice does no harm.)"""
        if self._listen in self._journal.listeners:
            self._journal.listeners.remove(self._listen)
        if self._frozen is not None:
            self._frozen.release()
            self._frozen = None

    # Keys

    def read(self) -> Iterator[bytes]:
        """The keys of all slots as commands, in pieces; an empty piece means that some time has gone by."""
        yield encode_requests([[b"SELECT", b"%d" % self._db.index]])
        for number, slot in enumerate(self._slots):
            self._journal.flush()  # what was recorded so far is in the keys that are about to be read
            self._told.add(slot)
            if self._db.slots[slot]:
                yield from self._read_slot(slot)
            elif not number % EMPTY_SLOTS_A_PIECE:
                yield b""

    def _read_slot(self, slot: int) -> Iterator[bytes]:
        frozen = self._frozen = FrozenSlot(self._db, slot)
        self._later = []
        strings = [b"MSET"]  # short ones without a deadline, the most of most datasets, share their commands
        for key, value in frozen.keys.items():
            if value.__class__ is bytes and len(value) <= LONG_STRING and key not in frozen.deadlines:
                strings += (key, value)
                if len(strings) > 2 * STRINGS_A_COMMAND:
                    yield encode_requests([strings])
                    strings = [b"MSET"]
            else:
                yield from self._read_key(key, value, frozen)
        frozen.release()
        self._frozen = None
        later, self._later, self.later_bytes = self._later, None, 0
        if len(strings) > 1:
            later.insert(0, encode_requests([strings]))
        yield b"".join(later)

    @staticmethod
    def _read_key(key: bytes, value: Any, frozen: FrozenSlot) -> Iterator[bytes]:
        value, is_at_once = frozen.hold(value)
        collected: list[Args] = []
        length = 0
        for args in make_key(key, value):
            collected.append(args)
            length += sum(map(len, args))
            if not is_at_once and (len(collected) >= COMMANDS_A_PIECE or length >= BYTES_A_PIECE):
                yield encode_requests(collected)
                collected, length = [], 0
        if (deadline := frozen.deadlines.get(key)) is not None:
            collected.append([b"PEXPIREAT", key, b"%d" % deadline])
        yield encode_requests(collected)

    # Changes

    def _listen(self, recorded: bytes) -> None:
        """What a turn has recorded: commands, whole ones."""
        reader = self._reader
        reader.feed(recorded)
        mine = []
        while (args := reader.next()) is not None:
            if self._is_mine(args):
                mine.append(args)
        if not mine:
            return
        encoded = encode_requests(mine)
        if self._later is not None:
            self._later.append(encoded)
            self.later_bytes += len(encoded)
            encoded = b""
        self._write(encoded)

    def _is_mine(self, args: Args) -> bool:
        try:
            command = self._find(args)
            if not command.writes or not command.first:
                return False
            key = args[command.first] if command.first > 0 else command.keys(args)[0]
        except (ReplyError, IndexError):
            return False
        return key_slot(key) in self._told
