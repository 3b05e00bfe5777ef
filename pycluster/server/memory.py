"""The memory of one server: how much is used, and what happens when that is more than `maxmemory`.

`used` counts what clients and data brought in and the tables made for them. The interpreter and its modules are the
program, as its text and libraries are Redis' (INFO shows them in used_memory_rss alone), so that a limit means here
what it means there. The keys' share comes from a survey (keyspace/memory.py) that goes on all the time.

While there is a limit, or a policy that asks how keys are used, a gate is up (admission.py), and commands run through
`_perform_noting` here: it weighs the keys of a command before and after, which keeps the estimate right between two
steps of the survey, and notes their use. Without a limit neither costs anything.
"""

from collections.abc import Iterable
from enum import Enum
from time import perf_counter_ns
from typing import Any

from pycluster.commands.table import Command
from pycluster.datatypes.string import RawString
from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.eviction import Candidates, Policy, score_by
from pycluster.keyspace.memory import DEADLINE, ENTRY, Survey, size_of, size_of_key, size_of_places
from pycluster.protocol.errors import ReplyError
from pycluster.server.admission import MEMORY, REPLICA
from pycluster.server.client import IS_REPLICA, Client
from pycluster.server.config import Config
from pycluster.server.info import Value
from pycluster.server.info_host import resident_memory

Args = list[bytes]

STEP_NS = 1_000_000  # of the survey, each tick; of freeing, each time
REST_S = 0.001  # between two slices of freeing
IDLE_TICKS = 10  # while nothing changes an exact estimate is looked at only so often: counting 16384 slots takes time
FAR_OFF = 16  # an estimate that is wrong by such a share is replaced at once
DRAW = 8  # otherwise it is drawn to the survey's by such a share a tick: a sample's chance must not evict keys
KEYS_BETWEEN_LOOKS = 16  # evictions between two looks at the clock

# Commands that look at a key without using it (db.c, LOOKUP_NOTOUCH).
_NO_USE = frozenset("type exists ttl pttl expiretime pexpiretime object|encoding object|freq object|idletime "
                    "object|refcount memory|usage watch del unlink restore restore-asking".split())  # fmt: skip


class Room(Enum):
    """What came of making room."""

    ENOUGH = 0
    IN_THE_MAKING = 1  # still too little, and more is being evicted meanwhile
    NONE = 2  # nothing may be evicted


class Memory:
    """What one server knows of its memory."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.survey = Survey(server.databases)
        self.data = 0  # bytes that keys take
        self.startup = _size_of_tables(server)
        self.of_clients = self.of_replicas = self.of_backlog = self.of_journal_file = 0
        self.program = max(0, resident_memory() - self.startup)
        self.peak = self.startup
        self.policy: Policy | None = None
        self._candidates = Candidates(server.databases, server.rng)
        self._plain_perform = server.perform
        self._is_evicting = False
        self._is_exact = False
        self._seen_changes = -1
        self._ticks_at_rest = 0
        self.was_full = False  # when the last command was admitted: what a script of its may do hangs on that
        self._exceeded_since_ns = 0
        self._exceeded_ns = 0
        server.keyspace.freeing.wake = self._free_soon
        server.config.on_change("maxmemory", self._warn_of_limit)
        server.config.on_change("maxmemory maxmemory-policy", self.configure)
        self.configure(server.config)

    @property
    def used(self) -> int:
        """Bytes that are used now, near enough."""
        return self.startup + self.data + self.of_clients + self.of_replicas + self.of_backlog + self.of_journal_file

    @property
    def not_counted(self) -> int:
        """What eviction must not look at: it would evict more the more its own DELs wait to be sent (evict.c)."""
        return self.of_replicas + self.of_journal_file

    def tick(self) -> None:
        """The estimate follows what changes, and is looked at now and then where nothing seems to."""
        changes = self._server.journal.changes
        at_rest = self._is_exact and changes == self._seen_changes and not self._server.gate & MEMORY
        self._ticks_at_rest = self._ticks_at_rest + 1 if at_rest else 0
        self._seen_changes = changes
        if not self._ticks_at_rest % IDLE_TICKS:
            self.refresh()

    def refresh(self) -> None:
        """Brings the estimate up to date: a step of the survey."""
        end = perf_counter_ns() + STEP_NS
        exact = self._is_exact = self.survey.step(lambda: perf_counter_ns() > end)
        size = self.survey.size()
        off = size - self.data
        if exact or not self._server.gate & MEMORY:
            self.data = size
        elif self.survey.is_telling:
            self.data += off if abs(off) > size // FAR_OFF else off // DRAW
        self.peak = max(self.peak, self.used)

    def count_buffers(self) -> None:
        """What waits for clients and replicas; once a second."""
        mine = theirs = 0
        for client in self._server.clients.values():
            held = client.link.held_input() + client.link.held_output()
            if client.gate & IS_REPLICA:
                theirs += held
            else:
                mine += held
        self.of_clients, self.of_replicas = mine, theirs
        backlog = self._server.replication.primary.backlog
        self.of_backlog = backlog.length if backlog is not None else 0

    # Configuration

    def configure(self, config: Config) -> None:
        """maxmemory and maxmemory-policy: whether commands are weighed, and uses noted."""
        server = self._server
        policy = Policy.named(config.maxmemory_policy)
        if policy != self.policy:
            self._candidates.forget()
            if policy is None or not policy.notes_uses:
                accesses.stop(server.databases)
            elif self.policy is None or self.policy.by != policy.by:
                accesses.begin(server.databases, policy.by, server.wall_ms())
            self.policy = policy
        if config.maxmemory or (policy is not None and policy.notes_uses):
            server.gate |= MEMORY
            server.perform = self._perform_noting
        else:
            server.gate &= ~MEMORY
            server.perform = self._plain_perform

    def _warn_of_limit(self, config: Config) -> None:
        """CONFIG SET maxmemory: a limit below what is used is told of, and takes effect without waiting."""
        if not config.maxmemory:
            return
        self.refresh()
        if config.maxmemory < self.used:
            self._server.log.warning(
                f"WARNING: the new maxmemory value set via CONFIG SET ({config.maxmemory}) is smaller than the current "
                f"memory usage ({self.used}). This will result in key eviction and/or the inability to accept new "
                "write commands depending on the maxmemory-policy."
            )
        self._go_on_evicting()

    # Making room

    def is_full(self) -> bool:
        """Makes room for a command that is about to run; is there none to be had?"""
        self.was_full = self.make_room() is Room.NONE
        return self.was_full

    def make_room(self) -> Room:
        """Evicts keys until the limit is met, or for as long as maxmemory-eviction-tenacity allows."""
        server = self._server
        config = server.config
        if not config.maxmemory or not self._may_evict():
            return Room.ENOUGH
        came = Room.ENOUGH
        if self.used - self.not_counted > config.maxmemory:
            before = [(db, db.slot) for db in server.databases]  # where routing has put the command that waits for room
            came = self._evict(config)
            for db, slot in before:
                db.enter(slot)
        if came is Room.ENOUGH:
            if self._exceeded_since_ns:
                self._exceeded_ns += perf_counter_ns() - self._exceeded_since_ns
                self._exceeded_since_ns = 0
        elif not self._exceeded_since_ns:
            self._exceeded_since_ns = perf_counter_ns()
        return came

    def _may_evict(self) -> bool:
        server = self._server
        if server.is_loading or server.pause.stops_changes:
            return False
        return not (server.gate & REPLICA and server.config.replica_ignore_maxmemory)

    def _evict(self, config: Config) -> Room:
        policy = self.policy
        if policy is None:
            return Room.NONE
        server = self._server
        record = b"UNLINK" if config.lazyfree_lazy_eviction else b"DEL"
        score = score_by(policy, server.clock.now, config.lfu_decay_time)
        limit_ns = _time_limit_ns(config.maxmemory_eviction_tenacity)
        began = perf_counter_ns()
        evicted = 0
        while self.used - self.not_counted > config.maxmemory:
            found = self._candidates.choose(policy, config.maxmemory_samples, score)
            if found is None:
                return Room.NONE
            db, key = found
            size = size_of_key(db, key) + size_of_places(db)
            db.evict(key, record)
            self.data = max(0, self.data + size_of_places(db) - size)
            evicted += 1
            if evicted % KEYS_BETWEEN_LOOKS == 0 and perf_counter_ns() - began > limit_ns:
                self._go_on_evicting()
                return Room.IN_THE_MAKING
        return Room.IN_THE_MAKING if self._is_evicting else Room.ENOUGH

    def _go_on_evicting(self) -> None:
        """More is to go, but the loop must turn meanwhile."""
        if not self._is_evicting:
            self._is_evicting = True
            self._server.loop.call_soon(self._evict_more)

    def _evict_more(self) -> None:
        self._is_evicting = False
        self._server.clock.now = self._server.wall_ms()
        self.make_room()
        if self._server.blocking.ready:
            self._server.blocking.serve()

    # What commands do to it

    def _perform_noting(self, client: Client, command: Command, args: Args) -> object:
        """Runs a command as ever; what it changes is weighed, and the use of its keys noted."""
        keys = _keys_of(command, args)
        db = client.db
        slot = db.slot
        if not command.writes:
            reply = self._plain_perform(client, command, args)
        elif not keys:
            reply = self._plain_perform(client, command, args)
            self.refresh()  # FLUSHALL and the like
        else:
            places = size_of_places(db)
            before = [(key, *_weigh(db, key)) for key in keys]
            reply = self._plain_perform(client, command, args)
            if db.slot != slot:
                db.enter(slot)
            grown = sum(_growth(db, *what) for what in before) + size_of_places(db) - places
            self.data = max(0, self.data + grown)
        if db.accesses is not None and _uses(client, command):
            self._note_use(db, slot, keys)
        return reply

    def _note_use(self, db: Database, slot: int, keys: Iterable[bytes]) -> None:
        server, config = self._server, self._server.config
        assert self.policy is not None
        now = server.clock.now
        here = db.slots[slot]
        for key in keys:
            if key not in here:
                continue
            entry = now
            if self.policy.by == "lfu":
                known = accesses.noted(db, slot, key)
                entry = accesses.counted(known, now, config.lfu_log_factor, config.lfu_decay_time, server.rng)
            accesses.note(db, slot, key, entry)

    @property
    def counts_uses(self) -> bool:
        """Is it how often keys are used that is noted?"""
        return self.policy is not None and self.policy.by == "lfu"

    def idle_ms(self, db: Database, key: bytes) -> int:
        """For how long a key of the slot entered has not been used; 0 where that is not noted."""
        if db.accesses is None:
            return 0
        return accesses.idle_ms(db, db.slot, key, self._server.clock.now)

    def frequency(self, db: Database, key: bytes) -> int:
        """How often a key of the slot entered is used."""
        known = accesses.noted(db, db.slot, key)
        return accesses.frequency(known, self._server.clock.now, self._server.config.lfu_decay_time)

    # Freeing

    def _free_soon(self) -> None:
        self._server.loop.call_soon(self._free)

    def _free(self) -> None:
        end = perf_counter_ns() + STEP_NS
        if self._server.keyspace.freeing.work(lambda: perf_counter_ns() > end):
            self._server.loop.call_later(REST_S, self._free)

    # INFO

    @property
    def overhead(self) -> int:
        """What is not the dataset itself: tables, buffers, and the places of keys and deadlines."""
        places = sum(sum(self.places_of(db)) for db in self._server.databases)
        return min(self.used, self.used - self.data + places)

    @staticmethod
    def places_of(db: Database) -> tuple[int, int]:
        """Bytes that the keys' places and the deadlines of a database take."""
        return db.size() * ENTRY, sum(len(db.deadlines[slot]) for slot in db.volatile) * DEADLINE

    def counters(self) -> dict[str, Value]:
        """The fields of Stats about eviction."""
        since = self._exceeded_since_ns
        current = perf_counter_ns() - since if since else 0
        return {
            "total_eviction_exceeded_time": (self._exceeded_ns + current) // 1_000_000,
            "current_eviction_exceeded_time": current // 1_000_000,
        }

    def reset_counters(self) -> None:
        """CONFIG RESETSTAT."""
        self._exceeded_ns = self._exceeded_since_ns = 0
        self._server.keyspace.freeing.freed = 0


def _uses(client: Client, command: Command) -> bool:
    """Does the command use its keys, or only look at them?"""
    if client.no_touch:
        return command.name == "touch"  # CLIENT NO-TOUCH
    return command.name not in _NO_USE


def _keys_of(command: Command, args: Args) -> list[bytes]:
    if command.first > 0:
        return [args[command.first]]
    if command.first == 0:
        return []
    try:
        return list(dict.fromkeys(command.keys(args)))
    except ReplyError:
        return []  # arguments that make no sense: the command will say so


def _weigh(db: Database, key: bytes) -> tuple[Any, int]:
    """A key before a command: its value, and the value's weight (of a string) or number of members."""
    value = db.here.get(key)
    if value is None or value.__class__ is bytes or value.__class__ is RawString:
        return None, size_of_key(db, key)
    return value, len(value)


def _growth(db: Database, key: bytes, collection: Any, before: int) -> int:
    """By how much a key has grown since it was weighed."""
    if collection is None:
        return size_of_key(db, key) - before
    count = len(collection)
    if db.here.get(key) is not collection:  # gone, or something else by now
        return size_of_key(db, key) - (size_of(collection) * before // count if count else 0)
    return (count - before) * size_of(collection) // count if count else 0


def _time_limit_ns(tenacity: int) -> float:
    """For how long one command may be held up by evictions (evict.c, `evictionTimeLimitUs`)."""
    if tenacity <= 10:
        return tenacity * 50_000
    return 500_000 * 1.15 ** (tenacity - 10) if tenacity < 100 else float("inf")


def _size_of_tables(server: Any) -> int:
    """What a server holds before there is any data or client."""
    return sum(size_of(db.slots, None) + size_of(db.deadlines, None) for db in server.databases)
