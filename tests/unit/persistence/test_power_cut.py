"""The power is cut at every step of a workload; what a file system may have kept is loaded again.

With `always` nothing that was acknowledged is missing, with `everysec` nothing older than two seconds; whatever the
policy, the files load, and no transaction is there by half.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pycluster.protocol.replies import encode_request
from tests.unit.files.forgetful import ForgetfulDisk, HastyDisk, Optimist, Pessimist, restore
from tests.unit.persistence.machine import Machine

WAYS = 2  # random ones, beside the best and the worst, that each cut may go

Left = tuple[tuple[str, bytes], ...]  # what is on the disk: path and content of each file


class Story:
    """A workload on a forgetful disk, with a cut before each step."""

    def __init__(self, directory: Path, **directives: object) -> None:
        self.disk = ForgetfulDisk(str(directory), self.note_cut)
        self.machine = Machine(directory, self.disk, **directives)
        self.policy = directives.get("appendfsync")
        self.left: dict[Left, int] = {}  # after some cut, and how many turns it must have
        self.times: list[float] = []  # when the reply to each turn left
        self.states: list[str] = []
        self.orders: dict[int, str] = {}  # what an administrator says in some turn
        self.rng = Random(7)

    def note_cut(self) -> None:
        if not self.states:
            return  # before its first start is over a server has promised nothing
        ways = [Pessimist(), Optimist(), *(Random(self.rng.random()) for _ in range(WAYS))]
        for way in ways:
            left = tuple(sorted(self.disk.survivors(way).items()))
            self.left[left] = self.promised()  # which only ever grows

    def promised(self) -> int:
        match self.policy:
            case "always":
                return len(self.times)
            case "everysec":
                return sum(time <= self.machine.now_s - 2 for time in self.times)
        return 0

    def run(self, turns: int) -> None:
        machine = self.machine
        assert machine.start()
        self.states.append(machine.digest)
        for number in range(turns):
            commands = list(self.write(number))
            self.states.append("")  # of this turn: known when it has run, perhaps on the disk before that is
            machine.server.begin_batch()
            for command in commands:
                machine.server.execute(machine.client, command.encode().split())
            self.states[-1] = machine.digest
            machine.end_turn()
            self.times.append(machine.now_s)
            if number % 3 != 2:  # a sync may take a while
                machine.thread.run()
            machine.pass_time(0.4)
            if number % 5 == 4 and not machine.server.forks.is_busy:
                assert machine.server.aof.rewrite()
                machine.end_turn()

    def write(self, number: int) -> Iterator[str]:
        if number in self.orders:
            yield self.orders[number]
        match self.rng.randrange(4):
            case 0:
                yield from ("MULTI", f"SET left {number}", f"SET right {number}", "INCR transactions", "EXEC")
            case 1:
                yield f"RPUSH list {number}"
            case 2:
                yield f"INCRBY count {number}"
            case 3:
                yield f"SET key:{number} {'x' * number}"


@pytest.mark.parametrize("preamble", [True, False], ids=["snapshot", "commands"])
@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_after_a_power_cut_at_any_step_nothing_promised_is_missing(tmp_path: Path, policy: str, preamble: bool) -> None:
    story = Story(tmp_path / "first", appendfsync=policy, aof_use_rdb_preamble=preamble)
    story.run(turns=10)
    story.machine.close()
    assert len(story.left) > 50
    for number, (left, promised) in enumerate(story.left.items()):
        assert digest_after(left, tmp_path / str(number)) in story.states[promised:], (number, promised, left)


def digest_after(left: Left, directory: Path) -> str:
    """What a server has that starts with what a power cut has left."""
    restore(dict(left), str(directory))
    again = Machine(directory, HastyDisk())
    try:
        assert again.start(), (again.log.lines, left)
        return again.digest
    finally:
        again.close()


def test_a_power_cut_while_it_is_switched_off_and_on_leaves_files_that_load(tmp_path: Path) -> None:
    story = Story(tmp_path / "first", appendfsync="always")
    story.policy = "no"  # while it is off nothing is promised
    story.orders = {2: "CONFIG SET appendonly no", 4: "CONFIG SET appendonly yes", 7: "CONFIG SET appendonly no"}
    story.run(turns=9)
    story.machine.close()
    for number, left in enumerate(story.left):
        assert digest_after(left, tmp_path / str(number)) in story.states


def test_a_power_cut_during_the_upgrade_of_an_old_file_loses_nothing_of_it(tmp_path: Path) -> None:
    root = tmp_path / "first"
    root.mkdir()
    disk = ForgetfulDisk(str(root))
    fd = disk.create(str(root / "appendonly.aof"))
    disk.write(fd, encode_request([b"SET", b"k", b"v"]))
    disk.sync(fd)
    disk.sync_directory(str(root))
    disk.close(fd)
    found: dict[Left, None] = {}
    ways = [Pessimist(), Optimist(), *map(Random, range(5))]
    disk.before_step = lambda: found.update((tuple(sorted(disk.survivors(way).items())), None) for way in ways)
    upgraded = Machine(root, disk)
    assert upgraded.start()
    upgraded.close()
    assert len(found) > 10
    for number, left in enumerate(found):
        assert digest_after(left, tmp_path / str(number)) == upgraded.digest
