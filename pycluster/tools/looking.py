"""The subcommands that only look: check, info, nodes, slots; and `call`, which does what it is told to everywhere."""

from argparse import Namespace
from typing import Any

from pycluster.tools.gathering import count_strays, side_by_side
from pycluster.tools.node_lines import show_count, show_ranges
from pycluster.tools.outcomes import NodeSaid, Status, Trouble, Unreachable
from pycluster.tools.pictures import nodes_table, slot_map, version
from pycluster.tools.problems import find_problems, has_errors
from pycluster.tools.session import Session
from pycluster.tools.view import ClusterView, NodeView, by_shard


def check(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    if arguments.keys:
        view = count_strays(session.connections, view)
    summarize(session, view)
    problems = find_problems(view)
    session.result({"nodes": nodes_as_json(view), "problems": [problem.as_json() for problem in problems]})
    session.tell(problems)
    if has_errors(problems):
        return Status.UNWELL
    session.say(f"[OK] All {len(view.nodes)} nodes answer and agree; all 16384 slots are covered.", "green")
    return Status.OK


def info(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    summarize(session, view)
    for address, why in view.silent.items():
        session.say(f"{address} does not answer: {why}.", "red")
    session.result(nodes_as_json(view))
    return Status.OK


def nodes(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    session.console.print(nodes_table(view))
    session.result(nodes_as_json(view))
    return Status.OK


def slots(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    session.console.print(slot_map(view), soft_wrap=True)
    session.result(
        {
            "owners": {node.id: show_ranges(node.slots) for node in view.masters},
            "uncovered": show_ranges(view.uncovered),
            "open": {
                str(slot): {
                    "migrating": {node.id: to for node in view.masters if (to := node.me.migrating.get(slot))},
                    "importing": {node.id: of for node in view.masters if (of := node.me.importing.get(slot))},
                    "keys": {node.id: node.keys_in_slot.get(slot, 0) for node in view.masters},
                }
                for slot in view.open_slots
            },
        }
    )
    return Status.OK


def call(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    if arguments.only_this:
        chosen = [session.node_at(view, arguments.address)]
    else:
        chosen = [node for node in by_shard(view) if _is_called(node, arguments)]
    outcomes = side_by_side(lambda node: _ask(session, node, arguments.words), chosen)
    for node, outcome in zip(chosen, outcomes, strict=True):
        session.say(f"{node.address}: {show_reply(outcome)}")
    session.result({str(node.address): _json(reply) for node, reply in zip(chosen, outcomes, strict=True)})
    for address, why in view.silent.items():
        session.say(f"{address}: {why}", "red")
    is_well = not view.silent and not any(isinstance(outcome, Trouble) for outcome in outcomes)
    return Status.OK if is_well else Status.UNREACHABLE


def _is_called(node: NodeView, arguments: Namespace) -> bool:
    return not (arguments.only_masters and not node.is_master or arguments.only_replicas and node.is_master)


def _ask(session: Session, node: NodeView, words: list[str]) -> Any:
    try:
        return session.connections.ask(node.asked_at, *words)
    except Trouble as trouble:
        return trouble


def show_reply(reply: object) -> str:
    """A reply for people: lists by lines, bytes as text."""
    match reply:
        case bytes():
            return reply.decode(errors="backslashreplace").rstrip("\r\n")
        case list():
            return "\n".join(["", *(f"  {show_reply(item)}" for item in reply)]) if reply else "(empty)"
        case None:
            return "(nil)"
        case NodeSaid():
            return f"(error) {reply.error}"
        case Unreachable():
            return f"(no answer) {reply.why}"
    return str(reply)


def _json(reply: object) -> object:
    match reply:
        case bytes():
            return reply.decode(errors="backslashreplace")
        case list():
            return [_json(item) for item in reply]
        case Trouble():
            return {"error": str(reply)}
    return reply


# ---- the cluster in some lines


def summarize(session: Session, view: ClusterView) -> None:
    """A line for each master, much as redis-cli has it."""
    masters = [node for node in by_shard(view) if node.is_master]
    for node in masters:
        replicas = show_count(len(view.replicas_of(node.id)), "replica")
        size = f"{show_count(node.keys, 'key')} | {show_count(node.slots.bit_count(), 'slot')} | {replicas}"
        session.say(f"{node.address} ({node.id[:8]}...) -> {size}")
    session.say(f"{show_count(sum(node.keys for node in masters), 'key')} in {show_count(len(masters), 'master')}.")


def nodes_as_json(view: ClusterView) -> list[dict[str, object]]:
    """All nodes, those that do not answer too."""
    answering: list[dict[str, object]] = [
        {
            "id": node.id,
            "address": str(node.address),
            "role": "master" if node.is_master else "replica",
            "master": node.me.master or None,
            "slots": show_ranges(node.slots),
            "keys": node.keys,
            "epoch": node.me.epoch,
            "version": version(node),
        }
        for node in by_shard(view)
    ]
    silent: list[dict[str, object]] = [{"address": str(it), "error": why} for it, why in view.silent.items()]
    return answering + silent
