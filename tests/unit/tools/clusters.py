"""Clusters as values: masters A, B and C with a third of the slots each, replicas a, b and c, and what is wrong.

A view is written as what each node says in CLUSTER NODES, which is read as from a real node. Ids are a letter 40 times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pycluster.tools.node_lines import Address, read_node_lines, show_ranges
from pycluster.tools.plans import even_shares
from pycluster.tools.view import ClusterView, NodeView

A, B, C, D = (letter * 40 for letter in "ABCD")
THIRDS = even_shares(3)


@dataclass
class Described:
    """A node as it is in truth; what others say of it follows, unless a test says otherwise."""

    letter: str
    slots: int = 0
    master: str = ""
    epoch: int = 0
    keys: int = 0
    open: str = ""  # as CLUSTER NODES has it behind the slots
    says: dict[str, str] = field(default_factory=dict)  # lines about others that are not as they should be

    @property
    def id(self) -> str:
        return self.letter * 40

    @property
    def address(self) -> Address:
        return address(self.letter)

    def line(self, flags: str = "", link: str = "connected", slots: str | None = None, epoch: int | None = None) -> str:
        role = "slave" if self.master else "master"
        shown = show_ranges(self.slots).replace(",", " ") if slots is None else slots
        words = [
            self.id,
            f"{self.address}@{self.address.port + 10000}",
            ",".join(filter(None, [flags, role])),
            self.master * 40 or "-",
            "0 0",
            str(self.epoch if epoch is None else epoch),
            link,
            shown,
        ]
        return " ".join(words).rstrip()


def address(letter: str) -> Address:
    return Address("10.0.0.1", 7000 + ord(letter))


def three_masters(**changes: Described) -> dict[str, Described]:
    """A, B and C with a replica each."""
    nodes = {letter: Described(letter, THIRDS[number], epoch=number + 1) for number, letter in enumerate("ABC")}
    nodes |= {letter.lower(): Described(letter.lower(), master=letter, epoch=nodes[letter].epoch) for letter in "ABC"}
    return nodes | changes


def view_of(
    nodes: Mapping[str, Described],
    silent: Mapping[str, str] | None = None,
    keys_in_slot: Mapping[str, Mapping[int, int]] | None = None,
) -> ClusterView:
    """What gathering would bring home; `silent` are the letters of those that do not answer, with what happens."""
    silent = silent or {}
    counts = keys_in_slot or {}
    answers = [_ask(node, nodes, counts.get(letter, {})) for letter, node in nodes.items() if letter not in silent]
    return ClusterView(tuple(answers), {address(letter): why for letter, why in silent.items()})


def _ask(me: Described, nodes: Mapping[str, Described], counts: Mapping[int, int]) -> NodeView:
    own = f"{me.line('myself')} {me.open}".rstrip()
    lines = [own if other is me else me.says.get(letter, other.line()) for letter, other in nodes.items()]
    replication = {"role": "slave" if me.master else "master", "master_repl_offset": "1000"}
    if me.master:
        replication |= {"master_link_status": "up", "slave_repl_offset": "1000", "master_last_io_seconds_ago": "1"}
    return NodeView(
        me.address,
        read_node_lines("\n".join(filter(None, lines))),
        {"cluster_state": "ok"},
        replication,
        {"run_id": me.letter, "redis_version": "7.2.4"},
        me.keys,
        counts,
    )


def changed(view: ClusterView, letter: str, **fields: object) -> ClusterView:
    """The same view in which one node says something else."""
    nodes = [replace(node, **fields) if node.id == letter * 40 else node for node in view.nodes]  # type: ignore[arg-type]
    return replace(view, nodes=tuple(nodes))
