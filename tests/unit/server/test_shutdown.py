"""The end of a server: in order, after its replicas, and not at all if a duty fails."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pycluster.server.config import Config
from pycluster.server.shutdown import CannotExit, Manner, Shutdown


class Future:
    """As much of asyncio's as is needed."""

    is_set = False

    def set_result(self, result: None) -> None:
        self.is_set = True


class World:
    """A server as Shutdown sees it, with a clock that somebody moves."""

    def __init__(self) -> None:
        self.now, self.calls, self.lines, self.pauses = 0, [], [], set()
        self.loop = SimpleNamespace(create_future=Future, call_later=lambda delay, call: self.calls.append(call))
        self.log = SimpleNamespace(notice=self.lines.append, warning=self.lines.append)
        self.pause = SimpleNamespace(begin=lambda why, *how, **more: self.pauses.add(why), end=self.pauses.discard)
        self.config, self.is_loading = Config(), False

    def wall_ms(self) -> int:
        return self.now

    def pass_time(self, ms: int) -> None:
        self.now += ms
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def shutdown(lagging: Callable[[], bool] = lambda: False) -> tuple[Shutdown, Any]:
    world = World()
    ending = Shutdown(world)
    ending.lagging = lagging
    return ending, world


def refuse(manner: Manner) -> None:
    raise CannotExit


def test_duties_are_done_in_order_and_then_it_is_over() -> None:
    ending, world = shutdown()
    done: list[str] = []
    ending.add_duty(lambda manner: done.append("save"))
    ending.add_duty(lambda manner: done.append("pid file"))
    assert ending.begin(Manner())
    assert done == ["save", "pid file"] and ending.done.is_set
    assert world.lines == ["User requested shutdown..."]


def test_a_manner_has_names() -> None:
    assert Manner.named(("nosave", "now")) == Manner(nosave=True, now=True)


def test_duties_are_told_how_it_is_to_end() -> None:
    ending, _ = shutdown()
    manners: list[Manner] = []
    ending.add_duty(manners.append)
    ending.begin(Manner(save=True))
    assert manners == [Manner(save=True)]


def test_half_a_dataset_is_never_saved() -> None:
    ending, world = shutdown()
    world.is_loading = True
    manners: list[Manner] = []
    ending.add_duty(manners.append)
    ending.begin(Manner(save=True))
    assert manners == [Manner(nosave=True)]


def test_a_duty_that_fails_keeps_the_server_alive() -> None:
    ending, world = shutdown()
    ending.add_duty(refuse)
    assert not ending.begin(Manner())
    assert not ending.done.is_set and not ending.is_under_way
    assert world.lines[-1] == "Errors trying to shut down the server. Check the logs for more information."


def test_replicas_may_catch_up_while_writes_wait() -> None:
    behind = [True]
    ending, world = shutdown(lambda: behind[0])
    assert ending.begin(Manner())
    assert world.pauses == {"shutdown"} and world.lines[-1] == "Waiting for replicas before shutting down."
    world.pass_time(100)
    assert not ending.done.is_set
    behind[0] = False
    world.pass_time(100)
    assert ending.done.is_set


def test_replicas_have_no_more_than_the_timeout() -> None:
    ending, world = shutdown(lambda: True)
    ending.begin(Manner())
    world.pass_time(9_999)
    assert not ending.done.is_set
    world.pass_time(1)
    assert ending.done.is_set


def test_now_waits_for_nobody() -> None:
    ending, _ = shutdown(lambda: True)
    ending.begin(Manner(now=True))
    assert ending.done.is_set


def test_an_abort_lets_it_go_on() -> None:
    ending, world = shutdown(lambda: True)
    told: list[str] = []
    assert not ending.abort()
    ending.begin(Manner(), lambda: told.append("first"))
    ending.begin(Manner(), lambda: told.append("second"))
    assert ending.abort()
    world.pass_time(100_000)
    assert told == ["first", "second"] and not world.pauses and not ending.done.is_set
