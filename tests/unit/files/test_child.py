"""Forked children: what they keep, what they give up, and how their end is told."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable

import pytest

from pycluster.files.child import UNWANTED, Ended, fork_child


def end_of(work: Callable[[], object], kill_by: int | None = None) -> Ended:
    """Runs the work in a child, under an event loop: how it ended."""

    async def run() -> Ended:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Ended] = loop.create_future()
        child = fork_child("a-child", work)
        child.watch(loop, ended.set_result)
        if kill_by is not None:
            child.kill(kill_by)
        return await ended

    return asyncio.run(run())


def test_a_child_that_returns_ended_well() -> None:
    assert end_of(lambda: None) == Ended(0, 0) and Ended(0, 0).well


def test_a_child_that_returns_false_or_raises_did_not(capfd: pytest.CaptureFixture[str]) -> None:
    assert end_of(lambda: False) == Ended(1, 0)
    assert end_of(lambda: {}["nothing"]) == Ended(1, 0)
    assert "KeyError" in capfd.readouterr().err


def test_a_child_killed_as_unwanted_is_told_from_one_that_crashed() -> None:
    assert end_of(signal.pause, UNWANTED) == Ended(0, signal.SIGUSR1)
    assert end_of(signal.pause, signal.SIGKILL) == Ended(0, signal.SIGKILL)


def test_a_child_holds_no_connection_of_its_parent_open() -> None:
    near, far = socket.socketpair()
    said, to_say = os.pipe()
    child = fork_child("a-child", lambda: os.write(to_say, b"%d" % len(os.listdir("/proc/self/fd"))), keep=[to_say])
    os.close(to_say)
    near.close()
    assert far.recv(1) == b""  # nobody else has the other end
    assert int(os.read(said, 10)) <= 5  # standard ones, the pipe, the directory itself
    assert child.wait().well
    os.close(said)
    far.close()


def test_a_child_can_be_waited_for_without_an_event_loop() -> None:
    assert fork_child("a-child", lambda: None).wait().well
