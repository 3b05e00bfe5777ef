"""What is no key any more but takes time to free: big values, dropped slots, flushed databases, freed in slices.

A mapping of a million members takes a fifth of a second to be freed. So whoever removes one hands it over here, and it
is taken apart a few members at a time between other work. What somebody still holds (RENAME gives a value a new key)
is left alone: the last one to let it go frees it.
"""

from collections.abc import Callable
from sys import getrefcount
from typing import Any

from pycluster.datatypes.big_dict import BigDict

MANY = 64  # members; what has fewer is freed at once (Redis' LAZYFREE_THRESHOLD)
BITE = 128  # members that are freed between two looks at the clock
ROUTINE = (bytes, int, float, type(None))  # what is freed in no time
ONLY_OURS = 2  # references to an object that we alone hold: the name, and getrefcount's own argument


class Freeing:
    """The things of one server that wait to be freed. `wake` is called when the first comes in."""

    __slots__ = ("pending", "freed", "wake", "_waiting")

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.pending = 0  # objects handed over and not freed yet: values, or the keys of a database
        self.freed = 0
        self.wake = wake
        self._waiting: list[tuple[Any, int]] = []  # things, and as how many objects each counts

    def take(self, value: Any) -> None:
        """A value was removed: if it is big, it goes in slices. (It may still get another key in this command.)"""
        if value.__class__ not in ROUTINE and _length(value) > MANY:
            self.take_all(value, 1)

    def take_all(self, thing: Any, objects: int) -> None:
        """A mapping of keys, or a value, that is to go in slices, and counts as so many objects."""
        self.pending += objects
        self._waiting.append((thing, objects))
        if len(self._waiting) == 1:
            self.wake()

    def work(self, until: Callable[[], bool]) -> bool:
        """Frees until told to stop; is there more?"""
        while self._waiting:
            thing, objects = self._waiting.pop()
            if getrefcount(thing) > ONLY_OURS:
                self.pending -= objects
                continue
            parts = _take_apart(thing)
            if parts is None:
                self.pending -= objects
                self.freed += objects
            else:
                self._waiting.append((thing, objects))
                self._waiting += [(part, 0) for part in parts]
                parts.clear()
            del thing
            if until():
                break
        return bool(self._waiting)


def _length(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else MANY + 1


def _take_apart(thing: Any) -> list[Any] | None:
    """Frees a bite of a thing; what of it is big itself is returned. None: nothing is left that would take time."""
    match thing:
        case dict():
            if not thing:
                return None
            return [value for value in _bite(thing) if not _is_small(value)]
        case BigDict():
            if not thing.table:
                return None
            leaf = thing.table.pop()
            while thing.table and thing.table[-1] is leaf:
                thing.table.pop()
            return [leaf]
        case list():
            if not thing:
                return None
            parts = [item for item in thing[-BITE:] if not _is_small(item)]
            del thing[-BITE:]
            return parts
        case _:
            return _parts_of_object(thing)


def _bite(members: dict[Any, Any]) -> list[Any]:
    return [members.popitem()[1] for _ in range(min(BITE, len(members)))]


def _is_small(value: Any) -> bool:
    """Is it freed in no time? A dict or list of few may hold something big, a value of few members does not."""
    if isinstance(value, ROUTINE):
        return True
    return not isinstance(value, (dict, list)) and hasattr(value, "__len__") and len(value) <= MANY


def _parts_of_object(thing: Any) -> list[Any] | None:
    """What an object holds, of which it is the only holder now."""
    parts = []
    for name in getattr(thing, "__slots__", ()):
        part = getattr(thing, name, None)
        if part is not None and not _is_small(part):
            parts.append(part)
            setattr(thing, name, None)
    return parts or None
