"""The declaration of a command: its Python signature says what Redis' command table says.

    strings = Group("string")

    @strings.command("write denyoom fast")
    def incrby(db: Database, key: ModifyKey, amount: Int) -> int:
        \"\"\"INCRBY key increment

        Adds to the integer at a key; a missing key counts as 0.
        Since 1.0.0. O(1).
        \"\"\"

The name is the function's (`set_` is SET, `count_failure_reports` COUNT-FAILURE-REPORTS). The first parameter says
what the command is about: `db`, `client` or `server`. Annotations say how a key is used and how a value converts;
mypy sees `bytes` and `int`. From that come the arity, the key specs, and `run`, a one-line adapter made per command:
`lambda client, args: incrby(client.db, args[1], parse_int(args[2]))`. The docstring is the manual page
(documentation.py).

Declarations are immutable and shared by all servers of a process; each server builds its own `Command`s over them, with
statistics.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pycluster.protocol.errors import BadSyntax, MustBePositive
from pycluster.protocol.numbers import parse_float, parse_int

Args = list[bytes]
Function = TypeVar("Function", bound=Callable[..., Any])
EVERYTHING = 1 << 31  # as many arguments as the protocol takes


# What an annotation says


@dataclass(slots=True, frozen=True)
class Key:
    """The parameter is a key; `use` are the flags of its key spec (COMMAND INFO)."""

    use: str


@dataclass(slots=True, frozen=True)
class Convert:
    """The parameter is the result of this function on the bytes received."""

    function: Callable[[bytes], Any]


@dataclass(slots=True, frozen=True)
class AtLeast:
    """A `*` parameter takes this many arguments or more."""

    count: int


def parse_positive(digits: bytes) -> int:
    """An integer that is not negative, with Redis' two different complaints."""
    value = parse_int(digits, MustBePositive)
    if value < 0:
        raise MustBePositive
    return value


ReadKey = Annotated[bytes, Key("RO access")]
LookKey = Annotated[bytes, Key("RO")]  # is it there, how long is it: nothing of the value is told
ModifyKey = Annotated[bytes, Key("RW access update")]
UpdateKey = Annotated[bytes, Key("RW update")]
AppendKey = Annotated[bytes, Key("RW insert")]
DeleteKey = Annotated[bytes, Key("RW delete")]
PopKey = Annotated[bytes, Key("RW access delete")]
OverwriteKey = Annotated[bytes, Key("OW update")]
InsertKey = Annotated[bytes, Key("OW insert")]
RemoveKey = Annotated[bytes, Key("RM delete")]
Int = Annotated[int, Convert(parse_int)]
Positive = Annotated[int, Convert(parse_positive)]
Float = Annotated[float, Convert(parse_float)]
Some = Annotated[bytes, AtLeast(1)]
Twos = Annotated[bytes, AtLeast(2)]


# Where the keys of a command are


@dataclass(slots=True, frozen=True)
class Range:
    """Keys from the spec's beginning to `last` (relative to it; negative: from the end), every `step`-th."""

    last: int
    step: int = 1
    limit: int = 0


@dataclass(slots=True, frozen=True)
class KeyCount:
    """A number of keys at `at`, relative to the beginning, and that many keys from `first` on."""

    at: int = 0
    first: int = 1
    step: int = 1


@dataclass(slots=True, frozen=True)
class KeySpec:
    """One group of keys: where it begins (an argument's number, or a keyword looked for from a place on), what is
    found.

    Source: https://redis.io/docs/latest/develop/reference/key-specs/
    """

    use: str
    begin: int | tuple[str, int]
    find: Range | KeyCount

    def as_slice(self) -> slice | None:
        """The keys as a slice of the arguments, if that is all there is to say."""
        match self.begin, self.find:
            case int(begin), Range(last, step, limit=0) if begin > 0:
                return slice(begin, begin + last + 1 if last >= 0 else last + 1 or None, step)
        return None

    def positions(self, args: Args) -> Iterable[int]:
        """The places of the keys in these arguments; raises BadSyntax where they make no sense."""
        begin = self.begin if isinstance(self.begin, int) else _find_keyword(args, *self.begin)
        if begin <= 0:
            return ()
        match self.find:
            case Range(last, step, limit):
                end = begin + last if last >= 0 else len(args) + last
                if limit > 1 and last == -1:
                    end = begin + (end - begin + 1) // limit - 1
                return range(begin, min(end, len(args) - 1) + 1, step)
            case KeyCount(at, first, step):
                if begin + at >= len(args):
                    raise BadSyntax
                count = parse_int(args[begin + at])
                start = begin + first
                if count < 0 or start + (count - 1) * step >= len(args):
                    raise BadSyntax
                return range(start, start + count * step, step)


def _find_keyword(args: Args, keyword: str, start: int) -> int:
    """The place behind a keyword, looked for from `start` on (negative: backwards from the end); 0: not there."""
    wanted = keyword.encode()
    places = range(start, len(args)) if start > 0 else range(len(args) + start, 0, -1)
    return next((place + 1 for place in places if args[place].upper() == wanted), 0)


def every_other(use: str = "OW update") -> KeySpec:
    """MSET key value key value …"""
    return KeySpec(use, 1, Range(-1, 2))


def all_but_last(use: str = "RW access delete") -> KeySpec:
    """BLPOP key key … timeout"""
    return KeySpec(use, 1, Range(-2))


def numkeys(at: int, use: str = "RO access") -> KeySpec:
    """ZUNION numkeys key key …"""
    return KeySpec(use, at, KeyCount())


# The declaration


@dataclass(slots=True, frozen=True, eq=False)
class Declaration:
    """What is known of a command before any server exists."""

    name: str  # lower case; of a subcommand, its own name only
    group: str
    flags: frozenset[str]
    categories: frozenset[str]  # of ACL, beyond those that the flags imply
    tips: tuple[str, ...]
    arity: int  # as Redis counts: the name included, negative for "at least"
    key_specs: tuple[KeySpec, ...]
    function: Callable[..., Any]
    run: Callable[[Any, Args], Any]
    container: str = ""
    find_keys: Callable[[Args], list[int]] | None = None
    subcommands: "dict[str, Declaration]" = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`config|get` for a subcommand."""
        return f"{self.container}|{self.name}" if self.container else self.name

    def key_positions(self, args: Args) -> list[int]:
        """The places of all keys in these arguments; raises ReplyError where they make no sense."""
        if self.find_keys is not None:
            return self.find_keys(args)
        return [place for spec in self.key_specs for place in spec.positions(args)]


class Group:
    """Collects the declarations of one family: `Group("string")` (the name is COMMAND DOCS' group)."""

    def __init__(self, name: str, categories: str = "") -> None:
        self.name = name
        self.categories = frozenset(categories.split())
        self.declarations: list[Declaration] = []

    def command(
        self,
        flags: str = "",
        *,
        keys: tuple[KeySpec, ...] | KeySpec = (),
        find_keys: Callable[[Args], list[int]] | None = None,
        arity: int | None = None,
        name: str | None = None,
        categories: str = "",
        tips: Iterable[str] = (),
    ) -> Callable[[Function], Function]:
        """Declares the function below as a command; the function itself stays what it is.

        keys: key specs that the signature cannot say, behind those it says. find_keys: a function that finds the
        keys where no spec can. arity: where Redis' number is not what the signature gives.
        """

        def declare(function: Function) -> Function:
            self.declarations.append(
                self._declare(function, flags, keys, find_keys, arity, name, categories, tuple(tips), "")
            )
            return function

        return declare

    def container(
        self,
        name: str,
        flags: str = "",
        categories: str = "",
        *,
        alone: Callable[..., Any] | None = None,
        tips: Iterable[str] = (),
    ) -> "Container":
        """A command that is only a roof for subcommands (CONFIG …); `alone` is what it does without one (COMMAND)."""
        run = _Signature(alone, 1).adapter() if alone else _no_such_subcommand
        own = frozenset(categories.split()) | (self.categories if alone else frozenset())
        roof = Declaration(
            name, self.name, frozenset(flags.split()), own, tuple(tips),
            -1 if alone else -2, (), alone or _no_such_subcommand, run,
        )  # fmt: skip
        self.declarations.append(roof)
        return Container(self, roof)

    def _declare(
        self,
        function: Callable[..., Any],
        flags: str,
        keys: tuple[KeySpec, ...] | KeySpec,
        find_keys: Callable[[Args], list[int]] | None,
        arity: int | None,
        name: str | None,
        categories: str,
        tips: tuple[str, ...],
        container: str,
    ) -> Declaration:
        first = 2 if container else 1
        signature = _Signature(function, first)
        specs = (*signature.key_specs, *((keys,) if isinstance(keys, KeySpec) else keys))
        name = name or function.__name__.rstrip("_").replace("_", "-")
        if container:
            name = name.removeprefix(container + "-")
        words = set(flags.split())
        if find_keys is not None or any(not isinstance(s.begin, int) or isinstance(s.find, KeyCount) for s in specs):
            words.add("movablekeys")
        return Declaration(
            name, self.name, frozenset(words), self.categories | frozenset(categories.split()), tips,
            arity if arity is not None else signature.arity, specs, function, signature.adapter(), container, find_keys,
        )  # fmt: skip


class Container:
    """Declares subcommands; a function `config_get` in the container `config` is CONFIG GET."""

    def __init__(self, group: Group, roof: Declaration) -> None:
        self._group = group
        self._roof = roof

    def command(
        self,
        flags: str = "",
        *,
        keys: tuple[KeySpec, ...] | KeySpec = (),
        arity: int | None = None,
        name: str | None = None,
        categories: str = "",
        tips: Iterable[str] = (),
    ) -> Callable[[Function], Function]:
        """As Group.command."""

        def declare(function: Function) -> Function:
            declaration = self._group._declare(
                function, flags, keys, None, arity, name, categories, tuple(tips), self._roof.name
            )
            self._roof.subcommands[declaration.name] = declaration
            return function

        return declare


    def help(self, text: str, flags: str = "loading stale") -> None:
        """Declares HELP, whose reply is this text under the head and above the foot that all share (`addReplyHelp`)."""
        head = f"{self._roof.name.upper()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
        lines = [head, *text.strip("\n").split("\n"), "HELP", "    Print this help."]

        def help_(client: Any) -> list[str]:
            """HELP

            Returns helpful text about the different subcommands.
            """
            return lines

        self.command(flags, name="help")(help_)


def _no_such_subcommand(client: Any, args: Args) -> Any:
    raise AssertionError("a container is never run: the table finds its subcommand or refuses")


class _Signature:
    """Reads a command's parameters: how many arguments, which are keys, what converts; and writes the adapter."""

    def __init__(self, function: Callable[..., Any], first: int) -> None:
        self._function = function
        subject, *parameters = inspect.signature(function, eval_str=True).parameters.values()
        assert subject.name in ("db", "client", "server"), f"{function.__name__}: what is it about?"
        self._subject = {"db": "client.db", "client": "client", "server": "client.server"}[subject.name]
        self._environment: dict[str, Any] = {"function": function, "BadSyntax": BadSyntax}
        self._plain: list[str] = []  # the arguments of the call, without the rest
        self._required = 0
        self._rest: int | None = None  # the least number of arguments that the * parameter takes
        self._rest_at = first
        self.key_specs: list[KeySpec] = []
        for at, parameter in enumerate(parameters, first):
            self._take(at, parameter)
        least = first + self._required + (self._rest or 0)
        exact = self._rest is None and self._required == len(self._plain)
        self.arity = least if exact else -least

    def _take(self, at: int, parameter: inspect.Parameter) -> None:
        notes = _notes(parameter.annotation)
        variadic = parameter.kind is inspect.Parameter.VAR_POSITIONAL
        key = next((note for note in notes if isinstance(note, Key)), None)
        if key is not None:
            self.key_specs.append(KeySpec(key.use, at, Range(-1 if variadic else 0)))
        if variadic:
            self._rest = next((note.count for note in notes if isinstance(note, AtLeast)), 1 if key else 0)
            self._rest_at = at
            return
        text = f"args[{at}]"
        for note in notes:
            if isinstance(note, Convert):
                self._environment[f"convert_{at}"] = note.function
                text = f"convert_{at}(args[{at}])"
        self._plain.append(text)
        if parameter.default is parameter.empty:
            self._required += 1

    def adapter(self) -> Callable[[Any, Args], Any]:
        """The function that calls the command with the arguments of a request."""
        lines = ["def run(client, args):"]
        if self._rest is not None:
            # Slicing a tail of one argument (LPUSH key value) or none (SET key value) costs twice the call.
            least = [f"args[{self._rest_at + i}]" for i in range(self._rest)]
            lines.append(f"  if len(args) == {self._rest_at + self._rest}: return {self._call(self._plain + least)}")
            lines.append(f"  return {self._call([*self._plain, f'*args[{self._rest_at}:]'])}")
        else:
            first = self._rest_at
            lines += [
                f"  if len(args) == {first + count}: return {self._call(self._plain[:count])}"
                for count in range(self._required, len(self._plain))
            ]
            if self._required < len(self._plain):
                lines.append(f"  if len(args) > {first + len(self._plain)}: raise BadSyntax")
            lines.append(f"  return {self._call(self._plain)}")
        exec("\n".join(lines), self._environment)  # our own text, from our own signatures
        return self._environment["run"]

    def _call(self, arguments: list[str]) -> str:
        return f"function({', '.join([self._subject, *arguments])})"


def _notes(annotation: Any) -> tuple[Any, ...]:
    """What stands behind the type in `Annotated[type, …]`, inside `… | None` too."""
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[1:]
    return tuple(note for part in get_args(annotation) if get_origin(part) is Annotated for note in get_args(part)[1:])


# A server's own entry


class Command:
    """A declaration in one server's table, with its statistics. The slots in front are what the hot path reads."""

    __slots__ = ("run", "min_args", "max_args", "first", "writes", "declaration", "name", "flags", "subcommands",
                 "nanoseconds", "histogram", "rejected", "failed", "_key_slice")  # fmt: skip

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.run = declaration.run
        self.name = declaration.full_name
        self.flags = declaration.flags
        self.writes = "write" in declaration.flags
        self.min_args = abs(declaration.arity)
        self.max_args = declaration.arity if declaration.arity > 0 else EVERYTHING
        self.first = self._place_of_only_key()
        is_simple = len(declaration.key_specs) == 1 and declaration.find_keys is None
        self._key_slice = declaration.key_specs[0].as_slice() if is_simple else None
        self.subcommands = {sub.name.encode(): Command(sub) for sub in declaration.subcommands.values()}
        if self.subcommands:
            self.min_args = EVERYTHING  # no number of arguments fits: `find` looks for the subcommand
        self.reset()

    def _place_of_only_key(self) -> int:
        """The place of a command's only key: the short road of routing. 0: it has none; -1: ask key_positions."""
        declaration = self.declaration
        if declaration.find_keys is None and not declaration.key_specs:
            return 0
        match declaration.key_specs:
            case (KeySpec(_, int(begin), Range(0)),) if declaration.find_keys is None:
                return begin
        return -1

    @property
    def calls(self) -> int:
        """How often it has run."""
        return sum(self.histogram)

    def reset(self) -> None:
        """Forgets the statistics (CONFIG RESETSTAT)."""
        self.nanoseconds = 0
        self.histogram = [0] * 64  # calls by the bit length of their nanoseconds
        self.rejected = 0
        self.failed = 0

    def keys(self, args: Args) -> list[bytes]:
        """The keys among these arguments; raises ReplyError where they make no sense."""
        if self._key_slice is not None:
            return args[self._key_slice]
        return [args[place] for place in self.declaration.key_positions(args)]


def build_table(groups: Iterable[Group]) -> dict[bytes, Command]:
    """A server's table: each command under its name in both usual letter cases (`find` in execute.py does the rest)."""
    table: dict[bytes, Command] = {}
    for group in groups:
        for declaration in group.declarations:
            command = Command(declaration)
            name = declaration.name.encode()
            assert name not in table, f"{declaration.name} is declared twice"
            table[name] = table[name.upper()] = command
    return table


def commands_of(table: dict[bytes, Command]) -> list[Command]:
    """Each command once, in order of declaration, without subcommands."""
    return list(dict.fromkeys(table.values()))
