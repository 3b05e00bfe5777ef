"""The subcommands that change whose slots are whose: reshard, rebalance, fix."""

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict

from pycluster.tools.fixing import Step, plan_fix, show_steps, slots_to_fix
from pycluster.tools.gathering import count_keys, count_strays
from pycluster.tools.mending import Mender
from pycluster.tools.moving import Mover, MoveSettings
from pycluster.tools.node_lines import show_count
from pycluster.tools.outcomes import Refused, Status, Usage
from pycluster.tools.plans import Move, rebalance, reshard, reshard_ranges, show_move
from pycluster.tools.problems import find_problems, has_errors
from pycluster.tools.progress import MoveProgress
from pycluster.tools.session import Session, pick_master, slot_troubles
from pycluster.tools.view import ClusterView, NodeView


def reshard_slots(session: Session, arguments: Namespace) -> Status:
    view = session.settled_view(arguments.address)
    target = pick_master(view, arguments.to)
    if arguments.ranges:
        moves = reshard_ranges(view, target, arguments.ranges)
    else:
        moves = reshard(_sources(view, arguments.sources, target), target, arguments.slots)
    if not moves:
        session.say(f"Nothing to move: {target.address} has all of these slots.")
    return carry_out(session, view, moves, arguments)


def rebalance_slots(session: Session, arguments: Namespace) -> Status:
    view = session.settled_view(arguments.address)
    weights = {pick_master(view, name).id: weight for name, weight in arguments.weights}
    moves = rebalance(view, weights, arguments.threshold, arguments.use_empty_masters)
    if not moves:
        session.say(f"No rebalancing needed: all masters are within {arguments.threshold:g} % of their share.")
    return carry_out(session, view, moves, arguments)


def carry_out(session: Session, view: ClusterView, moves: Sequence[Move], arguments: Namespace) -> Status:
    """Shows the plan, asks, moves."""
    plan = [move.as_json() for move in moves]
    count = sum(move.count for move in moves)
    for move in moves:
        session.say(show_move(view, move))
    if not moves or not session.is_confirmed(f"Move {show_count(count, 'slot')}?"):
        session.result({"plan": plan, "moved": None})
        return Status.OK
    with MoveProgress(session.console, view, count) as progress, _mover(session, view, arguments, progress) as mover:
        try:
            mover.move(moves)
        except BaseException:
            explain_stop(session, mover, progress)
            raise
    summary, moved = progress.summary(), progress.as_json()
    session.wait_agreement(arguments.address)
    session.say(summary, "green")
    session.result({"plan": plan, "moved": moved})
    return Status.OK


def explain_stop(session: Session, mover: Mover, progress: MoveProgress) -> None:
    """Where a move ended that did not get to its end."""
    progress.live.stop()
    session.say(progress.summary())
    if under_way := mover.open_slot:
        name = mover.view.name
        session.say(
            f"Slot {under_way.slot} is open: it was on its way from {name(under_way.source)} to "
            f"{name(under_way.target)}. Its keys are served from both meanwhile. To finish it: "
            f"pycluster fix {name(under_way.source)}",
            "yellow",
        )
    else:
        session.say("No slot is open; the rest has not moved.")


def fix(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    view = count_strays(session.connections, view)
    view = count_keys(session.connections, view, slots_to_fix(view))
    if any(problem.kind == "same-id" for problem in find_problems(view)):
        session.tell(problem for problem in find_problems(view) if problem.kind == "same-id")
        raise Refused("Two servers with one id can't be told apart: that has to be settled first.")
    steps = plan_fix(view, arguments.with_lost_masters)
    plan = [{"step": type(step).__name__, **asdict(step)} for step in steps]
    for line in show_steps(view, steps):
        session.say(line)
    if not steps:
        session.say("There is no slot to fix.")
    elif session.is_confirmed(f"Do {show_count(len(steps), 'step')}?"):
        _mend(session, view, steps, arguments)
        view = session.wait_agreement(arguments.address)
    session.result({"plan": plan, "problems": [problem.as_json() for problem in find_problems(view)]})
    if session.is_dry_run:
        return Status.OK
    remaining = find_problems(view)
    session.tell(remaining)
    if slot_troubles(view):
        return Status.UNWELL
    session.say("All slots are covered, and none is open.", "green")
    return Status.UNWELL if has_errors(remaining) else Status.OK


def _mend(session: Session, view: ClusterView, steps: Sequence[Step], arguments: Namespace) -> None:
    with (
        MoveProgress(session.console, view, len(steps), "steps") as progress,
        _mover(session, view, arguments, progress) as mover,
    ):
        try:
            Mender(mover, began=lambda step: progress.begin(step.slot)).perform(steps)
        except BaseException:
            progress.live.stop()
            session.say("Not all steps were done; what is still open can be fixed by the same command again.", "yellow")
            raise
    session.say(f"{show_count(len(steps), 'step')} done; {show_count(progress.keys, 'key')} moved.")


def _mover(session: Session, view: ClusterView, arguments: Namespace, progress: MoveProgress) -> Mover:
    settings = MoveSettings(arguments.migrate_timeout, arguments.pipeline, arguments.replace)
    return Mover(session.connections, view, settings, progress.note)


def _sources(view: ClusterView, names: str, target: NodeView) -> list[NodeView]:
    if names == "all":
        return [node for node in view.masters if node.id != target.id]
    sources = [pick_master(view, name) for name in names.split(",")]
    if target in sources:
        raise Usage(f"{target.address} can't be source and target.")
    return sources


def parse_weight(text: str) -> tuple[str, float]:
    """`ID=2`; ValueError if it is not."""
    name, _, weight = text.rpartition("=")
    if not name or not re.fullmatch(r"[0-9]*\.?[0-9]+", weight):
        raise ValueError(f"'{text}' is not a weight: write NODE=NUMBER, as in 127.0.0.1:7001=1.5")
    return name, float(weight)
