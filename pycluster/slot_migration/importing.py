"""The target's side of a job: functions on Jobs.

    waiting-for-ack → receiving-snapshot → waiting-for-paused → failover-requested → failover-granted → success

Whatever goes wrong on this way, the keys that have come are dropped, and nobody has seen them.
"""

from collections.abc import Sequence

from pycluster.protocol import errors
from pycluster.slot_migration.effects import Hide, Record, TakeSlots
from pycluster.slot_migration.job import NAME_LENGTH, Job, State
from pycluster.slot_migration.jobs import Jobs
from pycluster.slot_migration.ranges import Ranges, read_ranges, slots_of


def establish(jobs: Jobs, words: Sequence[bytes]) -> Job:
    """A source says `SOURCE id NAME name SLOTSRANGE first last …`, in any order. Raises why this cannot be."""
    host = jobs.host
    if not host.is_primary():
        raise errors.MigrationAtReplica
    if any(host.is_moving_slots_by_hand()):
        raise errors.TargetMovesSlotsByHand
    source = name = owner = ""
    ranges: Ranges = ()
    at = 0
    while at < len(words):
        match words[at].upper():
            case b"SOURCE" if not source and at + 1 < len(words) and len(words[at + 1]) == NAME_LENGTH:
                source = errors.text_of(words[at + 1])
                if not host.knows(source):
                    raise errors.SourceUnknownToTarget
                if source == host.my_id():
                    raise errors.SourceIsTarget
                at += 2
            case b"NAME" if not name and at + 1 < len(words) and len(words[at + 1]) == NAME_LENGTH:
                name = errors.text_of(words[at + 1])
                at += 2
            case b"SLOTSRANGE" if not ranges:
                ranges, owner, at = read_ranges(words, at + 1, host.owner_of)
                if not jobs.slots_coming().isdisjoint(slots_of(ranges)):
                    raise errors.SlotComesAlready
            case _:
                raise errors.BadSyntax
    if not source or not name or not ranges:
        raise errors.BadSyntax
    if owner != source:
        raise errors.TargetDisagreesAboutOwner
    for slot in slots_of(ranges):
        if host.has_keys(slot):  # left by a move that broke off: what comes would be mixed with them
            raise errors.slot_has_keys(slot)
    job = Job(name, False, ranges, source, host.my_id(), jobs.now_ms, State.WAITING_FOR_ACK, host.human_name(source))
    jobs.add(job)
    jobs.log("notice", f"New slot import job created: {job.description}.")
    jobs.emit(Hide(job.slots), Record((b"CLUSTER", b"SYNCSLOTS", b"ESTABLISH", *words)))
    return job


def hear(jobs: Jobs, job: Job, what: bytes) -> bool:
    """The source says something; False: it is nothing that a source says."""
    if what == b"SNAPSHOT-EOF":
        _snapshot_ends(jobs, job)
    elif what == b"PAUSED":
        _source_pauses(jobs, job)
    elif what == b"FAILOVER-GRANTED":
        _source_grants(jobs, job)
    else:
        return False
    return True


def _snapshot_ends(jobs: Jobs, job: Job) -> None:
    if job.state is not State.RECEIVING_SNAPSHOT:
        jobs.spoil(
            job,
            f"Received CLUSTER SYNCSLOTS SNAPSHOT-EOF from slot migration {job.description}, but not currently loading "
            "an AOF snapshot. Failing migration.",
        )
        return
    jobs.log(
        "notice",
        f"Slot migration {job.description} successfully received slot snapshot. Beginning incremental stream...",
    )
    jobs.say(job, b"REQUEST-PAUSE")
    jobs.move(job, State.WAITING_FOR_PAUSED)


def _source_pauses(jobs: Jobs, job: Job) -> None:
    """Behind this there is no change: we have all there is."""
    if job.state is not State.WAITING_FOR_PAUSED:
        jobs.spoil(
            job,
            f"Received unexpected CLUSTER SYNCSLOTS PAUSED from slot migration {job.description}, . Failing migration.",
        )
        return
    jobs.say(job, b"REQUEST-FAILOVER")
    jobs.move(job, State.FAILOVER_REQUESTED)


def _source_grants(jobs: Jobs, job: Job) -> None:
    if job.state is not State.FAILOVER_REQUESTED:
        jobs.spoil(
            job,
            f"Received CLUSTER SYNCSLOTS FAILOVER-GRANTED from slot migration {job.description}, but we never sent a "
            "failover request. Failing migration.",
        )
        return
    jobs.move(job, State.FAILOVER_GRANTED)
    look(jobs, job)


def look(jobs: Jobs, job: Job) -> None:
    """Time has passed, or the slots may be taken."""
    if job.state is State.FAILOVER_GRANTED and not jobs.hand_over_prevented:
        jobs.emit(TakeSlots(job.slots))
        jobs.log(
            "notice",
            f"Slot migration {job.description} completed successfully. This node is now the owner of the slots",
        )
        jobs.finish(job, State.SUCCESS)


def look_at_owners(jobs: Jobs, job: Job) -> None:
    """Is it still for us to take the slots, and for the source to give them?"""
    host = jobs.host
    if not host.is_primary():
        jobs.finish(job, State.FAILED, "I was demoted to a replica")
        return
    owners = {host.owner_of(slot) for slot in job.slots}
    if owners == {host.my_id()}:
        jobs.finish(job, State.FAILED, "Slots were unexpectedly assigned to myself during import")
    elif owners != {job.source}:
        jobs.finish(job, State.FAILED, "Slots are no longer owned by source node")


def lost(jobs: Jobs, job: Job) -> None:
    """The connection to the source is gone. What it had granted is void: it may let writes go on by now."""
    message = "Connection lost to source. Check CLUSTER GETSLOTMIGRATIONS on the source node for more information."
    jobs.finish(job, State.FAILED, message)
