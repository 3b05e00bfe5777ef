"""Who is asked, starting from one node, and what is made of the answers."""

from collections.abc import Mapping, Sequence

import pytest

from pycluster.tools.connections import Connections, Word
from pycluster.tools.gathering import count_strays, gather
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import NodeSaid, Unreachable
from tests.unit.tools.clusters import Described, address, three_masters


class Answers(Connections):
    """Servers by address; each is the text of its CLUSTER NODES and its run id, or an error."""

    def __init__(
        self,
        servers: Mapping[Address, tuple[str, str] | str],
        keys: Mapping[tuple[Address, int], int] | None = None,
    ):
        super().__init__()
        self.servers = servers
        self.keys = keys or {}
        self.asked: list[Address] = []

    def ask_all(self, address: Address, requests: Sequence[Sequence[Word]]) -> list[object]:
        self.asked.append(address)
        server = self.servers.get(address)
        if server is None:
            raise Unreachable(address, "Connection refused")
        if isinstance(server, str):
            return [NodeSaid(address, server) for _ in requests]
        replies = {"NODES": server[0].encode(), "INFO": b"cluster_state:ok", "server": f"run_id:{server[1]}".encode()}
        return [self._reply(address, request, replies) for request in requests]

    def _reply(self, address: Address, request: Sequence[Word], replies: Mapping[str, bytes]) -> object:
        if request[1:2] == ("COUNTKEYSINSLOT",):
            return self.keys.get((address, int(request[2])), 0)
        return 7 if request == ("DBSIZE",) else replies.get(str(request[1]), b"")


def text_of(me: str, nodes: Mapping[str, Described]) -> str:
    return "\n".join(node.line("myself" if letter == me else "") for letter, node in nodes.items())


def servers(nodes: Mapping[str, Described]) -> dict[Address, tuple[str, str] | str]:
    return {address(letter): (text_of(letter, nodes), letter) for letter in nodes}


def test_all_that_one_names_are_asked_once() -> None:
    connections = Answers(servers(three_masters()))
    view = gather(connections, address("B"))
    assert sorted(connections.asked) == sorted(connections.servers)
    assert (len(view.nodes), view.silent, view.nodes[0].keys) == (6, {}, 7)


def test_who_is_known_to_one_only_is_found() -> None:
    nodes = three_masters()
    there = servers(nodes)
    without_d = there[address("A")]
    there |= servers(nodes | {"D": Described("D")})
    there[address("A")] = without_d
    assert len(gather(Answers(there), address("A")).nodes) == 7


def test_who_does_not_answer_is_silent_with_the_reason() -> None:
    there = servers(three_masters())
    del there[address("a")]
    there[address("b")] = "LOADING Redis is loading the dataset in memory"
    assert gather(Answers(there), address("A")).silent == {
        address("a"): "Connection refused",
        address("b"): "10.0.0.1:7098 says: LOADING Redis is loading the dataset in memory",
    }


def test_the_first_one_has_to_answer() -> None:
    with pytest.raises(Unreachable, match="10.0.0.1:7065 cannot be reached: Connection refused"):
        gather(Answers({}), address("A"))


def test_one_server_under_two_addresses_is_one_node_at_the_announced_one() -> None:
    there = servers(three_masters())
    localhost = Address("127.0.0.1", 7065)
    there[localhost] = there[address("A")]
    view = gather(Answers(there), localhost)
    assert sorted(node.asked_at for node in view.nodes) == sorted(map(address, "ABCabc"))


def test_two_servers_with_one_id_are_two() -> None:
    nodes = three_masters()
    there = servers(nodes)
    copy = Address("10.0.0.2", 7065)
    there[copy] = (text_of("A", nodes), "another process")
    there[address("C")] = (text_of("C", nodes).replace(f"{address('A')}@", f"{copy}@"), "C")
    view = gather(Answers(there), address("A"))
    assert [node.asked_at for node in view.nodes if node.id == "A" * 40] == [address("A"), copy]


def test_a_node_that_has_met_nobody_is_a_cluster() -> None:
    alone = f"{'A' * 40} :7000@17000 myself,master - 0 0 0 connected"
    view = gather(Answers({address("A"): (alone, "A")}), address("A"))
    assert [node.address for node in view.nodes] == [address("A")]


def test_keys_of_open_slots_are_counted_at_all_masters() -> None:
    nodes = three_masters()
    there = servers(nodes)
    there[address("A")] = (text_of("A", nodes).replace("0-5460", f"0-5460 [5->-{'B' * 40}]"), "A")
    view = gather(Answers(there, {(address("A"), 5): 3, (address("C"), 5): 1}), address("A"))
    assert [node.keys_in_slot for node in view.masters] == [{5: 3}, {5: 0}, {5: 1}]


def test_strays_are_counted_beside_the_keys_of_the_owner() -> None:
    connections = Answers(servers(three_masters()), {(address("A"), 5): 3, (address("A"), 9): 1, (address("C"), 5): 2})
    view = count_strays(connections, gather(connections, address("A")))
    assert {slot: [node.asked_at for node in nodes] for slot, nodes in view.strays.items()} == {5: [address("C")]}
    assert [node.keys_in_slot for node in view.masters] == [{5: 3}, {5: 0}, {5: 2}]
