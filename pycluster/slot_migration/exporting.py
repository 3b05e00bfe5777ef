"""The source's side of a job: functions on Jobs.

    connecting → (auth) → establish → snapshotting → replicating → (waiting-to-pause) → failover-paused
    → failover-granted → the slots are the target's: success

Until the grant the source can call everything off. From then on it can't know whether the target has taken the slots:
it stays in its pause, even without a connection, until the cluster tells it, or the pause is over.
"""

from pycluster.slot_migration.effects import Connect, Pause, Send, SendSlots, StopStream
from pycluster.slot_migration.job import COMMAND_FAILED, NAME_LENGTH, Job, State
from pycluster.slot_migration.jobs import Jobs
from pycluster.slot_migration.ranges import Ranges, words_of


def begin(jobs: Jobs, ranges: Ranges, target: str, who: str) -> None:
    """An operator wants these slots to go to that node."""
    name = f"{jobs.rng.getrandbits(4 * NAME_LENGTH):0{NAME_LENGTH}x}"
    human = jobs.host.human_name(target)
    job = Job(name, True, ranges, jobs.host.my_id(), target, jobs.now_ms, State.CONNECTING, human)
    jobs.add(job)
    jobs.log(
        "notice",
        f"Slot migration initiated through CLUSTER MIGRATESLOTS command: {job.description} (user request from '{who}')",
    )
    jobs.emit(Connect(job))


def connected(jobs: Jobs, job: Job) -> None:
    jobs.log("notice", f"Slot migration {job.description} connection established.")
    if jobs.settings.credentials:
        jobs.move(job, State.READING_AUTH)
        jobs.emit(Send(job, (b"AUTH", *jobs.settings.credentials)))
    else:
        _establish(jobs, job)


def _establish(jobs: Jobs, job: Job) -> None:
    jobs.move(job, State.READING_ESTABLISH)
    words = (b"CLUSTER", b"SYNCSLOTS", b"ESTABLISH", b"SOURCE", job.source.encode(), b"NAME", job.name.encode())
    jobs.emit(Send(job, (*words, b"SLOTSRANGE", *words_of(job.ranges))))


def answered(jobs: Jobs, job: Job, line: str) -> None:
    """The target's answer to AUTH or ESTABLISH; an error begins with a minus."""
    job.heard_ms = job.acked_ms = jobs.now_ms
    if job.state is State.READING_AUTH:
        if line.startswith("-"):
            jobs.finish(job, State.FAILED, f"Failed to AUTH to target node: {line}")
            return
        jobs.log("notice", f"Successfully authenticated slot migration {job.description}")
        _establish(jobs, job)
    elif job.state is State.READING_ESTABLISH:
        if line.startswith("-"):
            jobs.finish(job, State.FAILED, f"Received error during handshake to target: {line}\r\n")
            return
        jobs.move(job, State.WAITING_TO_SNAPSHOT)
        jobs.say(job, b"ACK")  # which takes the target out of its first state
        jobs.log("notice", f"Beginning snapshot of slot migration {job.description}.")
        jobs.move(job, State.SNAPSHOTTING)
        jobs.emit(SendSlots(job))
    elif line.startswith("-"):
        jobs.log("warning", f"Slot migration {job.description}: the target says '{line[1:]}'")
        jobs.finish(job, State.FAILED, COMMAND_FAILED)


def sent_slots(jobs: Jobs, job: Job) -> None:
    """Everything there was has been sent, and what has changed in it since."""
    if job.state is State.SNAPSHOTTING:
        jobs.say(job, b"SNAPSHOT-EOF")
        _stream(jobs, job)


def _stream(jobs: Jobs, job: Job) -> None:
    jobs.move(job, State.REPLICATING)
    jobs.log("notice", f"Slot migration {job.description} snapshot finished, starting streaming.")


def hear(jobs: Jobs, job: Job, what: bytes) -> bool:
    """The target says something; False: it is nothing that a target says."""
    if what == b"REQUEST-PAUSE":
        if job.state is not State.REPLICATING:
            jobs.spoil(
                job,
                f"Received CLUSTER SYNCSLOTS REQUEST-PAUSE for slot migration {job.description}, but the client was "
                "not streaming incremental updates. Failing migration.",
            )
        elif not _pause(jobs, job):
            jobs.move(job, State.WAITING_TO_PAUSE)
    elif what == b"REQUEST-FAILOVER":
        _grant(jobs, job)
    else:
        return False
    return True


def _pause(jobs: Jobs, job: Job) -> bool:
    """Lets writes wait, if little enough is still to be sent; the target hears where in the stream they stopped."""
    waiting, most = jobs.host.waiting_bytes(job), jobs.settings.most_waiting
    if jobs.pause_prevented or 0 <= most < waiting:
        return False
    jobs.log(
        "notice",
        f"Pausing writes (remaining_repl_size is {waiting}) to allow slot migration {job.description} "
        "to finalize failover.",
    )
    _pause_until(jobs, job, jobs.now_ms + jobs.settings.pause_ms)
    jobs.say(job, b"PAUSED")
    jobs.move(job, State.FAILOVER_PAUSED)
    return True


def _pause_until(jobs: Jobs, job: Job, until_ms: int) -> None:
    job.pause_ends_ms = until_ms
    jobs.emit(Pause(until_ms))


def _grant(jobs: Jobs, job: Job) -> None:
    """The target has everything and wants the slots. If writes have gone on meanwhile, it must not have them."""
    if job.state is not State.FAILOVER_PAUSED:
        jobs.spoil(
            job,
            f"Received CLUSTER SYNCSLOTS REQUEST-FAILOVER for slot migration {job.description}, but the client was not "
            "in the paused state. Failing migration.",
        )
    elif jobs.now_ms > job.pause_ends_ms:
        jobs.log(
            "warning",
            f"Received CLUSTER SYNCSLOTS REQUEST-FAILOVER on slot migration {job.description}, but we are not paused. "
            "Denying failover.",
        )
        jobs.finish(job, State.FAILED, "Unpaused before failover completed")
    else:
        if job.pause_ends_ms < jobs.now_ms + jobs.settings.grace_ms:
            _pause_until(jobs, job, jobs.now_ms + jobs.settings.grace_ms)
        jobs.emit(StopStream(job))
        jobs.say(job, b"FAILOVER-GRANTED")
        jobs.move(job, State.FAILOVER_GRANTED)


def look(jobs: Jobs, job: Job) -> None:
    """Time has passed."""
    is_over = jobs.now_ms > job.pause_ends_ms
    if job.state is State.WAITING_TO_PAUSE:
        _pause(jobs, job)
    elif job.state is State.FAILOVER_PAUSED and is_over:
        jobs.log("warning", f"Slot migration {job.description} timed out during slot failover.")
        jobs.finish(job, State.FAILED, "Timed out before streaming completed")
    elif job.state is State.FAILOVER_GRANTED and is_over:
        # The target died, or is cut off, and may have taken the slots all the same: clients can't wait for ever.
        jobs.log(
            "warning",
            f"Write loss risk! During slot migration {job.description}, new owner did not broadcast ownership before "
            "we unpaused ourselves. Any writes we have recorded since unpausing may be lost!",
        )
        message = "Unpaused before migration completed (migration may have succeeded with lost writes)"
        jobs.finish(job, State.FAILED, message)


def look_at_owners(jobs: Jobs, job: Job) -> None:
    """Are the slots still ours, or all the target's?"""
    owners = {jobs.host.owner_of(slot) for slot in job.slots}
    if owners == {job.target}:
        jobs.log("notice", f"Slot migration {job.description} slots are now owned by target node.")
        jobs.finish(job, State.SUCCESS)
    elif owners != {job.source} or not jobs.host.is_primary():
        text = f"Slot migration {job.description} contains slots that are no longer all owned by myself"
        jobs.log("warning", text)
        jobs.finish(job, State.FAILED, "Slots are no longer owned by myself")


def lost(jobs: Jobs, job: Job) -> None:
    """The connection to the target is gone."""
    if not job.has_granted:
        message = (
            "Connection lost to target. Check CLUSTER GETSLOTMIGRATIONS on the target node for more information."
        )
        jobs.finish(job, State.FAILED, message)
