"""CLUSTER: questions about the cluster and orders to this node (cluster.c, `clusterCommand`).

An order is a verb of the cluster core; what it refuses it refuses itself, in Redis' words. Here arguments are read, and
replies made.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from pycluster.cluster import orders, views
from pycluster.cluster.effects import Effect
from pycluster.cluster.node import BUS_PORT_OFFSET
from pycluster.commands.arguments import parse_timeout_ms
from pycluster.commands.table import Group
from pycluster.files.writer import WriteFailed
from pycluster.keyspace.slots import SLOTS, key_slot, parse_slot
from pycluster.protocol import errors
from pycluster.protocol.errors import (
    BadSyntax,
    ClusterDisabled,
    InvalidSlotOrCount,
    InvalidSlotToCount,
    NotAnInteger,
    ReplyError,
    text_of,
)
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import Verbatim
from pycluster.server.client import FROM_PRIMARY, Client
from pycluster.server.cluster_part import ClusterPart

group = Group("cluster")
cluster = group.container("cluster")

SETSLOT_TIMEOUT_S = 2.0
ORDER = "admin no_async_loading stale"
VARIES = ("nondeterministic_output",)


def part(client: Client) -> ClusterPart:
    """The server's part in the cluster; raises ClusterDisabled where there is none."""
    found: ClusterPart | None = client.server.cluster
    if found is None:
        raise ClusterDisabled
    return found


# What the node is and knows


@cluster.command("stale")
def cluster_myid(client: Client) -> bytes:
    """CLUSTER MYID

    Returns the ID of a node.
    Since 3.0.0. O(1).
    """
    return part(client).state.myself.id.encode()


@cluster.command("stale", tips=VARIES)
def cluster_myshardid(client: Client) -> bytes:
    """CLUSTER MYSHARDID

    Returns the shard ID of a node.
    Since 7.2.0. O(1).
    """
    return part(client).state.myself.shard_id.encode()


@cluster.command("stale", tips=VARIES)
def cluster_info(client: Client) -> Verbatim:
    """CLUSTER INFO

    Returns information about the state of a node.
    Since 3.0.0. O(1).
    """
    return Verbatim(views.info_text(part(client).state).encode())


@cluster.command("stale", tips=VARIES)
def cluster_nodes(client: Client) -> Verbatim:
    """CLUSTER NODES

    Returns the cluster configuration for a node.
    Since 3.0.0. O(N) where N is the total number of Cluster nodes
    """
    return Verbatim(views.nodes_text(part(client).state).encode())


@cluster.command("loading stale", tips=VARIES)
def cluster_slots(client: Client) -> object:
    """CLUSTER SLOTS

    Returns the mapping of cluster slots to nodes.
    Since 3.0.0. O(N) where N is the total number of Cluster nodes
    Deprecated since 7.0.0, use `CLUSTER SHARDS`.
    """
    here = part(client)
    return views.slots(here.state, here.endpoint_type)


@cluster.command("loading stale", tips=VARIES)
def cluster_shards(client: Client) -> object:
    """CLUSTER SHARDS

    Returns the mapping of cluster slots to shards.
    Since 7.0.0. O(N) where N is the total number of cluster nodes
    """
    here = part(client)
    return views.shards(here.state, here.endpoint_type)


@cluster.command("stale", tips=VARIES)
def cluster_links(client: Client) -> object:
    """CLUSTER LINKS

    Returns a list of all TCP links to and from peer nodes.
    Since 7.0.0. O(N) where N is the total number of Cluster nodes
    """
    here = part(client)
    return views.links(here.state, here.bus.queued_bytes())


@cluster.command("admin stale", tips=VARIES)
def cluster_replicas(client: Client, node_id: bytes) -> object:
    """CLUSTER REPLICAS node-id

    Lists the replica nodes of a master node.
    Since 5.0.0. O(N) where N is the number of replicas.
    """
    state = part(client).state
    node = orders.known_node(state, text_of(node_id))
    if node.is_replica:
        raise errors.NotAPrimary
    return views.replicas(state, node)


@cluster.command("admin stale", tips=VARIES)
def cluster_slaves(client: Client, node_id: bytes) -> object:
    """CLUSTER SLAVES node-id

    Lists the replica nodes of a master node.
    Since 3.0.0. O(N) where N is the number of replicas.
    Deprecated since 5.0.0, use `CLUSTER REPLICAS`.
    """
    return cluster_replicas(client, node_id)


@cluster.command("admin stale", tips=VARIES)
def cluster_count_failure_reports(client: Client, node_id: bytes) -> int:
    """CLUSTER COUNT-FAILURE-REPORTS node-id

    Returns the number of active failure reports active for a node.
    Since 3.0.0. O(N) where N is the number of failure reports
    """
    return part(client).core.count_failure_reports(text_of(node_id), client.server.wall_ms())


# Slots and their keys


@cluster.command("stale")
def cluster_keyslot(client: Client, key: bytes) -> int:
    """CLUSTER KEYSLOT key

    Returns the hash slot for a key.
    Since 3.0.0. O(N) where N is the number of bytes in the key
    """
    part(client)
    return key_slot(key)


@cluster.command("stale")
def cluster_countkeysinslot(client: Client, slot: bytes) -> int:
    """CLUSTER COUNTKEYSINSLOT slot

    Returns the number of keys in a hash slot.
    Since 3.0.0. O(1).
    """
    here = part(client)
    number = parse_int(slot)
    if not 0 <= number < SLOTS:
        raise InvalidSlotToCount
    return here.keys_in_slot(number)


@cluster.command("stale", tips=VARIES)
def cluster_getkeysinslot(client: Client, slot: bytes, count: bytes) -> list[bytes]:
    """CLUSTER GETKEYSINSLOT slot count

    Returns the key names in a hash slot.
    Since 3.0.0. O(N) where N is the number of requested keys
    """
    part(client)
    number, wanted = parse_int(slot), parse_int(count)
    if not 0 <= number < SLOTS or wanted < 0:
        raise InvalidSlotOrCount
    return client.server.databases[0].keys_in_slot(number, wanted)


@cluster.command(ORDER)
def cluster_addslots(client: Client, first_slot: bytes, *slots: bytes) -> str:
    """CLUSTER ADDSLOTS slot [slot ...]

    Assigns new hash slots to a node.
    Since 3.0.0. O(N) where N is the total number of hash slot arguments
    """
    here = part(client)
    here.order(here.core.add_slots, _slots(first_slot, *slots))
    return "OK"


@cluster.command(ORDER)
def cluster_delslots(client: Client, first_slot: bytes, *slots: bytes) -> str:
    """CLUSTER DELSLOTS slot [slot ...]

    Sets hash slots as unbound for a node.
    Since 3.0.0. O(N) where N is the total number of hash slot arguments
    """
    here = part(client)
    here.order(here.core.del_slots, _slots(first_slot, *slots))
    return "OK"


def _slots(*words: bytes) -> list[int]:
    """All slots named, every one of them looked at before any is used."""
    return [parse_slot(word) for word in words]


@cluster.command(ORDER)
def cluster_addslotsrange(client: Client, start_slot: bytes, end_slot: bytes, *more: bytes) -> str:
    """CLUSTER ADDSLOTSRANGE start-slot end-slot [start-slot end-slot ...]

    Assigns new hash slot ranges to a node.
    Since 7.0.0. O(N) where N is the total number of the slots between the start slot and end slot arguments.
    """
    here = part(client)
    here.order(here.core.add_slots, _slots_of_ranges("cluster|addslotsrange", (start_slot, end_slot, *more)))
    return "OK"


@cluster.command(ORDER)
def cluster_delslotsrange(client: Client, start_slot: bytes, end_slot: bytes, *more: bytes) -> str:
    """CLUSTER DELSLOTSRANGE start-slot end-slot [start-slot end-slot ...]

    Sets hash slot ranges as unbound for a node.
    Since 7.0.0. O(N) where N is the total number of the slots between the start slot and end slot arguments.
    """
    here = part(client)
    here.order(here.core.del_slots, _slots_of_ranges("cluster|delslotsrange", (start_slot, end_slot, *more)))
    return "OK"


def _slots_of_ranges(command: str, words: tuple[bytes, ...]) -> Iterable[int]:
    """The slots of all ranges in their order. A generator: the core looks at one range before the next is read."""
    if len(words) % 2:
        raise errors.wrong_number_of_arguments(command)

    def slots() -> Iterable[int]:
        for start_word, end_word in zip(words[::2], words[1::2], strict=True):
            start, end = parse_slot(start_word), parse_slot(end_word)
            if start > end:
                raise errors.slot_range_backwards(start, end)
            yield from range(start, end + 1)

    return slots()


@cluster.command(ORDER)
def cluster_flushslots(client: Client) -> str:
    """CLUSTER FLUSHSLOTS

    Deletes all slots information from a node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    here.order(here.core.flush_slots)
    return "OK"


@cluster.command(ORDER)
def cluster_setslot(client: Client, slot: bytes, action: bytes, *node_id: bytes) -> object:
    """CLUSTER SETSLOT slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>

    Binds a hash slot to a node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    state, core = here.state, here.core
    if not client.gate & FROM_PRIMARY:
        orders.require_primary(state)
        client.server.slot_migrations.core.refuse_moving_by_hand()
    number = parse_slot(slot)
    order: Callable[[int], list[Effect]]
    match action.upper(), node_id:
        case b"MIGRATING", (peer, *options):
            orders.slot_target(state, number, text_of(peer))
            order = partial(core.set_slot_migrating, number, text_of(peer))
        case b"IMPORTING", (peer, *options):
            orders.slot_source(state, number, text_of(peer))
            order = partial(core.set_slot_importing, number, text_of(peer))
        case b"NODE", (peer, *options):
            orders.slot_taker(state, number, text_of(peer))
            order = partial(core.set_slot_node, number, text_of(peer))
        case b"STABLE", options:
            order = partial(core.set_slot_stable, number)
        case _:
            raise errors.InvalidSetSlotAction
    timeout_s = _setslot_timeout(options)
    request = [b"CLUSTER", b"SETSLOT", slot, action, *node_id]
    return here.slot_orders.give(client, request, number, partial(here.order, order), timeout_s)


def _setslot_timeout(options: Sequence[bytes]) -> float:
    """How long replicas may take to follow: [TIMEOUT milliseconds], as Valkey since 8.0."""
    if not options:
        return SETSLOT_TIMEOUT_S
    if options[0].upper() != b"TIMEOUT" or len(options) > 2:
        raise errors.InvalidSetSlotAction
    if len(options) == 1:
        raise errors.MissingTimeout
    return parse_timeout_ms(options[1])


# Members and roles


@cluster.command(ORDER)
def cluster_meet(client: Client, ip: bytes, port: bytes, *bus_port: bytes) -> str:
    """CLUSTER MEET ip port [cluster-bus-port]

    Forces a node to handshake with another node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    if len(bus_port) > 1:
        raise syntax_error(b"MEET")
    base = _port(port, errors.invalid_base_port)
    bus = _port(bus_port[0], errors.invalid_bus_port) if bus_port else base + BUS_PORT_OFFSET
    here.order(here.core.meet, text_of(ip), base, bus)
    return "OK"


def _port(word: bytes, complain: Callable[[str], ReplyError]) -> int:
    try:
        return parse_int(word)
    except NotAnInteger:
        raise complain(text_of(word)) from None


def syntax_error(subcommand: bytes) -> ReplyError:
    """The arguments of a subcommand make no sense."""
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{text_of(subcommand)}'. Try CLUSTER HELP."
    )


@cluster.command(ORDER)
def cluster_forget(client: Client, node_id: bytes) -> str:
    """CLUSTER FORGET node-id

    Removes a node from the nodes table.
    Since 3.0.0. O(1).
    """
    here = part(client)
    here.order(here.core.forget, text_of(node_id))
    return "OK"


@cluster.command(ORDER)
def cluster_replicate(client: Client, node_id: bytes) -> str:
    """CLUSTER REPLICATE node-id

    Configure a node as replica of a master node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    here.order(here.core.replicate, text_of(node_id))
    return "OK"


@cluster.command(ORDER)
def cluster_failover(client: Client, *mode: bytes) -> str:
    """CLUSTER FAILOVER [FORCE | TAKEOVER]

    Forces a replica to perform a manual failover of its master.
    Since 3.0.0. O(1).
    """
    here = part(client)
    if len(mode) > 1:
        raise syntax_error(b"FAILOVER")
    word = mode[0].upper() if mode else b""
    if word not in (b"", b"FORCE", b"TAKEOVER"):
        raise BadSyntax
    here.bus.perform(here.core.fail_over(client.server.wall_ms(), force=word == b"FORCE", takeover=word == b"TAKEOVER"))
    return "OK"


@cluster.command("admin noscript stale")
def cluster_reset(client: Client, *mode: bytes) -> str:
    """CLUSTER RESET [HARD | SOFT]

    Resets a node.
    Since 3.0.0. O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.
    """
    here = part(client)
    if len(mode) > 1:
        raise syntax_error(b"RESET")
    word = mode[0].upper() if mode else b"SOFT"
    if word not in (b"SOFT", b"HARD"):
        raise BadSyntax
    here.order(here.core.reset, word == b"HARD")
    return "OK"


# Epochs and the file


@cluster.command(ORDER)
def cluster_set_config_epoch(client: Client, config_epoch: bytes) -> str:
    """CLUSTER SET-CONFIG-EPOCH config-epoch

    Sets the configuration epoch for a new node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    here.order(here.core.set_config_epoch, parse_int(config_epoch))
    return "OK"


@cluster.command(ORDER, tips=VARIES)
def cluster_bumpepoch(client: Client) -> str:
    """CLUSTER BUMPEPOCH

    Advances the cluster config epoch.
    Since 3.0.0. O(1).
    """
    here = part(client)
    bumped, effects = here.core.bump_epoch(client.server.wall_ms())
    here.bus.perform(effects)
    return f"{'BUMPED' if bumped else 'STILL'} {here.state.myself.config_epoch}"


@cluster.command(ORDER)
def cluster_saveconfig(client: Client) -> str:
    """CLUSTER SAVECONFIG

    Forces a node to save the cluster configuration to disk.
    Since 3.0.0. O(1).
    """
    try:
        part(client).save()
    except WriteFailed as failure:
        raise ReplyError(f"ERR error saving the cluster node config: {failure.error.strerror}") from None
    return "OK"


cluster.help("""
ADDSLOTS <slot> [<slot> ...]
    Assign slots to current node.
ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Assign slots which are between <start-slot> and <end-slot> to current node.
BUMPEPOCH
    Advance the cluster config epoch.
COUNT-FAILURE-REPORTS <node-id>
    Return number of failure reports for <node-id>.
COUNTKEYSINSLOT <slot>
    Return the number of keys in <slot>.
DELSLOTS <slot> [<slot> ...]
    Delete slots information from current node.
DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Delete slots information which are between <start-slot> and <end-slot> from current node.
FAILOVER [FORCE|TAKEOVER]
    Promote current replica node to being a master.
FORGET <node-id>
    Remove a node from the cluster.
GETKEYSINSLOT <slot> <count>
    Return key names stored by current node in a slot.
FLUSHSLOTS
    Delete current node own slots information.
INFO
    Return information about the cluster.
KEYSLOT <key>
    Return the hash slot for <key>.
MEET <ip> <port> [<bus-port>]
    Connect nodes into a working cluster.
MYID
    Return the node id.
MYSHARDID
    Return the node's shard id.
NODES
    Return cluster configuration seen by node. Output format:
    <id> <ip:port@bus-port[,hostname]> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...
REPLICATE <node-id>
    Configure current node as replica to <node-id>.
RESET [HARD|SOFT]
    Reset current node (default: soft).
SET-CONFIG-EPOCH <epoch>
    Set config epoch of current node.
SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)
    Set slot state.
REPLICAS <node-id>
    Return <node-id> replicas.
SAVECONFIG
    Force saving cluster configuration on disk.
SLOTS
    Return information about slots range mappings. Each range is made of:
    start, end, master and replicas IP addresses, ports and ids
SLOT-STATS
    Return an array of slot usage statistics for slots assigned to the current node.
SHARDS
    Return information about slot range mappings and the nodes associated with them.
LINKS
    Return information about all network links between this node and its peers.
    Output format is an array where each array element is a map containing attributes of a link
""")
