"""Shows slots and keys as they move: live in a terminal, one line at the end elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pycluster.tools.moving import Event, KeysMoved, SlotMoved, SlotOpened
from pycluster.tools.node_lines import show_count
from pycluster.tools.view import ClusterView

WIDE = 100  # columns, from which on there is room for who gives and who gets


class MoveProgress:
    """`with MoveProgress(...) as progress:`; the mover reports its events to `progress.note`."""

    def __init__(self, console: Console, view: ClusterView, count: int, noun: str = "slots"):
        """`count` is how many slots are to move, or how many steps are to be taken."""
        self.view = view
        self.slots = self.steps = self.keys = 0
        self.began = time.monotonic()
        self.console = console
        self.is_wide = console.width >= WIDE
        self.live = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12 if self.is_wide else 6),
            MofNCompleteColumn(),
            TextColumn(noun + " · {task.fields[keys]:,} keys · {task.fields[rate]:,.0f} keys/s ·"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal or not count,
        )
        self.task = self.live.add_task("", total=count, keys=0, rate=0.0)

    def begin(self, slot: int) -> None:
        """The next step, of those that mend a slot; the one before it is done."""
        self.live.update(self.task, description=f"slot {slot:>5}", completed=self.steps)
        self.steps += 1

    def note(self, event: Event) -> None:
        match event:
            case SlotOpened(slot, source, target):
                way = f" {self._short(source)} → {self._short(target)}" if self.is_wide else ""
                what = f"slot {slot:>5}{way}"
                self.live.update(self.task, description=what)
            case KeysMoved(_, count):
                self.keys += count
                rate = self.keys / max(time.monotonic() - self.began, 0.001)
                self.live.update(self.task, keys=self.keys, rate=rate)
            case SlotMoved():
                self.slots += 1
                self.live.advance(self.task)

    def _short(self, id_: str) -> str:
        """The address, or where all are on one host the port: a line has to do."""
        name = self.view.name(id_)
        hosts = {node.address.host for node in self.view.nodes}
        return name[name.rindex(":") :] if len(hosts) == 1 else name

    def summary(self) -> str:
        took_s = time.monotonic() - self.began
        rate = f", {self.keys / took_s:,.0f} keys per second" if self.keys else ""
        moved = f"{show_count(self.slots, 'slot')} with {show_count(self.keys, 'key')}"
        return f"{moved} moved in {took_s:.1f} s{rate}."

    def as_json(self) -> dict[str, object]:
        return {"slots": self.slots, "keys": self.keys, "seconds": round(time.monotonic() - self.began, 3)}

    def __enter__(self) -> "MoveProgress":
        self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.live.stop()
