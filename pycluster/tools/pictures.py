"""Pictures of a cluster for the terminal: its nodes, its slots, and slots on their way.

They say the same without colours: masters have letters, so that the slot map can be read from a pipe or a log.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from string import ascii_letters

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pycluster.keyspace.slots import SLOTS
from pycluster.tools.node_lines import NodeLine, show_ranges
from pycluster.tools.view import ClusterView, NodeView, by_shard

COLUMNS, ROWS = 64, 16
IN_CELL = SLOTS // (COLUMNS * ROWS)
COLOURS = "green blue magenta cyan yellow bright_green bright_blue bright_magenta bright_cyan bright_yellow".split()
OPEN, NOBODY = "!", "·"
KEY = f"A letter is {IN_CELL} slots; a small one: some of them are another's."


# ---- nodes


def nodes_table(view: ClusterView) -> RenderableType:
    """It fits into 80 columns where hosts are numbers: what they run is told below."""
    table = Table()
    for title in ("node", "role", "slots", "keys", "state", "id"):
        table.add_column(title, overflow="fold", no_wrap=title not in {"slots", "state"})
    table.columns[3].justify = "right"
    for node in by_shard(view):
        slots = show_ranges(node.slots).replace(",", ", ")  # may be many lines, of whole ranges
        role = _role(view, node.me, node.address.host)
        table.add_row(str(node.address), role, slots, f"{node.keys:,}", state(node), node.id[:8])
    for address, why in view.silent.items():
        line = next((line for node in view.nodes for line in node.lines if line.address == address), None)
        role, id_ = (_role(view, line, address.host), line.id) if line else ("", "")
        table.add_row(str(address), role, "", "", f"[red]{why}[/red]", id_[:8])
    return Group(table, *map(Text, _versions(view)))


def _versions(view: ClusterView) -> Iterator[str]:
    """What most run, and who runs something else."""
    counts = Counter(map(version, view.nodes))
    (most, _), *others = counts.most_common()
    for other, _ in others:
        yield f"{other}: {', '.join(str(node.address) for node in view.nodes if version(node) == other)}"
    yield f"{'All others' if others else 'All'} run {most}." if len(view.nodes) > 1 else f"It runs {most}."


def _role(view: ClusterView, line: NodeLine, host: str) -> str:
    return "master" if line.is_master else f"replica of {view.name(line.master).removeprefix(host)}"


def state(node: NodeView) -> str:
    if node.cluster.get("cluster_state") != "ok":
        return "[red]cluster down[/red]"
    if not node.is_master and node.replication.get("master_link_status") != "up":
        return "[red]no link to its master[/red]"
    return "ok"


def version(node: NodeView) -> str:
    """`redis 7.0.15`, `valkey 9.1.2`, `pycluster 0.1.0`."""
    said = node.server
    if name := said.get("server_name"):
        return f"{name} {said.get(f'{name}_version', said.get('redis_version', ''))}"
    return f"redis {said.get('redis_version', '?')}"


# ---- slots


def slot_map(view: ClusterView) -> RenderableType:
    """All slots in some rows of letters, one letter for the master that has most of the slots there."""
    masters = [node for node in by_shard(view) if node.is_master]
    letters = {node.id: ascii_letters[26 + number] if number < 26 else "?" for number, node in enumerate(masters)}
    colours = {node.id: COLOURS[number % len(COLOURS)] for number, node in enumerate(masters)}
    owner = {slot: node.id for node in masters for slot in range(SLOTS) if node.slots >> slot & 1}
    picture = Text()
    for row in range(ROWS):
        picture.append(f"{row * COLUMNS * IN_CELL:>5}  ")
        for column in range(COLUMNS):
            first = (row * COLUMNS + column) * IN_CELL
            picture.append(*_cell(range(first, first + IN_CELL), owner, view.open_slots, letters, colours))
        picture.append("\n")
    return Group(picture, _legend(view, masters, letters, colours), *_open_lines(view), Text(KEY))


def _cell(
    slots: range,
    owner: Mapping[int, str],
    open_slots: tuple[int, ...],
    letters: Mapping[str, str],
    colours: Mapping[str, str],
) -> tuple[str, str]:
    """A letter and its style."""
    if any(slot in slots for slot in open_slots):
        return OPEN, "bold white on red"
    if any(slot not in owner for slot in slots):
        return NOBODY, "bold red"
    owners = Counter(owner[slot] for slot in slots)
    most, _ = owners.most_common(1)[0]
    letter = letters[most]
    return (letter if len(owners) == 1 else letter.lower()), f"black on {colours[most]}"


def _legend(
    view: ClusterView, masters: list[NodeView], letters: Mapping[str, str], colours: Mapping[str, str]
) -> Table:
    table = Table.grid(padding=(0, 2))
    for node in masters:
        table.add_row(
            Text(f" {letters[node.id]} ", style=f"black on {colours[node.id]}"),
            str(node.address),
            f"{node.slots.bit_count():>6,} slots",
            f"{node.keys:,} keys",
            show_ranges(node.slots),
        )
    if view.uncovered:
        count = f"{view.uncovered.bit_count():>6,} slots"
        table.add_row(f" {NOBODY} ", "nobody", count, "", show_ranges(view.uncovered))
    return table


def _open_lines(view: ClusterView) -> Iterator[Text]:
    for slot in view.open_slots:
        ways = [f"{node.address} → {view.name(to)}" for node in view.masters if (to := node.me.migrating.get(slot))]
        ways += [f"{node.address} ← {view.name(of)}" for node in view.masters if (of := node.me.importing.get(slot))]
        yield Text(f" {OPEN}   slot {slot} is open: {', '.join(ways)}")
