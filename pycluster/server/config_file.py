"""Reading redis.conf and the command line into a Config, as Redis reads them.

The file, then standard input, then the options of argv are one text of lines; what is said later wins. A line is a
name and words, with Redis' quotes; `include` reads other files in its place. What cannot be right ends the start:
ConfigFileError is the text that Redis prints, line number and line included. Writing the file is config_rewrite.py's.
"""

import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pycluster.protocol.quoting import quote, split_arguments
from pycluster.server.config import Config, find
from pycluster.server.directive_kinds import BadValue
from pycluster.server.directives import Directive, Trait

BLANKS = b" \t\r\n"
FORGOTTEN = (b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands")  # read, and let be
DEEPEST_INCLUDE = 64  # a file that includes itself would be read for ever


@dataclass(slots=True)
class ConfigFileError(Exception):
    """What is wrong, as Redis prints it. Without a line, it is the whole that does not fit."""

    reason: str
    line: str | None = None
    number: int = 0

    def __str__(self) -> str:
        place = ""
        if self.line is not None:
            place = f"Reading the configuration file, at line {self.number}\n>>> '{self.line}'\n"
        return f"\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n{place}{self.reason}\n"


class CannotOpen(Exception):
    """A file of configuration is not there, or not for us; the text is a line for the log."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"Fatal error, can't open config file '{path}': {os.strerror(error.errno or 0)}")


# What argv says


@dataclass(slots=True)
class Arguments:
    """`[redis.conf] [-] [--directive word …] [-]`, taken apart; the options as the lines that they stand for."""

    path: str = ""
    from_standard_input: bool = False
    options: str = ""


def read_arguments(words: list[str]) -> Arguments:
    """A word with two dashes begins a line, but not where the line before still lacks its value.

    `--save` is the exception: scripts that build a command line from an empty list write `--save --port 7001` and mean
    the empty value (Redis 7.0.1 broke that, and mended it).
    """
    arguments = Arguments()
    if words and not words[0].startswith("-"):
        arguments.path = os.path.abspath(words[0])
    first = 1 if arguments.path else 0
    lines: list[str] = []
    has_value = True
    for at in range(first, len(words)):
        word, next_word = words[at], words[at + 1] if at + 1 < len(words) else None
        if word == "-" and at in (0, len(words) - 1):
            arguments.from_standard_input = True
        elif has_value and word.startswith("--"):
            lines.append(word[2:] + " ")
            has_value = len(split_arguments(os.fsencode(word)) or ()) != 1  # "--port 7001" may be one word of argv
            if word.lower() == "--save" and (next_word is None or next_word.startswith("--")):
                lines[-1] += '""'
                has_value = True
        else:
            lines[-1:] = ["".join(lines[-1:]) + quote(os.fsencode(word)) + " "]
            has_value = True
    arguments.options = "\n".join(lines)
    return arguments


# What the lines say


@dataclass(slots=True)
class Loader:
    """Reads text into a config. `commands` are the names there are to rename; `check_user` refuses bad ACL rules."""

    config: Config
    commands: Iterable[bytes] = ()
    check_user: Callable[[list[bytes]], None] | None = None
    warn: Callable[[str], None] = lambda sentence: None
    depth: int = 0
    has_read_save: bool = False
    names: set[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.names = set(self.commands)

    def load(self, path: str = "", standard_input: bytes = b"", options: str = "") -> None:
        """The file, what came by standard input, and the options, as one text."""
        text = self.read_files(path) if path else b""
        self.read(text + standard_input + (b"\n" + os.fsencode(options) if options else b""))

    def read(self, text: bytes) -> None:
        """A text of lines, then a look at what they come to."""
        for number, line in enumerate(text.split(b"\n"), 1):
            line = line.strip(BLANKS)
            if not line or line.startswith(b"#"):
                continue
            try:
                self.read_line(line)
            except BadValue as reason:
                raise ConfigFileError(str(reason), os.fsdecode(line), number) from None
        self.look_at_the_whole()

    def read_line(self, line: bytes) -> None:
        words = split_arguments(line)
        if words is None:
            raise BadValue("Unbalanced quotes in configuration line")
        if not words:
            return
        name, directive = find(words[0])
        if directive is not None:
            self.read_directive(directive, words[1:])
        elif words[0].lower() not in FORGOTTEN or len(words) != 2:
            self.read_statement(name, words[1:])

    def read_directive(self, directive: Directive, words: list[bytes]) -> None:
        if directive.traits & Trait.MANY_WORDS:
            if len(words) == 1 and words[0]:
                words = split_arguments(words[0]) or []  # `--bind "127.0.0.1 ::1"`: quotes around all of them
        elif len(words) != 1:
            raise BadValue("wrong number of arguments")
        present = getattr(self.config, directive.attribute)
        value = directive.kind.read(words, present)
        if directive.name == "save":
            # Save points add up, line by line; the first line drops the defaults, an empty one all so far.
            if self.has_read_save and words != [b""]:
                value = present + value
            self.has_read_save = True
        setattr(self.config, directive.attribute, value)

    def read_statement(self, name: str, words: list[bytes]) -> None:
        """The lines that are no directives: they do something instead of setting a value."""
        match name, words:
            case "include", [path]:
                self.include(os.fsdecode(path))
            case "rename-command", [old, new]:
                self.rename_command(old.lower(), new.lower())
            case "user", [_, *_] if self.check_user is not None:
                self.check_user(words)
                self.config.users.append(words)
            case "loadmodule", [_, *_]:
                self.config.modules.append(words)
            case _, [] if "." in name:
                raise BadValue("Module config specified without value")
            case _ if "." in name:
                self.config.modules.append([])  # a value for a module that nobody loads
            case "sentinel", [_, *_]:
                raise BadValue("sentinel directive while not in sentinel mode")
            case _:
                raise BadValue("Bad directive or wrong number of arguments")

    def rename_command(self, old: bytes, new: bytes) -> None:
        if old not in self.names:
            raise BadValue("No such command in rename-command")
        self.names.remove(old)
        if new in self.names:
            raise BadValue("Target command name already exists")
        if new:
            self.names.add(new)
        self.config.renamed_commands.append((old, new))

    def include(self, path: str) -> None:
        if self.depth == DEEPEST_INCLUDE:
            raise BadValue("include goes round in a circle")
        self.depth += 1
        self.read(self.read_files(path))
        self.depth -= 1

    def read_files(self, path: str) -> bytes:
        """A file, or all that match a pattern, one behind the other; there may be none of those."""
        paths = [path]
        if any(letter in path for letter in "*?["):
            paths = sorted(glob.glob(path, root_dir=self.config.dir))
        return b"".join(map(self.read_file, paths))

    def read_file(self, path: str) -> bytes:
        try:
            with open(self.config.path(path), "rb") as file:
                return file.read()
        except OSError as error:
            raise CannotOpen(path, error) from None

    def look_at_the_whole(self) -> None:
        config = self.config
        if config.logfile:
            try:
                open(config.path(config.logfile), "a").close()  # later nobody could be told
            except OSError as error:
                raise ConfigFileError(f"Can't open the log file: {os.strerror(error.errno or 0)}") from None
        if config.cluster_enabled and config.replicaof:
            raise ConfigFileError("replicaof directive not allowed in cluster mode")
        if config.cluster_enabled and config.databases > 1:
            self.warn(f"WARNING: Changing databases number from {config.databases} to 1 since we are in cluster mode")
        config.settle()
