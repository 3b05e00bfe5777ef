"""Commands about replication: what people ask and order, and what replicas and primaries say to each other
(replication.c). What follows from them is replication/'s.
"""

from pycluster.commands.arguments import parse_at_least
from pycluster.commands.table import Group
from pycluster.persistence.snapshot import Request
from pycluster.protocol.errors import (
    BadSyntax,
    FailoverByReplica,
    FailoverForceAlone,
    FailoverInCluster,
    FailoverOfOtherStream,
    FailoverOfPrimary,
    FailoverTimeoutNotPositive,
    FailoverToStranger,
    FailoverToUnfinished,
    FailoverUnderWay,
    FailoverWithoutReplicas,
    InvalidPrimaryPort,
    MissingFilters,
    MustBePositive,
    NoFailover,
    NotAnInteger,
    NotZeroOrOne,
    ReplicaofByReplica,
    ReplicaofInCluster,
    ReplicaofWhileFailingOver,
    TimeoutNegative,
    TimeoutNotAnInteger,
    TimeoutOutOfRange,
    WaitForFilesOnReplica,
    WaitForFileThatIsNone,
    WaitOnReplica,
    announced_ip_too_long,
    text_of,
    unknown_replconf_option,
    unrecognized_version,
    unsupported_filter,
)
from pycluster.protocol.numbers import INT_MAX, parse_int
from pycluster.protocol.quoting import split_arguments
from pycluster.protocol.replies import NO_REPLY
from pycluster.replication.attached import AttachedReplica, State
from pycluster.server.client import IS_REPLICA, Client

group = Group("server")
generic = Group("generic")

LONGEST_HOST = 255
LAST_TO_REFUSE_SETSLOT = 7, 2, 255


@group.command("admin noscript stale no_async_loading")
def replicaof(client: Client, host: bytes, port: bytes) -> str:
    """REPLICAOF host port | REPLICAOF NO ONE

    Makes the server a replica of another one, or a master again.
    Since 5.0.0. O(1).
    """
    server = client.server
    if server.clustered:
        raise ReplicaofInCluster
    if server.replication.failover.is_under_way:
        raise ReplicaofWhileFailingOver
    if (host.lower(), port.lower()) == (b"no", b"one"):
        if server.replication.is_replica:
            server.replication.take_over()
            server.log.notice(f"MASTER MODE enabled (user request from '{server.describe(client)}')")
        return "OK"
    if client.gate & IS_REPLICA:
        raise ReplicaofByReplica
    number = parse_int(port, InvalidPrimaryPort)
    if not 0 <= number <= 65535:
        raise InvalidPrimaryPort
    address = (text_of(host), number)
    if server.replication.replica.address == address:
        server.log.notice(
            "REPLICAOF would result into synchronization with the master we are already connected with. "
            "No operation performed."
        )
        return "OK Already connected to specified master"
    server.replication.follow(*address)
    server.log.notice(f"REPLICAOF {address[0]}:{number} enabled (user request from '{server.describe(client)}')")
    return "OK"


@group.command("admin noscript stale no_async_loading")
def slaveof(client: Client, host: bytes, port: bytes) -> str:
    """SLAVEOF host port | SLAVEOF NO ONE

    The old name of REPLICAOF.
    Since 1.0.0. O(1).
    Deprecated since 5.0.0, use `REPLICAOF`.
    """
    return replicaof(client, host, port)


@group.command("admin noscript stale")
def failover(client: Client, *options: bytes) -> str:
    """FAILOVER [TO <host port [FORCE]>] [ABORT] [TIMEOUT milliseconds]

    Starts a coordinated failover from a server to one of its replicas.
    Since 6.2.0. O(1).
    """
    if client.server.clustered:
        raise FailoverInCluster
    replication = client.server.replication
    ongoing = replication.failover
    if [option.lower() for option in options] == [b"abort"]:
        if not ongoing.is_under_way:
            raise NoFailover
        ongoing.abort("Failover manually aborted")
        return "OK"
    target, timeout_ms, force = _failover_options(options)
    if ongoing.is_under_way:
        raise FailoverUnderWay
    if replication.is_replica:
        raise FailoverByReplica
    if not replication.primary.replicas:
        raise FailoverWithoutReplicas
    if force and (not timeout_ms or target is None):
        raise FailoverForceAlone
    if target is not None:
        replica = replication.primary.find_replica(*target)
        if replica is None:
            raise FailoverToStranger
        if replica.state != State.ONLINE:
            raise FailoverToUnfinished
    ongoing.begin(target, timeout_ms, force)
    return "OK"


def _failover_options(options: tuple[bytes, ...]) -> tuple[tuple[str, int] | None, int, bool]:
    """Whom to fail over to, how long to wait for it, and whether to go on all the same then."""
    target: tuple[str, int] | None = None
    timeout_ms, force = 0, False
    words = list(options)
    while words:
        match words.pop(0).lower():
            case b"timeout" if words and not timeout_ms:
                timeout_ms = parse_int(words.pop(0))
                if timeout_ms <= 0:
                    raise FailoverTimeoutNotPositive
            case b"to" if len(words) >= 2 and target is None:
                host = text_of(words.pop(0))
                target = host, parse_int(words.pop(0))
            case b"force" if not force:
                force = True
            case _:
                raise BadSyntax
    return target, timeout_ms, force


@group.command("noscript loading stale fast", categories="admin dangerous")
def role(client: Client) -> list[object]:
    """ROLE

    Returns the replication role.
    Since 2.8.12. O(1).
    """
    answer: list[object] = client.server.replication.role()
    return answer


@generic.command("", categories="connection", tips=("request_policy:all_shards", "response_policy:agg_min"))
def wait(client: Client, numreplicas: bytes, timeout: bytes) -> object:
    """WAIT numreplicas timeout

    Blocks until so many replicas have acknowledged all earlier writes of this connection, or the time in
    milliseconds is over; returns how many did.
    Since 3.0.0. O(1).
    """
    replication = client.server.replication
    if replication.is_replica:
        raise WaitOnReplica
    wanted = parse_int(numreplicas)
    return replication.primary.wait(client, wanted, _timeout_ms(client, timeout))


@generic.command("noscript", categories="connection", tips=("request_policy:all_shards", "response_policy:agg_min"))
def waitaof(client: Client, numlocal: bytes, numreplicas: bytes, timeout: bytes) -> object:
    """WAITAOF numlocal numreplicas timeout

    Blocks until all earlier writes of this connection are on the disk, here and on so many replicas, or the time in
    milliseconds is over; returns on how many they are.
    Since 7.2.0. O(1).
    """
    server = client.server
    local = parse_int(numlocal)
    if local not in (0, 1):
        raise NotZeroOrOne
    wanted = parse_at_least(0, numreplicas, MustBePositive)
    timeout_ms = _timeout_ms(client, timeout)
    if server.replication.is_replica:
        raise WaitForFilesOnReplica
    if local and not server.wants_aof():
        raise WaitForFileThatIsNone
    return server.replication.primary.wait_for_files(client, bool(local), wanted, timeout_ms)


def _timeout_ms(client: Client, text: bytes) -> int:
    timeout_ms = parse_int(text, TimeoutNotAnInteger)
    if timeout_ms < 0:
        raise TimeoutNegative
    if timeout_ms > INT_MAX - client.server.clock.now:
        raise TimeoutOutOfRange
    return timeout_ms


# Between servers


@group.command("admin noscript no_async_loading no_multi")
def psync(client: Client, replicationid: bytes, offset: bytes, *options: bytes) -> object:
    """PSYNC replicationid offset

    An internal command used in replication.
    Since 2.8.0.
    """
    replication, log = client.server.replication, client.server.log
    if client.gate & IS_REPLICA:
        return NO_REPLY
    if options and options[0].lower() == b"failover":
        log.notice(f"Failover request received for replid {text_of(replicationid)}.")
        if not replication.is_replica:
            raise FailoverOfPrimary
        if text_of(replicationid).lower() != replication.history.id:
            raise FailoverOfOtherStream
        replication.take_over()
        log.notice(f"MASTER MODE enabled (failover request from '{client.server.describe(client)}')")
    try:
        wanted = parse_int(offset)
    except NotAnInteger:
        name = replication.primary.knowledge_of(client).name
        log.warning(f"Replica {name} asks for synchronization but with a wrong offset")
        raise
    return replication.primary.synchronize(client, text_of(replicationid), wanted)


@group.command("admin noscript no_async_loading no_multi")
def sync(client: Client) -> object:
    """SYNC

    An internal command used in replication.
    Since 1.0.0.
    """
    return client.server.replication.primary.synchronize(client, None)


@group.command("admin noscript loading stale allow_busy")
def replconf(client: Client, *options: bytes) -> object:
    """REPLCONF

    An internal command for configuring the replication stream.
    Since 3.0.0. O(1).
    """
    if len(options) % 2:
        raise BadSyntax
    replication = client.server.replication
    known = replication.primary.knowledge_of(client)
    for name, value in zip(options[::2], options[1::2], strict=True):
        match name.lower():
            case b"ack":
                _take_acknowledgement(client, value, *options[2:4])
                return NO_REPLY
            case b"getack":
                replication.replica.acknowledge_soon()
                return NO_REPLY
            case _:
                _introduce(known, name, value)
    return "OK"


def _introduce(replica: AttachedReplica, name: bytes, value: bytes) -> None:
    """One thing that a replica says of itself before it asks for data."""
    match name.lower():
        case b"listening-port":
            replica.port = parse_int(value)
        case b"ip-address":
            if len(value) > LONGEST_HOST:
                raise announced_ip_too_long(len(value))
            replica.ip = text_of(value)
        case b"capa":
            replica.takes_streamed_file |= value.lower() == b"eof"
            replica.takes_new_ids |= value.lower() == b"psync2"
        case b"rdb-only":
            wanted = parse_int(value)
            if wanted not in (0, 1):
                raise NotZeroOrOne
            replica.wants_file_only = wanted == 1
        case b"rdb-filter-only":
            replica.request = _filter(value)
        case b"version":  # of Valkey: Redis' replicas don't say theirs
            replica.takes_slot_orders = _version(value) > LAST_TO_REFUSE_SETSLOT
        case _:
            raise unknown_replconf_option(name)


def _version(text: bytes) -> tuple[int, ...]:
    numbers = [number or b"0" for number in text.split(b".")]
    if len(numbers) != 3 or not all(number.isdigit() and int(number) < 256 for number in numbers):
        raise unrecognized_version(text_of(text))
    return tuple(map(int, numbers))


def _filter(words: bytes) -> Request:
    """Only what is named goes into the snapshot, and so far that can be functions."""
    names = split_arguments(words)
    if names is None:
        raise MissingFilters
    for name in names:
        if name.lower() != b"functions":
            raise unsupported_filter(name)
    return Request(keys=False, functions=bool(names))


def _take_acknowledgement(client: Client, applied: bytes, word: bytes = b"", synced: bytes = b"") -> None:
    """REPLCONF ACK offset [FACK offset]. Nonsense acknowledges nothing, and there is nobody to be told."""
    try:
        offsets = parse_int(applied), parse_int(synced) if word.lower() == b"fack" else 0
    except NotAnInteger:
        return
    client.server.replication.primary.acknowledge(client, *offsets)
