"""CLUSTER: questions about the cluster and orders to this node (cluster.c, `clusterCommand`).

An order is a verb of the cluster core; what it refuses it refuses itself, in Redis' words. Here arguments are read, and
replies made.
"""

from collections.abc import Callable, Iterable

from pycluster.cluster import orders, views
from pycluster.cluster.node import BUS_PORT_OFFSET
from pycluster.commands.table import Group
from pycluster.files.writer import WriteFailed
from pycluster.keyspace.slots import SLOTS, key_slot
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
from pycluster.server.client import Client
from pycluster.server.cluster_part import ClusterPart

group = Group("cluster")
cluster = group.container("cluster")

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
    return [_slot(word) for word in words]


def _slot(word: bytes) -> int:
    try:
        slot = parse_int(word)
    except NotAnInteger:
        slot = -1
    if not 0 <= slot < SLOTS:
        raise errors.InvalidSlot
    return slot


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
            start, end = _slot(start_word), _slot(end_word)
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
def cluster_setslot(client: Client, slot: bytes, action: bytes, *node_id: bytes) -> str:
    """CLUSTER SETSLOT slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>

    Binds a hash slot to a node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    orders.require_primary(here.state)
    client.server.slot_migrations.core.refuse_moving_by_hand()
    number = _slot(slot)
    match [action.upper(), *map(text_of, node_id)]:
        case [b"MIGRATING", str(peer)]:
            here.order(here.core.set_slot_migrating, number, peer)
        case [b"IMPORTING", str(peer)]:
            here.order(here.core.set_slot_importing, number, peer)
        case [b"STABLE"]:
            here.order(here.core.set_slot_stable, number)
        case [b"NODE", str(peer)]:
            here.order(here.core.set_slot_node, number, peer)
        case _:
            raise errors.InvalidSetSlotAction
    return "OK"


# Members and roles


@cluster.command(ORDER)
def cluster_meet(client: Client, ip: bytes, port: bytes, *bus_port: bytes) -> str:
    """CLUSTER MEET ip port [cluster-bus-port]

    Forces a node to handshake with another node.
    Since 3.0.0. O(1).
    """
    here = part(client)
    if len(bus_port) > 1:
        raise _syntax_error(b"MEET")
    base = _port(port, errors.invalid_base_port)
    bus = _port(bus_port[0], errors.invalid_bus_port) if bus_port else base + BUS_PORT_OFFSET
    here.order(here.core.meet, text_of(ip), base, bus)
    return "OK"


def _port(word: bytes, complain: Callable[[str], ReplyError]) -> int:
    try:
        return parse_int(word)
    except NotAnInteger:
        raise complain(text_of(word)) from None


def _syntax_error(subcommand: bytes) -> ReplyError:
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
        raise _syntax_error(b"FAILOVER")
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
        raise _syntax_error(b"RESET")
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
SHARDS
    Return information about slot range mappings and the nodes associated with them.
LINKS
    Return information about all network links between this node and its peers.
    Output format is an array where each array element is a map containing attributes of a link
""")
