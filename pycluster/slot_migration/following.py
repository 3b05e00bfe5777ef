"""The imports of somebody else: a replica of the target looks on, and hides what its primary hides.

The stream tells it when one begins (ESTABLISH) and how it ends (FINISH); so does the append-only file tell a target
that starts again, and the head of a dataset whoever loads it. If it becomes the primary itself, or the file ends before
the import does, nobody will carry on: the import has failed.
"""

from collections.abc import Iterable, Sequence

from pycluster.keyspace.slots import SLOTS
from pycluster.protocol import errors
from pycluster.slot_migration.effects import Hide, Show
from pycluster.slot_migration.job import Job, State
from pycluster.slot_migration.jobs import Jobs
from pycluster.slot_migration.ranges import Ranges, read_plain_ranges, text_of

_ENDS = {state.value.upper().encode(): state for state in (State.SUCCESS, State.FAILED, State.CANCELLED)}


def told(jobs: Jobs, words: Sequence[bytes]) -> None:
    """What our primary, or a file, says behind `CLUSTER SYNCSLOTS`. What is only between source and target is not for
    us: a Valkey primary passes all of it on."""
    match words[0].upper():
        case b"ESTABLISH":
            _begun(jobs, words[1:])
        case b"FINISH":
            _ended(jobs, words[1:])


def as_text(imports: Iterable[Job]) -> str:
    """Imports that are under way, as the head of a file holds them (`read_text`): `name 0-99 200-200;name …`."""
    return ";".join(f"{job.name} {text_of(job.ranges)}" for job in imports)


def read_text(text: str) -> list[tuple[str, Ranges]]:
    """What `as_text` has written; raises ValueError where it has not."""
    imports = []
    for part in filter(None, text.split(";")):
        name, *ranges = part.split(" ")
        pairs = [tuple(map(int, pair.split("-"))) for pair in ranges]
        if not all(0 <= first <= last < SLOTS for first, last in pairs):
            raise ValueError(part)
        imports.append((name, tuple((first, last) for first, last in pairs)))
    return imports


def _begun(jobs: Jobs, words: Sequence[bytes]) -> None:
    name, ranges, at = "", (), 0  # type: tuple[str, Ranges, int]
    while at < len(words):
        if words[at].upper() == b"SLOTSRANGE":
            ranges, at = read_plain_ranges(words, at + 1)
            continue
        if words[at].upper() == b"NAME" and at + 1 < len(words):
            name = errors.text_of(words[at + 1])
        at += 2
    if not name or not ranges:
        raise errors.BadSyntax
    _track(jobs, name, ranges)


def _track(jobs: Jobs, name: str, ranges: Ranges) -> None:
    if any(job.name == name for job in jobs.tracked()):
        return
    job = Job(name, False, ranges, "", "", jobs.now_ms, State.TRACKED)
    jobs.add(job)
    jobs.log("notice", f"New slot import job created: {job.description}.")
    jobs.emit(Hide(job.slots))


def _ended(jobs: Jobs, words: Sequence[bytes]) -> None:
    said = {words[at].upper(): words[at + 1] for at in range(0, len(words) - 1, 2)}
    state = _ENDS.get(said.get(b"STATE", b"").upper())
    name = errors.text_of(said.get(b"NAME", b""))
    if state is None or not name:
        raise errors.BadSyntax
    job = next((job for job in jobs.all if job.name == name), None)
    if job is None:
        # Our dataset was made when the import had ended, but the keys that went with it were not all told to be gone.
        jobs.log("notice", f"Slot migration {name} had ended before our dataset was made. State: {state.value}")
    elif job.is_tracked:  # else it was our own, until somebody took our place
        _conclude(jobs, job, state, errors.text_of(said.get(b"MESSAGE", b"")))


def _conclude(jobs: Jobs, job: Job, state: State, message: str) -> None:
    """It is over; the keys that were not to stay are deleted by our primary, who tells us so by itself."""
    jobs.emit(Show(job.slots))
    jobs.move(job, state)
    job.message = message
    jobs.log(
        "warning" if state is State.FAILED else "notice",
        f"Slot migration {job.description} finished. State: {state.value}, Message: {message}",
    )


def adopt(jobs: Jobs, imports: Iterable[tuple[str, Ranges]]) -> None:
    """A dataset has been loaded in the place of ours, with these imports under way in it."""
    jobs.log("notice", "Cleaning slot migration log in anticipation of a load operation.")
    for job in jobs.tracked():
        jobs.emit(Show(job.slots))
    jobs.all = jobs.running()
    for name, ranges in imports:
        _track(jobs, name, ranges)


def end_all(jobs: Jobs, message: str) -> None:
    """Nobody carries on what we tracked: what has come of it goes, unless the slots are ours by now."""
    for job in jobs.tracked():
        is_ours = all(jobs.host.owner_of(slot) == jobs.host.my_id() for slot in job.slots)
        jobs.finish(job, State.SUCCESS if is_ours else State.FAILED, "" if is_ours else message)
