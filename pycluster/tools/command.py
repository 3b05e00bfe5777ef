"""`pycluster`: makes, looks at and changes clusters, for people without redis-cli. Ours and Redis' and Valkey's alike.

Its words and options are redis-cli's where that has them (`--cluster-from` is `--from`, too).
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pycluster.testing import PYCLUSTER
from pycluster.tools.node_lines import Address, read_address, read_ranges
from pycluster.tools.outcomes import Status, Trouble

try:
    import redis  # noqa: F401
    from rich.console import Console
except ImportError:
    sys.exit("This needs rich and redis: pip install 'pycluster[tools]'")

from pycluster.tools import local, looking, membership, reshaping
from pycluster.tools.connections import Connections, Credentials
from pycluster.tools.interruption import Interruption
from pycluster.tools.session import Session

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EPILOG = """\
exit status:
  0    done, or nothing is wrong
  1    something is wrong with the cluster (warnings alone don't count)
  2    the command line makes no sense
  3    refused, as it would do harm; or not confirmed
  4    a node that is needed can't be reached, or answered with an error
  130  interrupted; what was under way is told, and `pycluster fix` mends it

An address is host:port, of any node of the cluster; nodes are named by address, id, or the first letters of an id.
"""


class Printer(Console):
    """rich's console, for which a reader who has had enough (`| head`) is no failure."""

    def on_broken_pipe(self) -> None:
        try:
            super().on_broken_pipe()  # from now on nothing is printed
        except SystemExit:
            raise SystemExit(Status.OK) from None


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    console = Printer(stderr=arguments.json, highlight=False)
    if not console.is_terminal:
        console.width = 200  # nothing wraps in a pipe
    credentials = Credentials(arguments.user, arguments.password)
    interruption = Interruption()
    interruption.install()
    with Connections(credentials, arguments.timeout, interruption) as connections:
        session = Session(connections, console, arguments.json, arguments.yes, arguments.dry_run)
        try:
            return int(arguments.act(session, arguments))
        except Trouble as trouble:
            session.say(str(trouble), "red")
            session.result({"error": str(trouble)})
            return int(trouble.status)
        except KeyboardInterrupt:
            session.say(f"Interrupted. {arguments.if_interrupted}", "yellow")
            return int(Status.INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has had enough
            return int(Status.OK)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="pycluster",
        description="Makes, looks at and changes Redis clusters.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _local(commands)
    _looking(commands)
    _reshaping(commands)
    _membership(commands)
    return top


def _local(commands: "Commands") -> None:
    up = _add(commands, "up", local.up, "start a cluster on this machine, or show the one that runs", address=False)
    up.add_argument("--masters", type=int, default=3, help="of a new cluster (default: 3)")
    up.add_argument("--replicas", type=int, default=1, help="of each of them (default: 1)")
    up.add_argument("--base-port", type=int, default=7001, help="the first one's (default: 7001)")
    up.add_argument("--program", type=shlex.split, default=PYCLUSTER, help="the server to start (default: ours)")
    down = _add(commands, "down", local.down, "stop the cluster that `up` started; its data stay", address=False)
    down.add_argument("--clean", action="store_true", help="delete the data, too")
    for one in (up, down):
        one.add_argument("--directory", type=Path, default=Path("run"), help="where the nodes live (default: run)")
        one.add_argument("--from-make", action="store_true", help=argparse.SUPPRESS)  # speak of make's targets


def _looking(commands: "Commands") -> None:
    check = _add(commands, "check", looking.check, "say what is wrong, and what to do about it")
    check.add_argument("--keys", action="store_true", help="look for keys at nodes that don't own their slot, too")
    _add(commands, "info", looking.info, "the masters with keys, slots and replicas")
    _add(commands, "nodes", looking.nodes, "a table of all nodes")
    _add(commands, "slots", looking.slots, "a picture of who owns which slots, and which are open")
    call = _add(commands, "call", looking.call, "send a command to every node")
    call.add_argument("--only-masters", "--cluster-only-masters", action="store_true")
    call.add_argument("--only-replicas", "--cluster-only-replicas", action="store_true")
    call.add_argument("--only-this", action="store_true", help="to the node at that address alone")
    # One word at least, and whatever follows it; options of ours may stand before it.
    call.add_argument("words", nargs=argparse.PARSER, metavar="COMMAND")


def _reshaping(commands: "Commands") -> None:
    reshard = _add(commands, "reshard", reshaping.reshard_slots, "move slots, with their keys, to a master")
    reshard.add_argument(
        *("--from", "--cluster-from"),
        dest="sources",
        default="all",
        metavar="NODE,...",
        help="the masters that give slots (default: all)",
    )
    reshard.add_argument("--to", "--cluster-to", required=True, metavar="NODE", help="the master that gets them")
    which = reshard.add_mutually_exclusive_group(required=True)
    which.add_argument("--slots", "--cluster-slots", type=_positive, metavar="COUNT", help="how many")
    which.add_argument("--ranges", type=_ranges, metavar="0-99,200", help="or these very slots, whoever has them")
    rebalance = _add(commands, "rebalance", reshaping.rebalance_slots, "move slots until each master has its share")
    rebalance.add_argument(
        *("--weight", "--cluster-weight"),
        dest="weights",
        nargs="+",
        action="extend",
        type=_weight,
        default=[],
        metavar="NODE=NUMBER",
        help="a master's share, compared with the others' 1; 0 empties it",
    )
    rebalance.add_argument("--threshold", "--cluster-threshold", type=float, default=2.0, metavar="PERCENT")
    rebalance.add_argument("--use-empty-masters", "--cluster-use-empty-masters", action="store_true")
    fix = _add(commands, "fix", reshaping.fix, "close open slots, cover uncovered ones; no key is lost")
    fix.add_argument(
        *("--fix-with-unreachable-masters", "--cluster-fix-with-unreachable-masters"),
        dest="with_lost_masters",
        action="store_true",
        help="give the slots of masters that are gone to others: their keys are lost",
    )
    # What redis-cli does only if told to is always done here.
    fix.add_argument(
        "--search-multiple-owners", "--cluster-search-multiple-owners", help=argparse.SUPPRESS, action="store_true"
    )
    for one in (reshard, rebalance, fix):
        one.add_argument(
            "--pipeline", "--cluster-pipeline", type=_positive, default=100, metavar="KEYS", help="per MIGRATE"
        )
        one.add_argument("--migrate-timeout", "--cluster-timeout", type=_positive, default=60_000, metavar="MS")
        one.add_argument("--replace", "--cluster-replace", action="store_true", help="overwrite keys at the target")
        one.set_defaults(if_interrupted="`pycluster check` says how things are.")
        _confirming(one)


def _membership(commands: "Commands") -> None:
    create = _add(commands, "create", membership.create, "make a cluster of nodes that are empty", address=False)
    create.add_argument("addresses", nargs="+", type=_address, metavar="HOST:PORT")
    create.add_argument("--replicas", "--cluster-replicas", type=int, default=0, help="for each master (default: 0)")
    add = _add(commands, "add-node", membership.add_node, "add an empty node", address=False)
    add.add_argument("new", type=_address, metavar="NEW-HOST:PORT")
    add.add_argument("address", type=_address, metavar="HOST:PORT", help="any member")
    add.add_argument("--replica", "--cluster-slave", action="store_true", help="as a replica, not as an empty master")
    add.add_argument("--master-id", "--cluster-master-id", metavar="NODE", help="whose (default: who has fewest)")
    delete = _add(commands, "del-node", membership.del_node, "remove a node that has no slots")
    delete.add_argument("node", metavar="NODE")
    failover = _add(commands, "failover", membership.failover, "make a replica the master", address=False)
    failover.add_argument("address", type=_address, metavar="HOST:PORT", help="the replica")
    how = failover.add_mutually_exclusive_group()
    how.add_argument("--force", action="store_true", help="without the old master's help")
    how.add_argument("--takeover", action="store_true", help="without anybody's votes")
    failover.add_argument(
        "--wait", type=float, default=30.0, metavar="SECONDS", help="how long it may take (default: 30)"
    )
    for one in (create, add, delete, failover):
        one.set_defaults(if_interrupted="What was begun goes on by itself, or the same command again finishes it.")
        _confirming(one)
    create.set_defaults(
        if_interrupted="If the nodes have met (pycluster nodes), replicas are made by: "
        "pycluster add-node REPLICA MASTER --replica --master-id MASTER"
    )


def _add(
    commands: "Commands",
    name: str,
    act: Callable[[Session, argparse.Namespace], Status],
    help_: str,
    address: bool = True,
) -> argparse.ArgumentParser:
    """A subcommand with the options that all have."""
    one = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    if address:
        one.add_argument("address", type=_address, metavar="HOST:PORT", help="any node of the cluster")
    one.add_argument(
        "-a", "--pass", dest="password", default=os.environ.get("REDISCLI_AUTH"), help="(or REDISCLI_AUTH)"
    )
    one.add_argument("--user")
    one.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long a node may take to answer (default: 5)",
    )
    one.add_argument("--json", action="store_true", help="the result on stdout as JSON, the rest on stderr")
    one.set_defaults(act=act, yes=False, dry_run=False, if_interrupted="Nothing is half done.")
    return one


def _confirming(one: argparse.ArgumentParser) -> None:
    """The options of a subcommand that has a plan, and asks before it carries it out."""
    one.add_argument("--yes", "--cluster-yes", action="store_true", help="don't ask")
    one.add_argument("--dry-run", "--cluster-simulate", action="store_true", help="show the plan, change nothing")


# ---- words on the command line


Value = TypeVar("Value")


def _or_usage(read: Callable[[str], Value], text: str) -> Value:
    """What a reader says about a word that it can't read, argparse would leave out."""
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> Address:
    return _or_usage(read_address, text)


def _ranges(text: str) -> int:
    return _or_usage(read_ranges, text)


def _weight(text: str) -> tuple[str, float]:
    return _or_usage(reshaping.parse_weight, text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
