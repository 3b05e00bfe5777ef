"""What is shown while slots move fits into a line."""

from io import StringIO

import pytest
from rich.console import Console

from pycluster.tools.moving import KeysMoved, SlotMoved, SlotOpened
from pycluster.tools.progress import MoveProgress
from tests.unit.tools.clusters import A, B, three_masters, view_of


def last_line(width: int, slots: int = 4096) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    with MoveProgress(console, view_of(three_masters()), slots) as progress:
        progress.began -= 60
        progress.note(SlotOpened(10922, B, A))
        progress.note(KeysMoved(10922, 123_456))
        progress.note(SlotMoved(10922))
        progress.live.refresh()
        return str(console.file.getvalue()).splitlines()[-1]  # type: ignore[attr-defined]


def test_80_columns_are_enough() -> None:
    line = last_line(80)
    assert "slot 10922" in line and "1/4096 slots · 123,456 keys ·" in line
    assert "…" not in line and line.rstrip().endswith("left")


def test_who_gives_and_who_gets_is_shown_where_there_is_room() -> None:
    assert "slot 10922 :7066 → :7065" in last_line(120)


def test_steps_that_mend_slots_are_counted_as_they_begin() -> None:
    console = Console(file=StringIO(), width=80, force_terminal=True, color_system=None)
    with MoveProgress(console, view_of(three_masters()), 3, "steps") as progress:
        for slot in (5, 6):
            progress.begin(slot)
        progress.live.refresh()
    assert "slot     6 ━━     1/3 steps" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_shown_where_no_slot_moves(width: int) -> None:
    console = Console(file=StringIO(), width=width, force_terminal=True)
    with MoveProgress(console, view_of(three_masters()), 0) as progress:
        progress.live.refresh()
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
