"""Waiting for a condition: the only way a test here lets time pass.

A condition is asked again and again until it is content, and whoever waits in vain hears what was still missing.
"""

import time
from collections.abc import Callable

import hiredis

ASK_EVERY_S = 0.02


def wait_until(why_not: Callable[[], str], timeout_s: float = 30.0) -> None:
    """Wait until `why_not()` has no objection left, which it says by an empty string.

    An OSError counts as an objection: a server that is about to come up refuses connections. So does -LOADING: a
    replica that takes in a snapshot says it to nearly everything.
    """
    deadline = time.monotonic() + timeout_s
    while objection := _ask(why_not):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout_s:g} s still: {objection}")
        time.sleep(ASK_EVERY_S)


def _ask(why_not: Callable[[], str]) -> str:
    try:
        return why_not()
    except OSError as error:
        return str(error) or type(error).__name__
    except hiredis.ReplyError as error:
        if str(error).startswith("LOADING"):
            return str(error)
        raise
