"""The shape of the package: imports go down the floors, and never in a circle."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FLOORS = (
    "protocol",
    "datatypes",
    "keyspace rdb files",
    "commands persistence replication cluster slot_migration",
    "server",
    "admin wire",
    "__main__ process testing tools",
)
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts.split()}


def test_imports_go_down_the_floors() -> None:
    upward = [(module, imported) for module, imported in imports() if floor(imported) > floor(module)]
    assert upward == []


def test_no_import_leads_back_to_where_it_came_from() -> None:
    graph = graphlib.TopologicalSorter[str]()
    for module, imported in imports():
        graph.add(module, imported)
    graph.prepare()


def floor(module: str) -> int:
    return FLOOR[module.split(".")[1]]


def imports() -> list[tuple[str, str]]:
    """Which module of the package imports which, inside of functions and under conditions too."""
    found = []
    for path in (ROOT / "pycluster").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pycluster"):
                names = [f"{node.module}.{name.name}" for name in node.names]
                found += [(module, name if is_module(name) else node.module) for name in names]
            elif isinstance(node, ast.Import):
                found += [(module, name.name) for name in node.names if name.name.startswith("pycluster")]
    return [(module, imported) for module, imported in found if imported != "pycluster"]


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").exists()
