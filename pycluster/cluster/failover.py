"""How a replica takes the place of its failed primary: it is elected by the other primaries.

A replica whose primary is in FAIL waits a moment, so that all have heard of it, and longer if other replicas have
more of the data. Then it takes a new epoch and asks for votes. A primary gives one vote per epoch, and remembers on
disk that it did. With the votes of a majority the replica owns its primary's slots, under that epoch.
"""

from pycluster.cluster import availability, epochs, manual_failover, outgoing, roles
from pycluster.cluster.effects import TakeOver
from pycluster.cluster.message import FORCE_ACK, Kind, Message
from pycluster.cluster.node import FAIL, NOFAILOVER, Node
from pycluster.cluster.slot_map import first_slot, slots_in, slots_on_wire
from pycluster.cluster.state import ClusterState, Election

ELECTION_DELAY_MS = 500  # lets FAIL get around before votes are asked for …
ELECTION_JITTER_MS = 500  # … and two replicas not ask at once
RANK_DELAY_MS = 1000
ELECTION_TIMEOUT_MIN_MS = 2000
VOTE_PAUSE_TIMEOUTS = 2  # how long a voter keeps to one replica per failed primary, in node timeouts

EXCUSE_AGAIN_MS = 10_000
EXCUSE_AFTER_MS = 5000  # beyond the node timeout: a failover that goes well needs no excuses

TOO_OLD = (
    "Disconnected from master for longer than allowed. "
    "Please check the 'cluster-replica-validity-factor' configuration option."
)
DELAYED = "Waiting the delay before I can start a new failover."
EXPIRED = "Failover attempt expired."
WAITING_FOR_VOTES = "Waiting for votes, but majority still not reached."

# The candidate


def advance(state: ClusterState) -> None:
    """The next step towards my election, if there is a reason for one and it is time."""
    state.todo.failover = False
    election, now_ms = state.election, state.now_ms
    timeout_ms = max(2 * state.settings.node_timeout_ms, ELECTION_TIMEOUT_MIN_MS)
    age_ms = now_ms - election.begins_ms

    if not has_reason(state):
        state.excuse = ""
        return
    if not is_manual(state) and is_data_too_old(state):
        excuse(state, TOO_OLD)
        return
    if age_ms > 2 * timeout_ms:
        schedule(state)
        return
    if not election.asked and not state.manual_failover.is_under_way:
        wait_longer_if_outranked(state)
    if now_ms < election.begins_ms:
        excuse(state, DELAYED)
        return
    if age_ms > timeout_ms:
        excuse(state, EXPIRED)
        return
    if not election.asked:
        ask_for_votes(state)
        return
    assert state.myself.primary  # it is the reason
    if state.myself.primary.config_epoch >= election.epoch:
        # It has moved on since I asked, and is perhaps alive: with these votes I would claim its slots in vain.
        state.election = Election()
        return
    if len(election.votes) >= state.quorum:
        win(state)
    else:
        excuse(state, WAITING_FOR_VOTES)


def is_manual(state: ClusterState) -> bool:
    return state.manual_failover.is_under_way and state.manual_failover.may_start


def has_reason(state: ClusterState) -> bool:
    primary = state.myself.primary
    if state.myself.is_primary or primary is None:
        return False
    if not (primary.slot_count or state.slots.importing or state.slots.promised):
        return False  # (a new primary without slots may have keys of its first one already: Redis would wait for it)
    return is_manual(state) or (primary.is_fail and not state.settings.replica_no_failover)


def is_data_too_old(state: ClusterState) -> bool:
    settings = state.settings
    age_ms = state.host.data_age_ms()
    if age_ms > settings.node_timeout_ms:
        age_ms -= settings.node_timeout_ms  # it takes that long to notice that the primary failed
    factor = settings.replica_validity_factor
    limit_ms = settings.repl_ping_replica_period_s * 1000 + settings.node_timeout_ms * factor
    return factor != 0 and age_ms > limit_ms


def schedule(state: ClusterState) -> None:
    now_ms, offset = state.now_ms, state.host.replication_offset()
    if state.manual_failover.is_under_way:
        state.election = election = Election(begins_ms=now_ms)
        state.todo.failover = True
    else:
        delay_ms = ELECTION_DELAY_MS + state.rng.randrange(ELECTION_JITTER_MS)
        own_rank = rank(state)
        state.election = election = Election(begins_ms=now_ms + delay_ms + own_rank * RANK_DELAY_MS, rank=own_rank)
    state.log(
        "notice",
        f"Start of election delayed for {election.begins_ms - now_ms} milliseconds "
        f"(rank #{election.rank}, offset {offset}).",
    )
    outgoing.pong_to_sisters(state)


def rank(state: ClusterState) -> int:
    """How many replicas of my primary have more of its data, and would be the better choice."""
    myself, offset = state.myself, state.host.replication_offset()
    assert myself.primary
    return sum(
        1
        for sister in state.replicas_of(myself.primary)
        if sister is not myself and not sister.flags & (NOFAILOVER | FAIL) and sister.offset > offset
    )


def wait_longer_if_outranked(state: ClusterState) -> None:
    """Sisters' offsets arrive while I wait. My rank only ever gets worse: else two might ask at the same time."""
    election, new_rank = state.election, rank(state)
    if new_rank > election.rank:
        delay_ms = (new_rank - election.rank) * RANK_DELAY_MS
        election.begins_ms += delay_ms
        election.rank = new_rank
        state.log("notice", f"Replica rank updated to #{new_rank}, added {delay_ms} milliseconds of delay.")


def ask_for_votes(state: ClusterState) -> None:
    state.current_epoch += 1
    state.election.epoch = state.current_epoch
    state.election.asked = True
    state.log("notice", f"Starting a failover election for epoch {state.current_epoch}.")
    force = FORCE_ACK if state.manual_failover.is_under_way else 0
    outgoing.broadcast(state, outgoing.message(state, Kind.FAILOVER_AUTH_REQUEST, mflags=force))
    state.save_and_judge(fsync=True)


def count_vote(state: ClusterState, voter: Node, message: Message) -> None:
    """Votes carry no name, so one that was given in an earlier election is known by its epoch."""
    election = state.election
    if voter.is_primary and voter.slot_count and election.asked and message.current_epoch >= election.epoch:
        election.votes[voter] = None
        state.todo.failover = True


def give_up_if_lost(state: ClusterState, winner: Node, message: Message) -> None:
    """Another shard's replica was elected in the epoch that I ask for: then I can't be. To wait until the attempt
    expires is what makes recovery slow when several primaries fail at once (redis#9797)."""
    if state.election.asked and message.config_epoch == state.election.epoch and not message.replica_of:
        state.election = Election()
        state.todo.failover = True


def win(state: ClusterState) -> None:
    myself, epoch = state.myself, state.election.epoch
    state.log("notice", "Failover election won: I'm the new master.")
    if myself.config_epoch < epoch:
        myself.config_epoch = epoch
        state.log("notice", f"configEpoch set to {epoch} after successful failover")
    take_over(state)


def take_over_by_force(state: ClusterState) -> None:
    """CLUSTER FAILOVER TAKEOVER: nobody is asked."""
    state.log("notice", "Taking over the master (user request).")
    epochs.bump(state)
    take_over(state)


def take_over(state: ClusterState) -> None:
    """My primary's slots are mine, and everybody hears of it. The caller has seen to a new epoch."""
    myself, old_primary = state.myself, state.myself.primary
    assert myself.is_replica and old_primary
    roles.lead(state, myself)
    state.emit(TakeOver())
    state.slots.rebind(old_primary.slots, myself)
    take_what_was_promised(state)
    state.election = Election()
    availability.judge(state)
    state.save(fsync=True)
    outgoing.pong_to_all(state)
    manual_failover.reset(state)


def take_what_was_promised(state: ClusterState) -> None:
    """My primary was told to end an import (SETSLOT NODE), as I know from it; whether it came to that, I don't. The
    keys are here, so the slot must be: with the epoch that I was elected in everybody believes it."""
    slots, promised = state.slots, state.slots.promised
    for slot in slots_in(promised):
        state.log("notice", f"Slot {slot} was about to become my old master's: it is mine now")
    slots.rebind(promised, state.myself)


def excuse(state: ClusterState, reason: str) -> None:
    """Logs why there is no failover: when the reason changes and every few seconds, but only if it takes unusually
    long. (The text is remembered also when it is not logged, as in Redis.)"""
    now_ms, primary = state.now_ms, state.myself.primary
    if reason == state.excuse and now_ms - state.excuse_logged_ms < EXCUSE_AGAIN_MS:
        return
    state.excuse = reason
    patience_ms = state.settings.node_timeout_ms + EXCUSE_AFTER_MS
    if primary and primary.is_fail and now_ms - primary.failed_ms < patience_ms:
        return
    state.excuse_logged_ms = now_ms
    state.log("notice", f"Currently unable to failover: {reason}")
    if reason in (WAITING_FOR_VOTES, EXPIRED):
        votes = len(state.election.votes)
        state.log("notice", f"Needed quorum: {state.quorum}. Number of votes received so far: {votes}")


# The voter


def vote(state: ClusterState, candidate: Node, request: Message) -> None:
    if state.myself.is_replica or not state.myself.slot_count:
        return
    if reason := objection(state, candidate, request):
        state.log("warning", f"Failover auth denied to {reason}")
        tell_epoch(state, candidate, request)
        return
    assert candidate.primary
    state.last_vote_epoch = state.current_epoch
    candidate.primary.voted_ms = state.now_ms
    state.save(fsync=True)
    outgoing.send(state, candidate.link, outgoing.message(state, Kind.FAILOVER_AUTH_ACK))
    state.log("notice", f"Failover auth granted to {candidate.label} for epoch {state.current_epoch}")


def tell_epoch(state: ClusterState, candidate: Node, request: Message) -> None:
    """A candidate that missed its primary's last change of epoch would be denied for ever: nobody else tells it, as the
    slots are the same (valkey#2169)."""
    claimed = slots_on_wire(request.slots)
    if owner := roles.newer_owner(state, candidate, request.config_epoch, claimed):
        outgoing.update(state, candidate.link, owner)


def objection(state: ClusterState, candidate: Node, request: Message) -> str:
    """Why the candidate does not get my vote, as the log says it; "" if it does."""
    name, primary = candidate.label, candidate.primary
    if request.current_epoch < state.current_epoch:
        return f"{name}: reqEpoch ({request.current_epoch}) < curEpoch({state.current_epoch})"
    if state.last_vote_epoch == state.current_epoch:
        return f"{name}: already voted for epoch {state.current_epoch}"
    if candidate.is_primary:
        return f"{name}: it is a master node"
    if primary is None:
        return f"{name}: I don't know its master"
    if not primary.is_fail and not request.mflags & FORCE_ACK:
        return f"{name}: its master is up"
    pause_ms = VOTE_PAUSE_TIMEOUTS * state.settings.node_timeout_ms
    since_ms = state.now_ms - primary.voted_ms
    if since_ms < pause_ms:  # one candidate at a time has better chances
        name = f"{candidate.id} {candidate.human_nodename}"  # without brackets, in this text alone
        return f"{name}: can't vote about this master before {pause_ms - since_ms} milliseconds"
    claimed = slots_on_wire(request.slots)
    if owner := roles.newer_owner(state, candidate, request.config_epoch, claimed):
        slot = first_slot(owner.slots & claimed & ~state.slots.unclaimed)
        return f"{name}: slot {slot} epoch ({owner.config_epoch}) > reqEpoch ({request.config_epoch})"
    return ""
