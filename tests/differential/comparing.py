"""Two servers, one dialogue: the same bytes must come back from both, in RESP2 and in RESP3.

Replies that cannot be equal are told by a tag on their line, which says what may differ and nothing else:

    [unordered]  the members of arrays, sets and maps stand in any order
    [pairs]      as unordered, where an array is names and values in turn (HGETALL in RESP2)
    [near]       integers may be a second (or 1000 milliseconds) apart: times
    [shape]      types and lengths of arrays are equal, texts and numbers are not looked at
    [code]       of an error only the first word is looked at

A reply in which we are to differ from the real server is listed with the dialogue, with its source: a `Difference`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pycluster.testing import Connection, Node, reserve_port
from pycluster.testing.node import Directive
from tests.differential.dialogue import CLOSED, SILENCE, Answer, Line, Step, empty, perform, read_dialogue
from tests.differential.frames import Frame, parse_frame


@dataclass(frozen=True, slots=True)
class Difference:
    """Where Redis 7.0, with which CI compares us, isn't the 7.2 that we follow."""

    line: str
    ours: bytes
    source: str  # which change of Redis made the difference


class Pair:
    """A real server and ours, both with the same directives. Calling it with a dialogue compares them."""

    def __init__(self, redis: Node, ours: Node, password: str = ""):
        self.redis, self.ours = redis, ours
        self.password = password
        with self._control(redis) as control:
            self.redis_is_7_0 = b"\r\nredis_version:7.0." in control.ask("INFO", "server")

    def __call__(self, *lines: Line, differs: tuple[Difference, ...] = (), protocols: tuple[int, ...] = (2, 3)) -> None:
        steps = read_dialogue(lines)
        expected = {difference.line: difference for difference in differs} if self.redis_is_7_0 else {}
        unused = set(expected) - {step.text for step in steps}
        assert not unused, f"differences of lines that are not in the dialogue: {unused}"
        for protocol in protocols:
            theirs = self._answers(self.redis, steps, protocol)
            ours = self._answers(self.ours, steps, protocol)
            silent = [answer.text for answer in theirs if answer.raw == SILENCE]
            assert not silent, f"the dialogue waits for replies that Redis doesn't give: {silent}"
            problems = [
                f"  {their.text}\n    redis: {_show(their.raw)}\n    ours:  {_show(our.raw)}{note}"
                for their, our in zip(theirs, ours, strict=False)
                if (note := _objection(their, our, expected.get(their.text))) is not None
            ]
            if not problems and len(theirs) != len(ours):
                problems = [f"  redis said at the end: {theirs[len(ours):]}\n  we said: {ours[len(theirs):]}"]
            if problems:
                raise AssertionError(f"RESP{protocol}:\n" + "\n".join(problems))

    def _answers(self, node: Node, steps: list[Step], protocol: int) -> list[Answer]:
        with self._control(node) as control:
            empty(control)
            return perform(steps, node, protocol, control)

    @contextmanager
    def _control(self, node: Node) -> Iterator[Connection]:
        """A connection beside the dialogue's, to prepare the server and to see who is blocked."""
        with node.connect() as control:
            if self.password:
                control.ask("AUTH", self.password)
            yield control


@contextmanager
def start_pair(
    directory: Path,
    redis_server: list[str],
    our_server: list[str],
    *directives: Directive,
    nodes_conf: str = "",
    password: str = "",
) -> Iterator[Pair]:
    ports = [reserve_port(), reserve_port()]
    programs = {"redis": redis_server, "ours": our_server}
    common = [("save", ""), ("enable-debug-command", "yes"), *directives]
    redis, ours = nodes = [
        Node(port.number, directory / name, program=program, directives=common)
        for port, (name, program) in zip(ports, programs.items(), strict=True)
    ]
    try:
        for node in nodes:
            node.directory.mkdir(parents=True)
            if nodes_conf:
                (node.directory / "nodes.conf").write_text(nodes_conf)
            node.launch()
        for node in nodes:
            node.wait_ready()
        yield Pair(redis, ours, password)
    finally:
        for node in nodes:
            node.kill()
        for port in ports:
            port.release()


def _objection(theirs: Answer, ours: Answer, expected: Difference | None) -> str | None:
    """What is wrong with our answer; None if nothing is."""
    if expected is None:
        return None if alike(theirs.raw, ours.raw, theirs.tag) else ""
    if ours.raw != expected.ours:
        return f"\n    but expected: {_show(expected.ours)} ({expected.source})"
    if theirs.raw == expected.ours:
        return "\n    listed as different, but it is not"
    return None


def alike(theirs: bytes, ours: bytes, tag: str) -> bool:
    if theirs == ours:
        return True
    if not tag or CLOSED in (theirs, ours) or SILENCE in (theirs, ours):
        return False
    a, b = parse_frame(theirs), parse_frame(ours)
    match tag:
        case "unordered":
            return _sorted(a, 2 if a.type == "%" else 1) == _sorted(b, 2 if b.type == "%" else 1)
        case "pairs":
            return _sorted(a, 2) == _sorted(b, 2)
        case "near":
            return _near(a, b)
        case "shape":
            return _same_shape(a, b)
        case "code":
            return a.type == b.type == "-" and a.text.split()[:1] == b.text.split()[:1]
    raise ValueError(f"no such tag: [{tag}]")


def _sorted(frame: Frame, step: int) -> Frame:
    """The same tree with each array's items (pairs of items, for a step of 2) in one order."""
    parts = [_sorted(part, 2 if part.type == "%" else step) for part in frame.parts]
    if len(parts) % step:
        step = 1
    items = sorted(parts[at : at + step] for at in range(0, len(parts), step))
    return Frame(frame.type, frame.text, [part for item in items for part in item])


def _near(a: Frame, b: Frame) -> bool:
    if a.type == b.type == ":":
        return abs(int(a.text) - int(b.text)) <= (1000 if len(a.text) > 9 or abs(int(a.text)) > 1000 else 1)
    if a.parts and len(a.parts) == len(b.parts):
        return a.type == b.type and all(map(_near, a.parts, b.parts))
    return a == b


def _same_shape(a: Frame, b: Frame) -> bool:
    return a.type == b.type and len(a.parts) == len(b.parts) and all(map(_same_shape, a.parts, b.parts))


def _show(raw: bytes) -> str:
    return repr(raw)[1:] if len(raw) < 2000 else f"{raw[:2000]!r}..."
