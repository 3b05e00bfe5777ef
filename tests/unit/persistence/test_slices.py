"""Work in slices: interrupted for others, given up, ended as a child ends."""

import asyncio
from typing import Any

import pytest

from pycluster.files.child import UNWANTED, Ended
from pycluster.files.writer import Steps
from pycluster.persistence.slices import Slices


class Loop:
    """An event loop whose turns the test makes; later never comes."""

    def __init__(self) -> None:
        self.due: list[asyncio.Handle] = []

    def call_soon(self, callback: Any, *args: Any) -> asyncio.Handle:
        self.due.append(asyncio.Handle(callback, args, self))  # type: ignore[arg-type]
        return self.due[-1]

    def call_later(self, seconds: float, callback: Any, *args: Any) -> asyncio.Handle:
        return asyncio.Handle(callback, args, self)  # type: ignore[arg-type]

    def get_debug(self) -> bool:
        return False


@pytest.fixture
def loop() -> Any:
    return Loop()


class Work:
    """Counts its steps, and knows whether it was given up."""

    def __init__(self, loop: Any, steps: int, result: object = True, slice_s: float = 0) -> None:
        self.done = 0
        self.given_up = False
        self.ended: list[Ended] = []
        self.said: list[str] = []
        self.loop = loop
        self.slices = Slices(loop, self._steps(steps, result), self.ended.append, self.said.append, slice_s)

    def _steps(self, count: int, result: object) -> Steps[object]:
        try:
            for _ in range(count):
                self.done += 1
                yield
        except GeneratorExit:
            self.given_up = True
            raise
        if isinstance(result, Exception):
            raise result
        return result

    def turn(self) -> None:
        due, self.loop.due = self.loop.due, []
        for handle in due:
            if not handle.cancelled():
                handle._run()


def test_between_two_slices_others_are_served(loop: Any) -> None:
    work = Work(loop, 3)
    for turn in range(3):
        work.turn()
        assert (work.done, work.ended) == (turn + 1, [])
    work.turn()
    assert work.ended == [Ended(0, 0)]


def test_a_slice_takes_as_many_steps_as_its_time_allows(loop: Any) -> None:
    work = Work(loop, 1000, slice_s=1e9)
    work.turn()
    assert work.done == 1000 and work.ended == [Ended(0, 0)]


def test_work_that_has_failed_ends_with_a_status(loop: Any) -> None:
    failed, broken = Work(loop, 0, result=False), Work(loop, 0, result=KeyError("nobody foresaw it"))
    failed.turn()
    assert failed.ended == broken.ended == [Ended(1, 0)]
    assert "nobody foresaw it" in broken.said[0]


def test_work_that_is_given_up_ends_as_by_a_signal(loop: Any) -> None:
    work = Work(loop, 3)
    work.turn()
    work.slices.kill()
    assert work.given_up and work.ended == []
    work.turn()
    assert work.ended == [Ended(0, UNWANTED)] and work.done == 1


def test_nobody_is_told_of_work_that_is_abandoned(loop: Any) -> None:
    work = Work(loop, 3)
    work.slices.abandon()
    work.turn()
    assert work.ended == [] and work.done == 0


def test_work_rests_when_it_is_told_to(loop: Any) -> None:
    work = Work(loop, 2, slice_s=1e9)
    work.slices.rest(1000)
    for _ in range(3):
        work.turn()
    assert work.done == 1 and not work.ended
