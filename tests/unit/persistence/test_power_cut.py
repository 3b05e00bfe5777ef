"""The power is cut at every step of a workload; what a file system may have kept is loaded again.

With `always` nothing that was acknowledged is missing, with `everysec` nothing older than two seconds; whatever the
policy, the files load, and no transaction is there by half.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

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
            if number % 5 == 4:
                assert machine.server.aof.rewrite()
                machine.end_turn()

    def write(self, number: int) -> Iterator[str]:
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
        restore(dict(left), str(tmp_path / str(number)))
        again = Machine(tmp_path / str(number), HastyDisk())
        assert again.start(), (number, again.log.lines)
        assert again.digest in story.states[promised:], (number, promised, [name for name, _ in left])
        again.close()
