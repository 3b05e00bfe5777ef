"""Ctrl-C, where something is under way and where nothing is."""

import threading

import pytest

from pycluster.tools.interruption import Interruption


def test_it_strikes_at_once_where_nothing_is_under_way() -> None:
    with pytest.raises(KeyboardInterrupt):
        Interruption().strike()


def test_it_strikes_behind_the_request_that_is_under_way() -> None:
    interruption, answered = Interruption(), False
    with pytest.raises(KeyboardInterrupt), interruption.held_off():
        interruption.strike()
        answered = True
    assert answered


def test_it_strikes_once() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption.held_off():
        interruption.strike()
    with interruption.held_off():
        pass


def test_it_strikes_though_the_request_fails() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption.held_off():
        interruption.strike()
        raise ConnectionError
    with interruption.held_off():
        pass


def test_it_strikes_behind_all_that_belongs_together() -> None:
    interruption, requests = Interruption(), 0
    with pytest.raises(KeyboardInterrupt), interruption.held_off():
        for _ in range(3):
            with interruption.held_off():
                interruption.strike() if not requests else None
            requests += 1
    assert requests == 3


def test_the_second_one_does_not_wait() -> None:
    interruption = Interruption()
    with interruption.held_off():
        interruption.strike()
        with pytest.raises(KeyboardInterrupt):
            interruption.strike()


def test_requests_of_other_threads_hold_nothing_off() -> None:
    interruption = Interruption()
    inside, leave = threading.Event(), threading.Event()

    def ask() -> None:
        with interruption.held_off():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=ask)
    thread.start()
    inside.wait(10)
    with pytest.raises(KeyboardInterrupt):
        interruption.strike()
    leave.set()
    thread.join()
