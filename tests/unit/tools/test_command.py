"""The command line: what is read, what is refused, what is asked."""

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from pycluster.tools.command import parser
from pycluster.tools.connections import Connections, Credentials
from pycluster.tools.local import up
from pycluster.tools.looking import show_reply
from pycluster.tools.membership import del_node, find_leaver, refuse_unless_fresh
from pycluster.tools.node_lines import Address, read_address
from pycluster.tools.outcomes import NodeSaid, Refused, Unreachable, Usage
from pycluster.tools.session import Session, pick, pick_master
from pycluster.tools.view import ClusterView
from tests.unit.tools.clusters import A, B, three_masters, view_of

HERE = "127.0.0.1:7001"


def test_redis_clis_words_are_understood() -> None:
    theirs = f"reshard {HERE} --cluster-from A --cluster-to B --cluster-slots 5 --cluster-yes --cluster-timeout 9"
    ours = f"reshard {HERE} --from A --to B --slots 5 --yes --migrate-timeout 9"
    assert parser().parse_args(theirs.split()) == parser().parse_args(ours.split())


def test_weights_may_follow_each_other() -> None:
    arguments = parser().parse_args(f"rebalance {HERE} --cluster-weight a=1 b=2.5 --weight c=0".split())
    assert arguments.weights == [("a", 1), ("b", 2.5), ("c", 0)]


def test_a_command_for_every_node_keeps_its_own_options() -> None:
    arguments = parser().parse_args(["call", "--only-masters", HERE, "CLIENT", "KILL", "--yes"])
    assert (arguments.words, arguments.yes, arguments.only_masters) == (["CLIENT", "KILL", "--yes"], False, True)


def test_our_options_may_stand_between_the_address_and_the_command() -> None:
    arguments = parser().parse_args(["call", HERE, "--only-masters", "--json", "LRANGE", "list", "0", "-1"])
    assert (arguments.words, arguments.json, arguments.only_masters) == (["LRANGE", "list", "0", "-1"], True, True)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "check",
        "check 7001",
        f"reshard {HERE}",
        f"reshard {HERE} --to B",
        f"reshard {HERE} --to B --slots 5 --ranges 1-2",
        f"reshard {HERE} --to B --slots five",
        f"call {HERE}",
        f"check {HERE} --yes",
        f"reshard {HERE} --to B --slots 0",
        f"reshard {HERE} --to B --ranges 5-1",
        f"rebalance {HERE} --weight a",
        f"rebalance {HERE} --weight a=-1",
        f"rebalance {HERE} --weight a=much",
        f"failover {HERE} --force --takeover",
    ],
)
def test_what_makes_no_sense_ends_with_status_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words.split())
    assert ended.value.code == 2


def test_the_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    assert "3    refused, as it would do harm; or not confirmed" in capsys.readouterr().out


def test_the_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDISCLI_AUTH", "secret")
    assert parser().parse_args(["check", HERE]).password == "secret"


def test_a_source_enters_the_target_as_we_do() -> None:
    assert Credentials().for_migrate == ()
    assert Credentials(None, "secret").for_migrate == ("AUTH", "secret")
    assert Credentials("me", "secret").for_migrate == ("AUTH2", "me", "secret")


# ---- asking for a yes


def session(**options: bool) -> Session:
    return Session(Connections(), Console(file=StringIO()), **options)


@pytest.mark.parametrize("typed", ["", "no\n", "y\n", "Yes\n"])
def test_anything_but_yes_is_no(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(typed))
    with pytest.raises(Refused, match="nobody said yes"):
        session().is_confirmed("Really?")


def test_a_typed_yes_is_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("yes\n"))
    assert session().is_confirmed("Really?")


def test_nobody_is_asked_with_yes_nor_in_a_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert session(assume_yes=True).is_confirmed("Really?")
    assert not session(assume_yes=True, is_dry_run=True).is_confirmed("Really?")


def test_json_goes_alone_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    one = session(is_json=True)
    one.say("for people")
    one.result({"slots": 1})
    assert json.loads(capsys.readouterr().out) == {"slots": 1}


def test_that_nobody_reads_on_is_no_failure() -> None:
    program = "from pycluster.tools.command import Printer\nwhile True: Printer().print('line')"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"line\n"
    assert process.returncode == 0


# ---- naming nodes


def test_a_node_is_picked_by_the_beginning_of_its_id() -> None:
    assert pick(view_of(three_masters()), "BBBB").id == B


@pytest.mark.parametrize("text", ["nobody", "AAA", "10.0.0.1:1"])
def test_who_is_not_there_cannot_be_picked(text: str) -> None:
    with pytest.raises(Usage, match="There is no node"):
        pick(view_of(three_masters()), text)


def test_a_replica_is_no_master() -> None:
    with pytest.raises(Refused, match="10.0.0.1:7097 is a replica, of 10.0.0.1:7065"):
        pick_master(view_of(three_masters()), "aaaa")


def test_a_node_that_does_not_answer_can_leave() -> None:
    leaver = find_leaver(view_of(three_masters(), silent={"a": "refused"}), "a" * 40)
    assert (leaver.name, leaver.slots, leaver.node) == ("10.0.0.1:7097", 0, None)


def with_stranger(view: ClusterView, id_: str, name: str) -> ClusterView:
    """The same view in which one node knows another one besides, which does not answer."""
    first = view.nodes[0]
    stranger = replace(first.lines[-1], id=id_, address=read_address(name))
    return replace(view, nodes=(replace(first, lines=(*first.lines, stranger)), *view.nodes[1:]))


def test_a_beginning_that_fits_a_node_that_answers_and_one_that_does_not_names_neither() -> None:
    view = with_stranger(view_of(three_masters()), "aaaa" + "f" * 36, "10.0.0.1:1")
    with pytest.raises(Usage, match="'aaaa' may be several nodes"):
        find_leaver(view, "aaaa")
    assert find_leaver(view, "aaaaf").name == "10.0.0.1:1"


def test_of_two_that_do_not_answer_none_leaves_by_chance() -> None:
    view = with_stranger(view_of(three_masters(), silent={"a": "refused"}), "aaaa" + "f" * 36, "10.0.0.1:1")
    with pytest.raises(Usage, match="'aaaa' may be several nodes"):
        find_leaver(view, "aaaa")


def test_who_answers_at_an_address_is_meant_and_not_who_was_there_before() -> None:
    view = with_stranger(view_of(three_masters()), "d" * 40, "10.0.0.1:7065")
    assert find_leaver(view, "10.0.0.1:7065").id == A


def test_replicas_that_no_other_master_could_have_keep_theirs() -> None:
    nodes, one = three_masters(), session()
    for letter in "ABC":
        nodes[letter].slots = 0
    one.view = lambda address: view_of(nodes)  # type: ignore[method-assign]
    with pytest.raises(Refused, match="No other master has slots"):
        del_node(one, Namespace(address=HERE, node=A))


@pytest.mark.parametrize("base_port", [0, -5, 55531, 70000])
def test_ports_that_there_are_not_are_refused(base_port: int) -> None:
    with pytest.raises(Usage, match="must lie within 1-65535"):
        up(session(), parser().parse_args(["up", "--base-port", str(base_port)]))


def test_a_node_with_a_past_is_not_fresh() -> None:
    with pytest.raises(Refused, match="Node 10.0.0.1:7065 is not empty: it knows 5 other nodes, has 0 keys and 5,461 "):
        refuse_unless_fresh(pick(view_of(three_masters()), A))


def test_replies_are_shown_as_text() -> None:
    assert show_reply([b"one", 2, None, []]) == "\n  one\n  2\n  (nil)\n  (empty)"


def test_errors_are_shown_without_the_address_that_stands_before_them() -> None:
    here = Address("127.0.0.1", 7001)
    assert show_reply(NodeSaid(here, "MOVED 1 127.0.0.1:7002")) == "(error) MOVED 1 127.0.0.1:7002"
    assert show_reply(Unreachable(here, "timed out")) == "(no answer) timed out"
