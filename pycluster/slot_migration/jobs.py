"""All jobs of a node, and what the rules of both sides do to them: a value, without I/O.

The rules are in exporting.py, importing.py and following.py: functions on `Jobs`, which append effects. Who tells them
what happens, and hands the effects out, is core.py.
"""

from dataclasses import dataclass, field
from random import Random

from pycluster.slot_migration.effects import DropKeys, Effect, HangUp, Log, Record, Send, Show, Unpause
from pycluster.slot_migration.host import Host, Settings
from pycluster.slot_migration.job import ENDED, Job, State


@dataclass(slots=True, eq=False)
class Jobs:
    """The jobs, the newest first, the ended ones among them as a log."""

    host: Host
    rng: Random
    settings: Settings
    all: list[Job] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    now_ms: int = 0
    pause_prevented: bool = False  # DEBUG SLOTMIGRATION, for tests
    hand_over_prevented: bool = False

    def running(self) -> list[Job]:
        """Those that have not ended, and are ours to carry on."""
        return [job for job in self.all if not job.is_ended and not job.is_tracked]

    def tracked(self) -> list[Job]:
        """Those of our primary's that have not ended."""
        return [job for job in self.all if job.is_tracked]

    def slots_leaving(self) -> set[int]:
        """Those of all exports that have not ended."""
        return {slot for job in self.all if job.is_export and not job.is_ended for slot in job.slots}

    def slots_coming(self) -> set[int]:
        """Those of all imports that have not ended."""
        return {slot for job in self.all if not job.is_export and not job.is_ended for slot in job.slots}

    def add(self, job: Job) -> None:
        self.all.insert(0, job)

    # Effects

    def emit(self, *effects: Effect) -> None:
        self.effects += effects

    def log(self, level: str, text: str) -> None:
        self.effects.append(Log(level, text))

    def say(self, job: Job, what: bytes) -> None:
        """Tells the other side a word of the protocol."""
        self.emit(Send(job, (b"CLUSTER", b"SYNCSLOTS", what)))

    # A job's way

    def move(self, job: Job, state: State) -> None:
        """The job is at another point of its way."""
        self.log("notice", f"Slot migration {job.description} state transition: {job.state.value} -> {state.value}")
        job.state = state
        job.updated_ms = self.now_ms

    def spoil(self, job: Job, how: str) -> None:
        """The other side is at another point than we are."""
        self.log("warning", how)
        self.finish(job, State.FAILED, "Unexpected state machine transition")

    def finish(self, job: Job, state: State, message: str = "") -> None:
        """The job ends; if not well, what it has left behind is cleaned away."""
        assert state in ENDED and not job.is_ended
        self.emit(HangUp(job))
        if not job.is_export:
            if state is not State.SUCCESS:
                self._clean_up(job, state)
            self.emit(Show(job.slots), Record(finish_words(job.name, state, message)))
        self.move(job, state)
        job.message = message
        self.log(
            "warning" if state is State.FAILED else "notice",
            f"Slot migration {job.description} finished. State: {state.value}, Message: {message}",
        )
        if job.pause_ends_ms:
            job.pause_ends_ms = 0
            self.unpause_if_over()

    def unpause_if_over(self) -> None:
        """Writes go on once no job needs the pause any more."""
        if not any(job.pause_ends_ms for job in self.all):
            self.emit(Unpause())

    def _clean_up(self, job: Job, state: State) -> None:
        """What has come of the slots goes again, unless they are ours by now. (A replica has what its primary has.)"""
        if not self.host.is_primary():
            return
        self.log("notice", f"Cleaning up slot migration {job.description} after {state.value}")
        myself = self.host.my_id()
        slots = frozenset(slot for slot in job.slots if self.host.owner_of(slot) != myself)
        if slots:
            self.emit(DropKeys(slots))


def finish_words(name: str, state: State, message: str) -> tuple[bytes, ...]:
    """What replicas are told of the end of an import."""
    return (
        b"CLUSTER", b"SYNCSLOTS", b"FINISH", b"STATE", state.value.upper().encode(), b"NAME", name.encode(),
        b"MESSAGE", message.encode(),
    )  # fmt: skip
