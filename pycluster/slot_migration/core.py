"""The migrations of slots of one node: it is told what happens and answers with effects, without I/O.

At the source a job is an export (exporting.py), at the target an import (importing.py), and a replica of the target
looks on (following.py).

The rule that holds all together: the source owns the slots until the target has claimed them under a new epoch. It
lets no write happen between the last change that it has sent and the news of that claim; whatever goes wrong before,
the target forgets what it has got, and nothing has happened.
"""

from collections.abc import Iterable, Sequence
from random import Random

from pycluster.protocol import errors
from pycluster.slot_migration import exporting, following, importing
from pycluster.slot_migration.effects import Effect
from pycluster.slot_migration.host import Host, Settings
from pycluster.slot_migration.job import NAME_LENGTH, SILENT, Job, State
from pycluster.slot_migration.jobs import Jobs
from pycluster.slot_migration.ranges import Ranges, read_ranges, slots_of

ACK_EVERY_MS = 1000


class Migrations:
    """What happens, in verbs. Orders of an operator may raise a ReplyError."""

    __slots__ = ("jobs",)

    def __init__(self, host: Host, rng: Random, settings: Settings) -> None:
        self.jobs = Jobs(host, rng, settings)

    # Questions

    @property
    def is_busy(self) -> bool:
        """Is there a job that has not ended?"""
        return any(not job.is_ended for job in self.jobs.all)

    def imports(self) -> list[Job]:
        """The jobs by which slots come, that have not ended: what a file must tell of them."""
        return [job for job in self.jobs.all if not job.is_export and not job.is_ended]

    def granted_to(self, node_id: str) -> set[int]:
        """The slots that this node has been told it may take, and has not claimed yet."""
        return {
            slot for job in self.jobs.running() if job.has_granted and job.target == node_id for slot in job.slots
        }

    def refuse_moving_by_hand(self) -> None:
        """SETSLOT and migrations as a whole do not go together: raises the error for the one who wants the former."""
        running = self.jobs.running()
        if any(not job.is_export for job in running):
            raise errors.SlotImportUnderway
        if running:
            raise errors.SlotExportUnderway

    # Orders

    def migrate(self, words: Sequence[bytes], who: str, now_ms: int) -> list[Effect]:
        """`SLOTSRANGE first last … NODE id`, once or several times: each is a job of its own."""
        jobs = self._at(now_ms)
        for ranges, target in self._read_orders(words):
            exporting.begin(jobs, ranges, target, who)
        return self._settle()

    def _read_orders(self, words: Sequence[bytes]) -> list[tuple[Ranges, str]]:
        host = self.jobs.host
        if not host.is_primary():
            raise errors.MigrationAtReplica
        importing_by_hand, migrating_by_hand = host.is_moving_slots_by_hand()
        if importing_by_hand:
            raise errors.SlotsImportedByHand
        if migrating_by_hand:
            raise errors.SlotsMigratedByHand
        orders: list[tuple[Ranges, str]] = []
        at = 0
        while at < len(words):
            if words[at].upper() != b"SLOTSRANGE":
                raise errors.BadSyntax
            ranges, owner, at = read_ranges(words, at + 1, host.owner_of)
            self._check_slots(ranges, owner, [known for known, _ in orders])
            if at + 1 >= len(words) or words[at].upper() != b"NODE":
                raise errors.BadSyntax
            orders.append((ranges, self._check_target(errors.text_of(words[at + 1]))))
            at += 2
        return orders

    def _check_slots(self, ranges: Ranges, owner: str, before: Iterable[Ranges]) -> None:
        if owner != self.jobs.host.my_id():
            raise errors.SlotsNotServedHere
        slots, leaving = slots_of(ranges), self.jobs.slots_leaving()
        for slot in slots:
            if slot in leaving:
                raise errors.already_migrating(slot)
        if not all(set(slots_of(others)).isdisjoint(slots) for others in before):
            raise errors.MigrationsOverlap

    def _check_target(self, node_id: str) -> str:
        if len(node_id) != NAME_LENGTH:
            raise errors.invalid_node_name(node_id)
        if not self.jobs.host.knows(node_id):
            raise errors.unknown_node_name(node_id)
        if node_id == self.jobs.host.my_id():
            raise errors.TargetIsMyself
        return node_id

    def cancel(self, who: str, now_ms: int) -> list[Effect]:
        """All slots that are on their way to others stay here. Those that were granted may be the target's by now, and
        end by themselves. (Valkey cancels them, too.)"""
        jobs = self._at(now_ms)
        exports = [job for job in jobs.running() if job.is_export]
        if not exports:
            raise errors.NoMigrationsUnderway
        for job in exports:
            if not job.has_granted:
                jobs.finish(job, State.CANCELLED)
        jobs.log("notice", f"Canceled all in progress slot migrations (user request from '{who}')")
        return self._settle()

    # The connection to a target

    def connected(self, job: Job, now_ms: int) -> list[Effect]:
        jobs = self._at(now_ms)
        if not job.is_ended:
            exporting.connected(jobs, job)
        return self._settle()

    def connect_failed(self, job: Job, reason: str, now_ms: int) -> list[Effect]:
        return self.failed(job, f"Unable to connect to target node: {reason}", now_ms)

    def answered(self, job: Job, line: str, now_ms: int) -> list[Effect]:
        """The target has answered AUTH or ESTABLISH; an error begins with a minus."""
        jobs = self._at(now_ms)
        if not job.is_ended:
            exporting.answered(jobs, job, line)
        return self._settle()

    def sent_slots(self, job: Job, now_ms: int) -> list[Effect]:
        """All slots of the job have been sent; what is sent from now on are their changes."""
        jobs = self._at(now_ms)
        if not job.is_ended:
            exporting.sent_slots(jobs, job)
        return self._settle()

    # The other side, whichever it is

    def establish(self, words: Sequence[bytes], now_ms: int) -> tuple[Job, list[Effect]]:
        """A source asks us to take slots: the words behind ESTABLISH. Raises why not."""
        job = importing.establish(self._at(now_ms), words)
        return job, self._settle()

    def hear(self, job: Job, what: bytes, now_ms: int) -> list[Effect]:
        """The other side has said `CLUSTER SYNCSLOTS what`."""
        jobs, what = self._at(now_ms), what.upper()
        if job.is_ended:
            return []
        job.heard_ms = now_ms
        if what == b"ACK":
            job.acked_ms = now_ms
            if job.state is State.WAITING_FOR_ACK:
                jobs.move(job, State.RECEIVING_SNAPSHOT)
        elif not (exporting if job.is_export else importing).hear(jobs, job, what):
            jobs.log(
                "warning",
                f"Received unknown SYNCSLOTS subcommand from slot migration {job.description}. Failing the migration.",
            )
            jobs.finish(job, State.FAILED, "Unknown SYNCSLOTS subcommand used")
        return self._settle()

    def lost(self, job: Job, now_ms: int) -> list[Effect]:
        """The connection of the job is gone."""
        jobs = self._at(now_ms)
        if not job.is_ended:
            jobs.log("notice", f"Slot migration {job.description} connection lost")
            (exporting if job.is_export else importing).lost(jobs, job)
        return self._settle()

    def failed(self, job: Job, message: str, now_ms: int) -> list[Effect]:
        """The job cannot go on, for a reason that only the server sees."""
        jobs = self._at(now_ms)
        if not job.is_ended:
            jobs.finish(job, State.FAILED, message)
        return self._settle()

    # What our primary says, and files

    def told(self, words: Sequence[bytes], now_ms: int) -> list[Effect]:
        """Our primary, or a file, says that an import has begun or ended: the words behind `CLUSTER SYNCSLOTS`."""
        following.told(self._at(now_ms), words)
        return self._settle()

    def adopt(self, imports: Iterable[tuple[str, Ranges]], now_ms: int) -> list[Effect]:
        """A dataset has come in the place of ours, with these imports under way in it."""
        following.adopt(self._at(now_ms), imports)
        return self._settle()

    def end_tracked(self, message: str, now_ms: int) -> list[Effect]:
        """We are the primary, and nobody carries on the imports that the last one had begun."""
        following.end_all(self._at(now_ms), message)
        return self._settle()

    # The world around

    def owners_changed(self, now_ms: int) -> list[Effect]:
        """Slots have other owners, or this node has another role."""
        jobs = self._at(now_ms)
        for job in jobs.running():
            (exporting if job.is_export else importing).look_at_owners(jobs, job)
        return self._settle()

    def flushed(self, now_ms: int) -> list[Effect]:
        """All data of this node are gone, or others have come in their place (DEBUG RELOAD)."""
        jobs = self._at(now_ms)
        for job in jobs.running():
            if not job.has_granted:
                jobs.finish(job, State.FAILED, "Data was flushed")
        return self._settle()

    def tick(self, now_ms: int) -> list[Effect]:
        """Time has passed."""
        jobs = self._at(now_ms)
        for job in jobs.running():
            self._look(job)
        spare = len(jobs.all) - jobs.settings.log_length
        if spare > 0:
            for job in [job for job in reversed(jobs.all) if job.is_ended][:spare]:
                jobs.all.remove(job)
        return self._settle()

    # Inside

    def _look(self, job: Job) -> None:
        jobs = self.jobs
        if not job.has_granted:  # else it waits for the cluster's word, with or without a connection
            last = job.acked_ms if job.is_export else job.heard_ms
            if jobs.now_ms - last > jobs.settings.silence_ms:
                jobs.log(
                    "warning", f"Timing out slot migration {job.description} after not receiving ack for too long"
                )
                jobs.finish(job, State.FAILED, "Timed out after too long with no interaction")
                return
            if job.state not in SILENT and jobs.now_ms - job.sent_ack_ms >= ACK_EVERY_MS:
                job.sent_ack_ms = jobs.now_ms
                jobs.say(job, b"ACK")
        (exporting if job.is_export else importing).look(jobs, job)

    def _at(self, now_ms: int) -> Jobs:
        self.jobs.now_ms = now_ms
        return self.jobs

    def _settle(self) -> list[Effect]:
        effects, self.jobs.effects = self.jobs.effects, []
        return effects
