"""What all subcommands share: connections, where to print, how to ask for a yes, how to name a node, how to wait.

With `--json` the result goes to stdout and everything for people to stderr.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console

from pycluster.tools.connections import ASK_EVERY_S, Connections
from pycluster.tools.gathering import ask_node, gather
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import Refused, Unwell, Usage
from pycluster.tools.problems import ERROR, Problem, find_problems
from pycluster.tools.view import ClusterView, NodeView

SETTLE_S = 5.0
# With one of these, nobody can say what a plan about slots would do.
SLOT_TROUBLES = frozenset("same-id several-owners open-slot uncovered-slots disagreement".split())

DISAGREEMENTS = frozenset("disagreement unknown-node".split())


@dataclass
class Session:
    connections: Connections
    console: Console
    is_json: bool = False
    assume_yes: bool = False
    is_dry_run: bool = False
    out: TextIO | None = None

    # ---- saying

    def say(self, text: str = "", style: str = "") -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def result(self, value: object) -> None:
        """What a script wants to know, if one asks."""
        if self.is_json:
            print(json.dumps(value, indent=2), file=self.out or sys.stdout)

    def tell(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            style, label = ("red", "[ERR]") if problem.severity == ERROR else ("yellow", "[WARNING]")
            self.say(f"{label} {problem.what}", style)
            self.say(f"      → {problem.advice}")

    def is_confirmed(self, question: str) -> bool:
        """False for a dry run. Raises unless somebody says yes, by typing it or by --yes."""
        if self.is_dry_run:
            self.say("Nothing was changed (--dry-run).")
            return False
        if self.assume_yes:
            return True
        self.say(f"{question} (type 'yes')")
        if sys.stdin.readline().strip() != "yes":
            raise Refused("Nothing was changed: nobody said yes. (In scripts: --yes)")
        return True

    # ---- looking

    def view(self, address: Address) -> ClusterView:
        return gather(self.connections, address)

    def node_at(self, view: ClusterView, address: Address) -> NodeView:
        """The node that answers there; the view may know it under another address of its."""
        id_ = ask_node(self.connections, address).id
        return next(node for node in view.nodes if node.id == id_)

    def settled_view(self, address: Address) -> ClusterView:
        """A view that plans about slots can be made on: it takes the nodes some moments to hear of the last change."""
        deadline = time.monotonic() + SETTLE_S
        while troubles := slot_troubles(view := self.view(address)):
            if time.monotonic() > deadline:
                self.tell(troubles)
                raise Unwell("These problems have to be fixed first.")
            time.sleep(ASK_EVERY_S)
        return view

    def wait(self, what: str, why_not: Callable[[], str], timeout_s: float = 60.0) -> None:
        """Until `why_not()` has no objection left."""
        deadline = time.monotonic() + timeout_s
        with self.console.status(f"{what} ..."):
            while objection := why_not():
                if time.monotonic() > deadline:
                    raise Unwell(f"{what}: after {timeout_s:g} s still {objection}")
                time.sleep(ASK_EVERY_S)

    def wait_agreement(self, address: Address, timeout_s: float = 30.0) -> ClusterView:
        """Until all nodes know each other and agree whose the slots are."""
        seen: list[ClusterView] = []

        def why_not() -> str:
            seen.append(self.view(address))
            troubles = [one for one in find_problems(seen[-1]) if one.kind in DISAGREEMENTS and one.severity == ERROR]
            return troubles[0].what if troubles else ""

        self.wait("Waiting until all nodes agree", why_not, timeout_s)
        return seen[-1]


def slot_troubles(view: ClusterView) -> list[Problem]:
    return [problem for problem in find_problems(view) if problem.kind in SLOT_TROUBLES]


def pick(view: ClusterView, text: str) -> NodeView:
    """The node that somebody means by an id, the beginning of one, or an address."""
    found = view.find(text)
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous(text)
    raise Usage(f"There is no node '{text}': name one by its address, or by its id or the beginning of it.")


def ambiguous(text: str) -> Usage:
    return Usage(f"'{text}' may be several nodes: name one by its whole id.")


def pick_master(view: ClusterView, text: str) -> NodeView:
    node = pick(view, text)
    if not node.is_master:
        raise Refused(f"{node.address} is a replica, of {view.name(node.me.master)}: only masters have slots.")
    return node
