"""Nodes that are dicts in memory, for what moves and mends slots: they answer the few commands that it sends.

They keep Redis' rules where a wrong order would hurt: who owns a slot refuses to take it, who gives one sends away
keys that it does not have, and MIGRATE does not overwrite unless told to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pycluster.tools.connections import Connections, Word
from pycluster.tools.gathering import count_keys, gather
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import NodeSaid
from pycluster.tools.view import ClusterView
from tests.unit.tools.clusters import Described, three_masters

SLOT = 5  # where all keys are


@dataclass
class FakeNode:
    described: Described
    keys: dict[bytes, bytes] = field(default_factory=dict)
    owner: str = ""  # of the slot, as this node believes
    gives: str = ""
    takes: str = ""
    down_for: int = 0  # so many MIGRATEs yet
    refusal: str = ""  # its answer to SETSLOT NODE, if it has one

    @property
    def opens(self) -> str:
        gives = f" [{SLOT}->-{self.gives}]" if self.gives else ""
        return gives + (f" [{SLOT}-<-{self.takes}]" if self.takes else "")


class FakeNodes(Connections):
    """Stands in for connections; `asked` are the requests, each as the node's letter and the words."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = {
            node.address: FakeNode(node, owner="A" * 40) for letter, node in three_masters().items() if letter in "ABC"
        }
        self.asked: list[tuple[str, ...]] = []
        self.before: Callable[[str, Sequence[Word]], None] = lambda letter, words: None
        self.has_debug = True

    def at(self, letter: str) -> FakeNode:
        return next(node for node in self.nodes.values() if node.described.letter == letter)

    def ask_all(self, address: Address, requests: Sequence[Sequence[Word]]) -> list[object]:
        return [self._ask(address, request) for request in requests]

    def _ask(self, address: Address, words: Sequence[Word]) -> object:
        node = self.nodes[address]
        self.before(node.described.letter, words)
        self.asked.append((node.described.letter, *(str(word) for word in words)))
        try:
            return self._answer(node, address, *words)
        except _Error as error:
            return NodeSaid(address, str(error))

    def _answer(self, node: FakeNode, address: Address, *words: Word) -> object:
        me = node.described
        match words:
            case ("CLUSTER", "NODES"):
                return "\n".join(self._line(other, of=node) for other in self.nodes.values()).encode()
            case ("CLUSTER", "INFO"):
                return b"cluster_state:ok"
            case ("INFO", _):
                return f"run_id:{me.letter}".encode()
            case ("DBSIZE",):
                return len(node.keys)
            case ("CLUSTER", "COUNTKEYSINSLOT", slot):
                return len(node.keys) if slot == SLOT else 0
            case ("CLUSTER", "GETKEYSINSLOT", _, int(count)):
                return list(node.keys)[:count]
            case ("CLUSTER", "SETSLOT", _, *action):
                return self._set_slot(node, *action)
            case ("CLUSTER", "DELSLOTS", _):
                if not node.owner:
                    raise _Error(f"Slot {SLOT} is already unassigned")
                node.owner = ""
            case ("CLUSTER", "ADDSLOTS", _):
                if node.owner:
                    raise _Error(f"Slot {SLOT} is already busy")
                node.owner = me.id
            case ("MIGRATE", *_) if node.down_for:
                node.down_for -= 1
                raise _Error("The cluster is down")
            case ("MIGRATE", host, port, *options):
                return self._migrate(node, self.nodes[Address(str(host), int(port))], options)
            case ("EXISTS", bytes(key)):
                return int(key in node.keys)
            case ("DUMP", bytes(key)):
                return node.keys[key]
            case ("DEBUG", "DIGEST-VALUE", bytes(key)):
                if not self.has_debug:
                    raise _Error("DEBUG command not allowed.")
                return [node.keys[key]]
            case ("DEL", bytes(key)):
                return int(node.keys.pop(key, None) is not None)
        return "OK"

    def _set_slot(self, node: FakeNode, action: Word, peer: Word = "") -> str:
        mine = node.owner == node.described.id
        match action:
            case "IMPORTING":
                if mine:
                    raise _Error(f"I'm already the owner of hash slot {SLOT}")
                node.takes = str(peer)
            case "MIGRATING":
                if not mine:
                    raise _Error(f"I'm not the owner of hash slot {SLOT}")
                node.gives = str(peer)
            case "STABLE":
                node.gives = node.takes = ""
            case "NODE" if node.refusal:
                raise _Error(node.refusal)
            case "NODE":
                if mine and peer != node.described.id and node.keys:
                    raise _Error(f"Can't assign hashslot {SLOT} to a different node while I still hold keys for it.")
                node.owner, node.gives = str(peer), ""
                if peer == node.described.id:
                    node.takes = ""
        return "OK"

    def _migrate(self, source: FakeNode, target: FakeNode, options: Sequence[Word]) -> str:
        if not (source.owner == source.described.id or source.takes):
            raise _Error(f"MOVED {SLOT}")
        keys = [key for key in options[options.index("KEYS") + 1 :] if isinstance(key, bytes)]
        for key in keys:
            if target.gives and key not in target.keys:
                raise _Error(f"Target instance replied with error: ASK {SLOT}")
            if key in target.keys and "REPLACE" not in options:
                raise _Error("Target instance replied with error: BUSYKEY Target key name already exists.")
            target.keys[key] = source.keys.pop(key)
        return "OK"

    def _line(self, node: FakeNode, of: FakeNode) -> str:
        described = node.described
        slots = described.slots & ~(1 << SLOT) | (of.owner == described.id) << SLOT
        line = Described(described.letter, slots, epoch=described.epoch)
        return line.line("myself") + node.opens if node is of else line.line()

    # ---- for tests

    def view(self) -> ClusterView:
        start = next(iter(self.nodes))
        return count_keys(self, gather(self, start), [SLOT])

    def orders(self) -> list[str]:
        """What changed something, as `A SETSLOT 5 STABLE`."""
        quiet = {"NODES", "INFO", "COUNTKEYSINSLOT", "GETKEYSINSLOT"}
        clustered = [
            (letter, *rest) for letter, name, *rest in self.asked if name == "CLUSTER" and rest[0] not in quiet
        ]
        return [" ".join(words) for words in clustered]


class _Error(Exception):
    pass
