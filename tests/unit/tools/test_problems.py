"""Each kind of problem, in a cluster that has nothing else."""

from collections.abc import Mapping
from dataclasses import replace

from pycluster.tools.node_lines import Address
from pycluster.tools.problems import Problem, find_problems, has_errors
from pycluster.tools.view import ClusterView
from tests.unit.tools.clusters import THIRDS, A, B, C, Described, changed, three_masters, view_of


def only_problem(view: ClusterView) -> Problem:
    problems = find_problems(view)
    assert len(problems) == 1, problems
    return problems[0]


def kinds(view: ClusterView) -> list[str]:
    return [problem.kind for problem in find_problems(view)]


def test_a_healthy_cluster_has_none() -> None:
    assert find_problems(view_of(three_masters())) == []


def test_warnings_are_no_errors() -> None:
    assert not has_errors([Problem("no-replica", "warning", "", "")])
    assert has_errors([Problem("no-replica", "warning", "", ""), Problem("open-slot", "error", "", "")])


# ---- who can be asked


def test_a_node_that_all_others_have_lost_is_gone() -> None:
    nodes = three_masters()
    failed = nodes["a"].line(flags="fail", link="disconnected")
    for letter in "ABCbc":
        nodes[letter].says["a"] = failed
    problem = find_problems(view_of(nodes, silent={"a": "Connection refused"}))[0]
    assert problem.kind == "unreachable-node"
    assert problem.what.startswith("10.0.0.1:7097 does not answer (Connection refused)")
    assert f"pycluster del-node 10.0.0.1:7065 {'a' * 40}" in problem.advice


def test_a_node_with_slots_that_is_gone_is_not_to_be_removed() -> None:
    nodes = three_masters()
    for letter in "ACabc":
        nodes[letter].says["B"] = nodes["B"].line(flags="fail", link="disconnected")
    assert find_problems(view_of(nodes, silent={"B": "timed out"}))[0].advice == "Start it again: it has slots."


def test_a_node_that_others_reach_and_we_do_not_announces_a_bad_address() -> None:
    problem = find_problems(view_of(three_masters(), silent={"a": "timed out"}))[0]
    assert problem.kind == "unreachable-address"
    assert "can't be reached from here (timed out), yet other nodes are connected" in problem.what
    assert "cluster-announce-ip" in problem.advice


def test_a_node_that_sends_clients_elsewhere() -> None:
    """Port forwarding: it was asked at 127.0.0.1:17065, and says that it is 10.0.0.1:7065."""
    view = view_of(three_masters())
    view = changed(view, "A", asked_at=Address("127.0.0.1", 17065))
    problem = only_problem(replace(view, silent={Address("10.0.0.1", 7065): "No route to host"}))
    assert problem.kind == "unreachable-address"
    assert problem.what.startswith("127.0.0.1:17065 answers here, but tells clients to come to 10.0.0.1:7065")


def test_a_node_that_is_loading_is_not_gone() -> None:
    problems = find_problems(view_of(three_masters(), silent={"a": "10.0.0.1:7097 says: LOADING Redis is loading"}))
    assert problems[0].what == "10.0.0.1:7097 is loading its data."


def test_two_servers_with_one_id() -> None:
    view = view_of(three_masters())
    copy = replace(view.nodes[3], asked_at=Address("10.0.0.2", 7000), server={"run_id": "another"})
    problem = only_problem(replace(view, nodes=(*view.nodes, copy)))
    assert problem.kind == "same-id"
    assert "10.0.0.1:7097 and 10.0.0.2:7000 are different servers with the same node id" in problem.what


# ---- slots


def test_an_open_slot_says_who_gives_who_takes_and_where_the_keys_are() -> None:
    nodes = three_masters()
    nodes["A"].open, nodes["B"].open = f"[5->-{B}]", f"[5-<-{A}]"
    problem = only_problem(view_of(nodes, keys_in_slot={"A": {5: 1}, "B": {5: 20}}))
    assert problem.what == (
        "slot 5 is open: 10.0.0.1:7065 gives it to 10.0.0.1:7066; 10.0.0.1:7066 takes it from 10.0.0.1:7065; "
        "1 key at 10.0.0.1:7065, 20 keys at 10.0.0.1:7066."
    )
    assert "pycluster fix 10.0.0.1:7065" in problem.advice


def test_a_replica_that_repeats_its_masters_open_slots_is_passed_over() -> None:
    nodes = three_masters()
    nodes["a"].open = f"[5->-{B}]"
    assert find_problems(view_of(nodes)) == []


def test_slots_that_are_nobodys() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~0b111
    problem = only_problem(view_of(nodes))
    assert problem.what.startswith("3 slots (0-2) are nobody's")


def without_b(nodes: dict[str, Described]) -> ClusterView:
    """B is gone, and all others have noticed."""
    for node in nodes.values():
        node.says["B"] = nodes["B"].line(flags="fail", link="disconnected")
    return view_of(nodes, silent={"B": "refused"})


def test_slots_of_a_master_that_only_others_reach_are_no_second_problem() -> None:
    assert kinds(view_of(three_masters(), silent={"B": "refused"})) == ["unreachable-address"]


def test_slots_of_a_master_that_is_gone_ask_for_its_replica() -> None:
    problems = find_problems(without_b(three_masters()))
    problem = next(problem for problem in problems if problem.kind == "uncovered-slots")
    assert problem.what.startswith("5,462 slots (5461-10922) are not served: the master, 10.0.0.1:7066")
    assert "pycluster failover 10.0.0.1:7098 --takeover" in problem.advice


def test_slots_of_a_master_that_is_gone_without_a_replica_warn_of_the_data() -> None:
    nodes = three_masters()
    del nodes["b"]
    problems = find_problems(without_b(nodes))
    problem = next(problem for problem in problems if problem.kind == "uncovered-slots")
    assert "its data are there" in problem.advice


def test_two_masters_that_claim_one_slot() -> None:
    nodes = three_masters()
    nodes["B"].slots |= 1
    assert "several-owners" in kinds(view_of(nodes))


def test_keys_at_a_master_that_does_not_own_their_slot() -> None:
    problem = only_problem(view_of(three_masters(), keys_in_slot={"A": {5: 3}, "B": {5: 7, 6: 1}, "C": {5: 0}}))
    assert problem.kind == "stray-keys"
    assert problem.what.startswith("10.0.0.1:7066 has 8 keys in 2 slots (5-6), not its own")


# ---- do they agree?


def test_nodes_that_disagree_say_so_with_an_example() -> None:
    nodes = three_masters()
    nodes["c"].says |= {"A": nodes["A"].line(slots="1-5460"), "B": nodes["B"].line(slots="0 5461-10922")}
    problem = only_problem(view_of(nodes))
    assert problem.kind == "disagreement"
    assert problem.what.startswith("nodes disagree about slot 0: of slot 0 10.0.0.1:7065, ")
    assert problem.what.endswith("that it is 10.0.0.1:7065's, 10.0.0.1:7099 that it is 10.0.0.1:7066's.")


def test_a_role_that_others_have_not_heard_of() -> None:
    nodes = three_masters()
    nodes["B"].says["c"] = Described("c", master="A", epoch=3).line()
    problem = only_problem(view_of(nodes))
    assert problem.kind == "disagreement"
    assert problem.what == (
        "10.0.0.1:7099 says that it is a replica of 10.0.0.1:7067; 10.0.0.1:7066 thinks that it is a replica of "
        "10.0.0.1:7065."
    )


def test_a_node_that_somebody_does_not_know() -> None:
    nodes = three_masters()
    nodes["A"].says["c"] = ""
    problem = only_problem(view_of(nodes))
    assert (problem.kind, problem.what) == ("unknown-node", "10.0.0.1:7065 does not know 10.0.0.1:7099.")
    assert problem.advice.endswith("call --only-this 10.0.0.1:7065 CLUSTER MEET 10.0.0.1 7099")


def test_a_handshake_that_does_not_end() -> None:
    nodes = three_masters()
    stranger = Described("x").line().replace("master", "handshake")
    view = view_of(nodes | {"x": Described("x")}, silent={"x": "refused"})
    for letter in "ABCabc":
        nodes[letter].says["x"] = stranger if letter == "A" else ""
    view = replace(view_of(nodes | {"x": Described("x")}, silent={"x": ""}), silent={})
    assert only_problem(view).what == "10.0.0.1:7065 is still shaking hands with 10.0.0.1:7120."


def broken(directions: Mapping[str, str]) -> ClusterView:
    nodes = three_masters()
    for one, other in directions.items():
        nodes[one].says[other] = nodes[other].line(link="disconnected")
    return view_of(nodes)


def test_a_one_way_link() -> None:
    problem = only_problem(broken({"A": "C"}))
    assert problem.kind == "broken-link"
    assert problem.what.startswith("10.0.0.1:7065 can't reach 10.0.0.1:7067 on the cluster bus, though 10.0.0.1:7067")
    assert problem.what.endswith("a one-way link.")


def test_all_that_a_node_cannot_reach_is_one_problem() -> None:
    nodes = three_masters()
    for letter in "BC":
        nodes["A"].says[letter] = nodes[letter].line(link="disconnected")
    problem = only_problem(view_of(nodes))
    assert problem.what == (
        "10.0.0.1:7065 can't reach 10.0.0.1:7066 and 10.0.0.1:7067 on the cluster bus, though those reach "
        "10.0.0.1:7065: one-way links."
    )
    assert problem.advice.endswith("the bus ports are 17065, 17066, 17067.")


def test_a_link_that_is_broken_both_ways() -> None:
    problem = only_problem(broken({"A": "C", "C": "A"}))
    assert problem.what == "10.0.0.1:7065 and 10.0.0.1:7067 don't reach each other on the cluster bus."


def test_a_node_that_answers_and_is_believed_to_have_failed() -> None:
    nodes = three_masters()
    for letter in "BC":
        nodes[letter].says["A"] = nodes["A"].line(flags="fail?")
    problem = only_problem(view_of(nodes))
    assert problem.kind == "suspected-node"
    assert "10.0.0.1:7066 and 10.0.0.1:7067 think that it has failed" in problem.what


def test_all_that_the_same_nodes_suspect_is_one_problem() -> None:
    nodes = three_masters()
    for letter in "BC":
        nodes["A"].says[letter] = nodes[letter].line(flags="fail?")
    problem = only_problem(view_of(nodes))
    assert problem.what == (
        "10.0.0.1:7066 and 10.0.0.1:7067 answer here, but 10.0.0.1:7065 thinks that they have failed."
    )


def test_two_masters_with_one_epoch() -> None:
    nodes = three_masters()
    nodes["B"].epoch = 1
    problem = only_problem(view_of(nodes))
    assert (problem.kind, problem.severity) == ("epoch-collision", "warning")
    assert problem.what.startswith("10.0.0.1:7065 and 10.0.0.1:7066 have the same config epoch, 1")


def test_empty_masters_may_have_the_same_epoch() -> None:
    new = {letter: Described(letter) for letter in "DE"}
    assert kinds(view_of(three_masters() | new)) == []


def test_a_node_that_says_that_the_cluster_is_down() -> None:
    view = changed(view_of(three_masters()), "C", cluster={"cluster_state": "fail"})
    assert only_problem(view).what.startswith("10.0.0.1:7067 says cluster_state:fail")


# ---- replicas


def test_a_replica_without_a_link_to_its_master() -> None:
    view = changed(view_of(three_masters()), "a", replication={"role": "slave", "master_link_status": "down"})
    problem = only_problem(view)
    assert (problem.kind, problem.severity) == ("lagging-replica", "error")
    assert problem.what == "replica 10.0.0.1:7097 has no link to its master, 10.0.0.1:7065."


def test_a_replica_in_the_midst_of_a_full_sync() -> None:
    said = {"role": "slave", "master_link_status": "down", "master_sync_in_progress": "1"}
    assert "is taking in all data of" in only_problem(changed(view_of(three_masters()), "a", replication=said)).what


def test_a_replica_that_is_far_behind() -> None:
    view = changed(view_of(three_masters()), "A", replication={"master_repl_offset": str(1000 + (2 << 20))})
    problem = only_problem(view)
    assert (problem.kind, problem.severity) == ("lagging-replica", "warning")
    assert "it is 2,097,152 bytes behind its master, 10.0.0.1:7065" in problem.what


def test_a_replica_that_has_not_heard_of_its_master_for_long() -> None:
    said = {
        "role": "slave",
        "master_link_status": "up",
        "slave_repl_offset": "1000",
        "master_last_io_seconds_ago": "40",
    }
    assert "heard of it 40 s ago" in only_problem(changed(view_of(three_masters()), "a", replication=said)).what


def test_a_replica_of_a_master_that_does_not_answer_is_no_number_of_bytes_behind() -> None:
    said = {"role": "slave", "master_link_status": "up", "slave_repl_offset": "9", "master_last_io_seconds_ago": "40"}
    problems = find_problems(changed(view_of(three_masters(), silent={"A": "timed out"}), "a", replication=said))
    (lag,) = [problem.what for problem in problems if problem.kind == "lagging-replica"]
    assert lag == "replica 10.0.0.1:7097 lags: it last heard of its master, 10.0.0.1:7065 (AAAAAAAA), 40 s ago."


def test_a_replica_that_went_on_while_it_was_asked_is_not_behind_by_less_than_nothing() -> None:
    said = {"role": "slave", "master_link_status": "up", "slave_repl_offset": "5000"}
    said["master_last_io_seconds_ago"] = "40"
    problem = only_problem(changed(view_of(three_masters()), "a", replication=said))
    assert "is 0 bytes behind" in problem.what


def test_a_node_that_is_stopped_may_just_be_busy() -> None:
    advice = find_problems(view_of(three_masters(), silent={"a": "timed out"}))[0].advice
    assert advice.startswith("It may be busy or stopped: ask again. If the node is behind NAT")


def test_a_replica_of_a_replica() -> None:
    nodes = three_masters()
    nodes["d"] = Described("d", master="a")
    assert kinds(view_of(nodes)) == ["chained-replica"]


def test_a_master_without_replica_beside_others_that_have_one() -> None:
    nodes = three_masters()
    del nodes["c"]
    problem = only_problem(view_of(nodes))
    assert (problem.kind, problem.severity) == ("no-replica", "warning")
    assert f"--master-id {C}" in problem.advice


def test_a_cluster_without_replicas_is_not_reproached() -> None:
    nodes = {letter: node for letter, node in three_masters().items() if letter.isupper()}
    assert find_problems(view_of(nodes)) == []
    assert THIRDS[0] == nodes["A"].slots
