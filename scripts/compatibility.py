"""What of Redis 7.2 is not here yet, told from the code: `python scripts/compatibility.py`.

With `--write` the lists go into README.md, between the comments that name them; a test holds the README to it.
A command is here when it is declared. A directive has an effect when some code reads it; a field of INFO has a value of
its own when some code names it.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pycluster.admin.catalogue import GROUPS  # noqa: E402
from pycluster.commands.table import build_table  # noqa: E402
from pycluster.server.directives import DIRECTIVES, Trait  # noqa: E402
from pycluster.server.info import FORM  # noqa: E402

README = ROOT / "README.md"
COMMAND_DOCS = ROOT / "tests" / "reference" / "command-docs.json"

# Not idle though nobody names them but INFO's form: some never change, the names of others are put together.
TRUE_AS_THEY_STAND = (
    "redis_git_sha1 redis_git_dirty redis_build_id arch_bits monotonic_clock multiplexing_api atomicvar_api "
    "gcc_version used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread used_cpu_user_main_thread"
).split()


def main() -> None:
    if sys.argv[1:] == ["--write"]:
        README.write_text(with_lists(README.read_text()))
        return
    for name, make in LISTS.items():
        print(f"# {name}\n\n{make()}")


def with_lists(readme: str) -> str:
    """The README's text with the lists as they should be."""
    for name, make in LISTS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = readme.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"README.md has no place for {name}"
        readme = before + begin + make() + end + after
    return readme


def missing_commands() -> str:
    """By group. A command of which nothing is here stands for its subcommands."""
    ours = our_commands()
    missing: dict[str, list[str]] = {}
    for name, page in json.loads(COMMAND_DOCS.read_text()).items():
        container, _, _ = name.partition("|")
        if name not in ours and (container == name or container in ours):
            missing.setdefault(page["group"], []).append(name.upper().replace("|", " "))
    return bullets(missing)


def our_commands() -> set[str]:
    """In small letters, subcommands as `client|list`."""
    names = set()
    for name, entry in build_table(GROUPS).items():
        names.add(name.decode())
        names.update(f"{name.decode()}|{subcommand.decode()}" for subcommand in entry.subcommands or ())
    return names


def directives_without_effect() -> str:
    source = package_source(without=("directives.py", "directive_kinds.py"))
    names = [
        f"`{name}`"
        for name, directive in DIRECTIVES.items()
        if name != directive.alias
        and Trait.HIDDEN not in directive.traits
        and not re.search(rf"\.{directive.attribute}\b", source)
    ]
    return paragraph(names)


def idle_info_fields() -> str:
    source = package_source(without=("info_fields.py",))
    idle = {
        section: [
            f"`{name}`" for name in fields if name not in TRUE_AS_THEY_STAND and not re.search(rf"\b{name}\b", source)
        ]
        for section, fields in FORM.items()
    }
    return bullets(idle)


LISTS = {
    "missing commands": missing_commands,
    "directives without effect": directives_without_effect,
    "idle fields of INFO": idle_info_fields,
}


def package_source(without: Sequence[str]) -> str:
    return "\n".join(path.read_text() for path in (ROOT / "pycluster").rglob("*.py") if path.name not in without)


def bullets(lists: Mapping[str, Sequence[str]]) -> str:
    return "".join(paragraph(words, f"- {title}: ") for title, words in lists.items() if words)


def paragraph(words: Sequence[str], beginning: str = "") -> str:
    indent = "  " if beginning else ""
    text = beginning + ", ".join(words)
    return fill(text, 120, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False) + "\n"


if __name__ == "__main__":
    main()
