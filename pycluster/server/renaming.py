"""rename-command: a server's table under other names. A command keeps its own name in statistics and documentation."""

from collections.abc import Iterable

from pycluster.commands.table import Command


def rename_commands(table: dict[bytes, Command], renames: Iterable[tuple[bytes, bytes]]) -> None:
    """Puts commands under new names (lower case), one after another; under an empty one a command is gone."""
    for old, new in renames:
        command = table.pop(old)
        table.pop(old.upper(), None)
        if new:
            table[new] = table[new.upper()] = command
