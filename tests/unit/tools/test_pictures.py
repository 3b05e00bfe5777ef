"""Pictures, as they look where there are no colours."""

from io import StringIO

from rich.console import Console, RenderableType

from pycluster.tools.pictures import nodes_table, slot_map, version
from tests.unit.tools.clusters import A, B, changed, three_masters, view_of


def drawn(picture: RenderableType, width: int = 200) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(picture)
    return console.file.getvalue()  # type: ignore[attr-defined]


def rows(picture: str) -> list[str]:
    return [line.split()[1] for line in picture.splitlines()[:16]]


def test_a_letter_for_each_master() -> None:
    found = rows(drawn(slot_map(view_of(three_masters()))))
    assert found[0] == "A" * 64
    assert found[5] == "A" * 21 + "b" + "B" * 42
    assert found[15] == "C" * 64


def test_open_slots_and_slots_that_are_nobodys_stand_out() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~1
    nodes["A"].open, nodes["B"].open = f"[20->-{B}]", f"[20-<-{A}]"
    picture = drawn(slot_map(view_of(nodes)))
    assert rows(picture)[0] == "·!" + "A" * 62
    assert "slot 20 is open: 10.0.0.1:7065 → 10.0.0.1:7066, 10.0.0.1:7066 ← 10.0.0.1:7065" in picture


def test_the_legend_says_who_has_how_much() -> None:
    nodes = three_masters()
    nodes["C"].keys = 1234
    words = next(line for line in drawn(slot_map(view_of(nodes))).splitlines() if line.startswith(" C ")).split()
    assert words == ["C", "10.0.0.1:7067", "5,461", "slots", "1,234", "keys", "10923-16383"]


def test_the_table_has_a_line_for_each_node_silent_ones_too() -> None:
    table = drawn(nodes_table(view_of(three_masters(), silent={"b": "Connection refused"})))
    assert "│ 10.0.0.1:7097 │ replica of :7065 │" in table
    silent = next(line for line in table.splitlines() if "Connection refused" in line)
    assert silent.split()[1:5] == ["10.0.0.1:7098", "│", "replica", "of"] and "bbbbbbbb" in silent


def test_the_table_fits_into_80_columns() -> None:
    table = drawn(nodes_table(view_of(three_masters())), width=80)
    assert "│ 10.0.0.1:7067 │ master           │ 10923-16383 │    0 │ ok    │ CCCCCCCC │" in table
    assert table.endswith("All run redis 7.2.4.\n")


def test_who_runs_another_version_is_named() -> None:
    view = changed(view_of(three_masters()), "A", server={"server_name": "valkey", "valkey_version": "9.1.2"})
    assert drawn(nodes_table(view)).splitlines()[-2:] == ["valkey 9.1.2: 10.0.0.1:7065", "All others run redis 7.2.4."]


def test_many_ranges_are_folded_between_ranges() -> None:
    nodes = three_masters()
    nodes["A"].slots &= 0b1011011011
    assert "│ 0-1, 3-4, 6-7," in drawn(nodes_table(view_of(nodes)), width=80)


def test_a_replica_without_link_says_so() -> None:
    view = changed(view_of(three_masters()), "a", replication={"role": "slave", "master_link_status": "down"})
    assert "no link to its master" in drawn(nodes_table(view))


def test_versions_are_told_by_name() -> None:
    (node, *_) = view_of(three_masters()).nodes
    assert version(node) == "redis 7.2.4"
    said = {"server_name": "valkey", "valkey_version": "9.1.2", "redis_version": "7.2.4"}
    (node, *_) = changed(view_of(three_masters()), "A", server=said).nodes
    assert version(node) == "valkey 9.1.2"
