"""Who may run what, now: the dozen reasons to refuse, queue or delay a command, in Redis' order.

Asked only when a gate is up: a bit of the client's (server/client.py) or of the server's, below. The order is
processCommand's (server.c): authentication, transaction, redirect, persistence and replicas in trouble, read-only
replica, subscribe mode, stale replica, loading, pause; and at last the queue of MULTI. Behind that, which is ours, keys
that are reserved.
"""

from typing import Any

from pycluster.commands.table import Command
from pycluster.protocol.errors import (
    AuthenticationRequired,
    DebugNotAllowed,
    Loading,
    MasterDown,
    NotAllowedInMulti,
    NotEnoughReplicas,
    OutOfMemory,
    ReadOnlyReplica,
    ReplyError,
    exec_aborted_because,
    only_allowed_when_subscribed,
)
from pycluster.protocol.replies import NO_REPLY, Push, Several
from pycluster.server import transactions
from pycluster.server.blocking import BLOCKED, POSTPONED
from pycluster.server.client import (
    ASKING,
    CLOSING,
    FROM_PRIMARY,
    IMPORTS_SLOTS,
    IN_TRANSACTION,
    IS_REPLICA,
    MUTED,
    SKIPPING,
    SUBSCRIBED,
    Client,
)
from pycluster.server.clients import may_debug, owes_password

Args = list[bytes]

# The gates of a server

REPLICA = 1  # we are one: no writes from clients, perhaps no reads either
LOADING = 2  # the dataset is being read
PAUSED = 4  # CLIENT PAUSE, or a failover
FEW_REPLICAS = 8  # min-replicas-to-write is not met
DISK_TROUBLE = 16  # changes cannot be saved: they are refused until they can
MEMORY = 32  # there is a limit of memory, or somebody wants to know how keys are used (memory.py)
RESERVED = 64  # a task works on some keys: who wants them waits (reservations.py)
LOADING_BESIDE = 128  # another dataset is being read, which will take the place of this one
SLOT_STATS = 256  # what each slot costs is counted (slot_stats.py)

# Commands that work while subscribed in RESP2, and those that MULTI does not queue.
_WHILE_SUBSCRIBED = frozenset(
    "ping subscribe ssubscribe unsubscribe sunsubscribe psubscribe punsubscribe quit reset".split()
)
_NEVER_QUEUED = frozenset("exec discard multi watch quit reset".split())
_EVEN_WITHOUT_MEMORY = frozenset("exec discard quit reset".split())  # of a transaction; all else would lengthen it


class Admission:
    """Asks the questions of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def admit(self, client: Client, command: Command, args: Args) -> object:
        """Runs, queues, refuses or postpones the command: the long road of `execute`."""
        if self._server.gate & SLOT_STATS:
            return self._server.slot_stats.watch(client, command, args, self._admit)
        return self._admit(client, command, args)

    def _admit(self, client: Client, command: Command, args: Args) -> object:
        server = self._server
        client.last_command = command
        if client.gate & CLOSING:
            return NO_REPLY
        if client.gate & FROM_PRIMARY:
            return self._obey(client, command, args)
        if client.gate & IMPORTS_SLOTS:
            return self._server.slot_migrations.obey(client, command, args)
        refusal = self.refusal(client, command, args)
        if refusal is not None:
            return self._after(client, command, self._refuse(client, command, refusal))
        if server.gate & PAUSED and not client.gate & IS_REPLICA and server.pause.holds(self._writes(client, command)):
            return POSTPONED
        if client.gate & IN_TRANSACTION and command.name not in _NEVER_QUEUED:
            assert client.transaction is not None
            if not client.transaction.refused and not client.watch_broken:  # else it will never run
                client.transaction.queue.append((command, args))
            return self._after(client, command, "QUEUED")
        if server.gate & RESERVED and server.reservations.hold_back(client, command, args):
            return POSTPONED
        return self._after(client, command, server.perform(client, command, args))

    def refuse_unknown(self, client: Client, args: Args, error: ReplyError) -> object:
        """The answer to a request that is no command, or has too many or too few arguments."""
        if client.gate & CLOSING:
            return NO_REPLY
        if client.gate & IMPORTS_SLOTS:
            self._server.slot_migrations.complain(client, f"'{error.text}'")
            return NO_REPLY
        name = args[0].lower()
        if name in (b"host:", b"post"):
            self._server.warn_of_attack(client)
            client.link.close()
            return NO_REPLY
        command = self._server.table.get(name)
        if command is not None and command.subcommands and len(args) > 1:
            command = command.subcommands.get(args[1].lower())
        client.last_command = command
        return self._after(client, command, self._refuse(client, command, error))

    def refusal(self, client: Client, command: Command, args: Args) -> ReplyError | None:
        """The first reason not to run the command, if there is one."""
        server = self._server
        gate, flags = client.gate, command.flags
        if command.name == "debug" and not may_debug(client):
            return DebugNotAllowed()
        if owes_password(client) and "no_auth" not in flags:
            return AuthenticationRequired()
        if gate & IN_TRANSACTION and "no_multi" in flags:
            return NotAllowedInMulti()
        if server.clustered and (command.first or command.name == "exec"):
            redirect = server.routing.enter(client, command, args)
            if redirect is not None:
                return _Redirect(redirect.text)
        writes = "write" in flags or (command.name == "exec" and _queue_has(client, "write"))
        if server.gate & MEMORY and server.memory.is_full() and _takes_memory(client, command):
            return OutOfMemory()
        if server.gate & DISK_TROUBLE and (writes or command.name == "ping"):
            trouble: ReplyError = server.disk_trouble.reason()
            return trouble
        if writes and server.gate & FEW_REPLICAS:
            return NotEnoughReplicas()
        if writes and server.gate & REPLICA and server.config.replica_read_only:
            return ReadOnlyReplica()
        if gate & SUBSCRIBED and command.name not in _WHILE_SUBSCRIBED:
            return only_allowed_when_subscribed(command.name)
        if server.gate & REPLICA and server.replication.is_stale() and not _all_have(client, command, "stale"):
            return MasterDown()
        if server.gate & LOADING and not _all_have(client, command, "loading"):
            return Loading()
        if server.gate & LOADING_BESIDE and (
            "no_async_loading" in flags or (command.name == "exec" and _queue_has(client, "no_async_loading"))
        ):
            return Loading()
        if gate & IS_REPLICA and (writes or "readonly" in flags or "may_replicate" in flags):
            return ReplyError("ERR Replica can't interact with the keyspace")
        return None

    def _obey(self, client: Client, command: Command, args: Args) -> object:
        """A command of the primary's stream: it is never refused, and its keys are wherever they are."""
        if client.gate & IN_TRANSACTION and command.name not in _NEVER_QUEUED:
            assert client.transaction is not None
            client.transaction.queue.append((command, args))
            return NO_REPLY
        if self._server.gate & DISK_TROUBLE and "write" in command.flags:
            self._server.disk_trouble.obey_all_the_same()
        if self._server.gate & MEMORY:
            self._server.memory.make_room()
        self._server.routing.enter_anyway(client, command, args)
        return self._server.perform(client, command, args)

    def _refuse(self, client: Client, command: Command | None, refusal: ReplyError) -> ReplyError:
        """Books the refusal. Of EXEC it ends the transaction: with the redirect itself, or with EXECABORT and why."""
        if command is not None and command.name == "exec":
            transactions.discard(client)
            if not isinstance(refusal, _Redirect):
                refusal = exec_aborted_because(refusal)
        error: ReplyError = self._server.refuse(client, command, refusal)
        return error

    @staticmethod
    def _writes(client: Client, command: Command) -> bool:
        """Would the command change data, or tell replicas something (PUBLISH)?"""
        if command.name == "exec":
            return _queue_has(client, "write") or _queue_has(client, "may_replicate")
        return "write" in command.flags or "may_replicate" in command.flags

    @staticmethod
    def _after(client: Client, command: Command | None, reply: object) -> object:
        """The after side of the client's gates: ASKING is spent, and CLIENT REPLY OFF and SKIP swallow the reply."""
        if reply is POSTPONED:
            return reply  # it will come again, and be asked everything again
        gate = client.gate
        if gate & ASKING and not gate & IN_TRANSACTION and (command is None or command.name != "asking"):
            client.down(ASKING)  # it lasted for one command, or for one whole transaction
        if not gate & (MUTED | SKIPPING) or reply is BLOCKED:
            return reply  # of one who waits the reply will come to the link, which swallows it there
        if gate & SKIPPING and reply is not NO_REPLY:  # CLIENT REPLY SKIP has none, and is about the next one
            client.down(SKIPPING)
        return Several(part for part in reply if isinstance(part, Push)) if isinstance(reply, Several) else NO_REPLY


class _Redirect(ReplyError):
    """A refusal by routing: at EXEC it replaces EXECABORT."""


def _queue_has(client: Client, flag: str) -> bool:
    return client.transaction is not None and any(flag in command.flags for command, _ in client.transaction.queue)


def _takes_memory(client: Client, command: Command) -> bool:
    """Is the command, or what EXEC would run, or its place in the queue of MULTI, too much when memory is full?"""
    if "denyoom" in command.flags:
        return True
    if command.name == "exec":
        return _queue_has(client, "denyoom")
    return client.gate & IN_TRANSACTION != 0 and command.name not in _EVEN_WITHOUT_MEMORY


def _all_have(client: Client, command: Command, flag: str) -> bool:
    """Has the command the flag; has, at EXEC, every queued command?"""
    if flag not in command.flags:
        return False
    if command.name != "exec" or client.transaction is None:
        return True
    return all(flag in queued.flags for queued, _ in client.transaction.queue)
