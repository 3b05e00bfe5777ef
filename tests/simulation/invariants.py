"""What must hold in a cluster at every moment, whatever the network and the machines do.

Each check looks only at what an event may have changed, so that it can run after every event.
"""

from collections.abc import Callable

from pycluster.cluster.message import Kind, Message
from pycluster.cluster.node import PRIMARY, Node
from tests.simulation.machine import Machine


class Violation(AssertionError):
    pass


class Invariants:
    def __init__(self, describe: Callable[[], str]) -> None:
        self.describe = describe
        self.votes: set[tuple[str, int]] = set()  # (voter, epoch)
        self.elected: dict[int, str] = {}  # epoch: who
        self.is_consensus_kept = True
        self.changed: set[str] = set()  # since they were last looked at
        self.epochs: dict[str, tuple[int, int, int]] = {}  # greatest current, config and vote epoch seen
        self.views: dict[str, dict[str, tuple[int, int]]] = {}  # of each machine: slots and epoch of each node
        self.unclaimed: dict[str, int] = {}  # slots that have an owner who wants them no more
        self.is_ordered = False  # what happens now is an operator's will

    def expect_takeover(self) -> None:
        """A takeover asks nobody. From then on there may be two groups of primaries, each a majority in its own eyes,
        and elections in both of them: that is what its documentation warns of."""
        self.is_consensus_kept = False

    def expect_reset(self, machine: Machine) -> None:
        """RESET HARD, which sets all epochs to 0, is about to come."""
        self.epochs[machine.name] = 0, 0, 0

    def started(self, machine: Machine) -> None:
        _, config, vote = self.epochs.get(machine.name, (0, 0, 0))
        self.epochs[machine.name] = 0, config, vote
        self.views[machine.name] = {}
        self.unclaimed[machine.name] = 0
        self.changes(machine)
        self.look(machine)

    def changes(self, machine: Machine) -> None:
        """Its roles or slots may have changed: whatever matters is saved or served."""
        self.changed.add(machine.name)

    def sends(self, machine: Machine, message: Message) -> None:
        if message.kind is Kind.FAILOVER_AUTH_ACK:
            is_on_disk = f"lastVoteEpoch {message.current_epoch}\n" in machine.synced
            self.require(is_on_disk, machine, "votes before it is on disk")
            vote = machine.name, message.current_epoch
            self.require(vote not in self.votes, machine, f"votes twice in epoch {message.current_epoch}")
            self.votes.add(vote)

    def takes_over(self, machine: Machine) -> None:
        if self.is_consensus_kept:
            epoch = machine.state.myself.config_epoch
            other = self.elected.setdefault(epoch, machine.name)
            self.require(other == machine.name, machine, f"is elected in epoch {epoch} as {other} was")

    def look(self, machine: Machine) -> None:
        state = machine.state
        current, config, vote = self.epochs[machine.name]
        own = state.myself.config_epoch if state.myself.flags & PRIMARY else config  # a replica speaks of its primary's
        if state.current_epoch != current or own != config or state.last_vote_epoch != vote:
            self.require(state.current_epoch >= current, machine, "currentEpoch fell")
            self.require(own >= config, machine, "configEpoch fell")
            self.require(state.last_vote_epoch >= vote, machine, "lastVoteEpoch fell")
            self.epochs[machine.name] = state.current_epoch, own, state.last_vote_epoch
        if machine.name in self.changed:
            self.changed.discard(machine.name)
            self.look_at_view(machine)
        self.unclaimed[machine.name] = state.slots.unclaimed

    def look_at_view(self, machine: Machine) -> None:
        state = machine.state
        assigned = 0
        for node in state.nodes.values():
            self.require(not assigned & node.slots, machine, "sees a slot with two owners")
            assigned |= node.slots
            if node.primary:
                self.look_for_loop(machine, node)
        self.require(assigned == state.slots.assigned, machine, "has lost count of slots")
        self.look_at_open_slots(machine)
        self.look_at_moves(machine)

    def look_at_moves(self, machine: Machine) -> None:
        """A slot that somebody claims goes only to a greater epoch: newer history is never replaced by older. But to
        whom its owner has granted it, it goes at once."""
        before = self.views[machine.name]
        now = {node.id: (node.slots, node.config_epoch) for node in machine.state.nodes.values()}
        self.views[machine.name] = now
        if self.is_ordered:
            return
        myself, unclaimed = machine.state.myself.id, self.unclaimed[machine.name]
        for gainer, (slots, epoch) in now.items():
            gained = slots & ~before.get(gainer, (0, 0))[0] & ~unclaimed & ~machine.data.granted_to(gainer)
            if not gained:
                continue
            for loser, (lost, lost_epoch) in before.items():
                if loser != gainer and lost & gained:
                    is_newer = epoch > lost_epoch or (epoch == lost_epoch and loser == myself)  # who steps back
                    self.require(is_newer, machine, f"gives slots to the smaller epoch {epoch}")

    def look_at_open_slots(self, machine: Machine) -> None:
        """Nobody takes in what is his own, and no slot goes both ways. What is promised is promised to replicas."""
        slots, myself = machine.state.slots, machine.state.myself
        for slot in slots.importing:
            self.require(slots.owner[slot] is not myself, machine, f"imports slot {slot}, which it owns")
        if myself.is_primary:
            self.require(not slots.promised, machine, "leads, and waits for slots of its primary")

    def look_for_loop(self, machine: Machine, node: Node) -> None:
        seen = [node]
        while (primary := seen[-1].primary) is not None:
            self.require(primary not in seen, machine, "sees replicas in a loop")
            seen.append(primary)

    def require(self, holds: bool, machine: Machine, what: str) -> None:
        if not holds:
            raise Violation(f"{machine.name} {what}\n{self.describe()}")
