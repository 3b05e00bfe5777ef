"""`pycluster up` and `down`, which `make cluster` uses: a cluster on this machine, to try things with.

Each node has a directory of its own under run/, named after its port, and outlives this program. A cluster that was
stopped comes back with its ids and data, and with the nodes that have come to it or gone meanwhile; one that runs is
shown, not started twice.
"""

import shutil
import socket
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hiredis
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table

from pycluster.testing import Cluster, Node, StartFailed
from pycluster.testing.connection import Word
from pycluster.testing.ports import BUS_OFFSET
from pycluster.tools.node_lines import read_node_lines, show_count
from pycluster.tools.outcomes import Refused, Status, Unwell, Usage
from pycluster.tools.session import Session

# Redis' own 15 s are for machines in a rack; somebody who tries out a failover wants to see it.
NODE_TIMEOUT_MS = 2000
START_TIMEOUT_S = 60.0
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Words:
    """What to type next, in the words of whoever was called: make, or this command itself."""

    up: str = "pycluster up"
    down: str = "pycluster down"
    clean: str = "pycluster down --clean"
    other_ports: str = "pycluster up --base-port 8001"


MAKE = Words("make cluster", "make cluster-stop", "make cluster-clean", "make cluster BASE_PORT=8001")


def words_of(arguments: Namespace) -> Words:
    words = MAKE if arguments.from_make else Words()
    arguments.if_interrupted = f"What was started goes on: `{words.up}` shows it, `{words.down}` ends it."
    return words


def up(session: Session, arguments: Namespace) -> Status:
    if arguments.masters < 1 or arguments.replicas < 0:
        raise Usage("A cluster has at least one master, and no fewer than 0 replicas.")
    words = words_of(arguments)
    masters, replicas = arguments.masters, arguments.replicas
    if ports := ports_of_old(arguments.directory, arguments.base_port):
        masters, replicas = len(ports), 0  # what they are to each other they know
    count = masters * (1 + replicas)
    if not 1 <= arguments.base_port <= HIGHEST_PORT - BUS_OFFSET - count + 1:
        raise Usage(f"{count} ports and those {BUS_OFFSET} above, of the bus, must lie within 1-{HIGHEST_PORT}.")
    cluster = Cluster(
        masters,
        replicas,
        ports=ports or range(arguments.base_port, arguments.base_port + count),
        directory=arguments.directory,
        program=arguments.program,
        node_timeout_ms=NODE_TIMEOUT_MS,
        daemon=True,
    )
    try:
        start(session.console, cluster, words)
    except (StartFailed, TimeoutError, hiredis.ReplyError) as error:
        raise Unwell(str(error)) from None
    nodes = [{"address": node.address, "pid": node.pid, "directory": str(node.directory)} for node in cluster.nodes]
    session.result(nodes)
    return Status.OK


def down(session: Session, arguments: Namespace) -> Status:
    words = words_of(arguments)
    if arguments.clean:
        stopped = clean(session.console, arguments.directory)
    else:
        stopped = stop(session.console, arguments.directory, words)
    session.result({"stopped": stopped})
    return Status.OK


def start(console: Console, cluster: Cluster, words: Words) -> None:
    began = time.monotonic()
    if all(node.is_running for node in cluster.nodes):
        watch_until_ok(console, cluster)
        console.print(f"The cluster is running already, on {cluster.nodes[0].address}-{cluster.nodes[-1].port}.\n")
        show(console, cluster, words)
        return
    refuse_taken_ports((node.port for node in cluster.nodes if not node.is_running), words)
    watch_until_ok(console, cluster)
    keys = write_and_read_back(cluster)
    took_s = time.monotonic() - began
    console.print(f"Up in {took_s:.1f} s; {keys} keys written through one node each and read through another.\n")
    show(console, cluster, words)


def ports_of_old(directory: Path, first: int) -> list[int]:
    """The ports of a cluster that was here before, by what its first node remembers; of those that live here."""
    try:
        remembered = (directory / str(first) / "nodes.conf").read_text()
    except OSError:
        return []
    lines = read_node_lines("\n".join(line for line in remembered.splitlines() if not line.startswith("vars ")))
    members = {line.address.port for line in lines if line.is_member}
    return sorted(port for port in {first, *members} if (directory / str(port)).is_dir())


def stop(console: Console, directory: Path, words: Words) -> int:
    if stopped := stop_nodes(console, directory):
        console.print(f"{show_count(stopped, 'node')} stopped. `{words.up}` brings them back as they were.")
    else:
        console.print("No node is running.")
    return stopped


def clean(console: Console, directory: Path) -> int:
    stopped = stop_nodes(console, directory)
    for node in nodes_in(directory):
        shutil.rmtree(node.directory)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    console.print(f"{directory}/ is gone." if not directory.exists() else f"No node is left in {directory}/.")
    return stopped


def stop_nodes(console: Console, directory: Path) -> int:
    running = [node for node in nodes_in(directory) if node.is_running]
    with console.status(f"Stopping {len(running)} nodes ..."):
        for node in running:
            node.terminate()
        for node in running:
            node.wait_gone()
    return len(running)


def nodes_in(directory: Path) -> list[Node]:
    """The nodes that have ever been started there, whatever their ports."""
    confs = sorted(directory.glob("*/redis.conf"))
    return [Node(int(conf.parent.name), conf.parent, daemon=True) for conf in confs if conf.parent.name.isdigit()]


def refuse_taken_ports(ports: Iterator[int], words: Words) -> None:
    for port in ports:
        for taken in (port, port + BUS_OFFSET):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", taken))
                except OSError as error:
                    raise Refused(
                        f"Port {taken} can't be used ({error.strerror}). Choose others: {words.other_ports}"
                    ) from None


def write_and_read_back(cluster: Cluster, keys: int = 12) -> int:
    """Each key is written through one node and read through the next, following redirects as a client does."""
    count = len(cluster.nodes)
    for number in range(keys):
        writer, reader = cluster.nodes[number % count], cluster.nodes[(number + 1) % count]
        key, value = f"try:{number}", f"written through {writer.port}".encode()
        ask_following(cluster, writer, "SET", key, value)
        read = ask_following(cluster, reader, "GET", key)
        if read != value:
            raise Refused(f"{key} was written through {writer.address}, but {reader.address} reads {read!r}")
    return keys


def ask_following(cluster: Cluster, node: Node, *words: Word) -> object:
    try:
        return node.ask(*words)
    except hiredis.ReplyError as error:
        reason, _, where = str(error).partition(" ")
        if reason != "MOVED":
            raise
        return cluster.node(int(where.rpartition(":")[2])).ask(*words)


# ---- drawing


def watch_until_ok(console: Console, cluster: Cluster) -> None:
    """Start what doesn't run and show what each node is still waiting for, until there is nothing."""
    deadline = time.monotonic() + START_TIMEOUT_S
    troubles = {node.address: f"{node.address} ..." for node in cluster.nodes}
    with Live(progress(troubles), console=console, refresh_per_second=12, transient=True) as live:
        cluster.launch()
        while any(troubles.values()):
            if time.monotonic() > deadline:
                node = next(node for node in cluster.nodes if troubles[node.address])
                raise TimeoutError(f"{troubles[node.address]}\nThe end of its log:\n{node.log_end()}")
            time.sleep(0.05)
            troubles = {node.address: trouble_of(cluster, node) for node in cluster.nodes}
            live.update(progress(troubles))


def trouble_of(cluster: Cluster, node: Node) -> str:
    """What the node is still waiting for; nothing if it is well."""
    if not node.is_running:
        node.refuse_failed_start()
        return f"{node.address} is not running yet"
    try:
        return cluster.why_node_not_ok(node)
    except OSError:
        return f"{node.address} does not listen yet"


def progress(troubles: dict[str, str]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for address, trouble in troubles.items():
        table.add_row(Spinner("dots") if trouble else "[green]✓", trouble or f"{address} is ok")
    return Group(f"Starting {len(troubles)} nodes ...", table)


def show(console: Console, cluster: Cluster, words: Words) -> None:
    console.print(nodes_table(cluster))
    first = cluster.nodes[0].port
    missing = "" if shutil.which("redis-cli") else "[dim]# which is not here (Debian: apt-get install redis-tools)\n"
    lines = [
        f"redis-cli -c -p {first}",
        missing,
        "[dim]# or in Python (.venv/bin/python):",
        "from redis.cluster import RedisCluster",
        f'cluster = RedisCluster(host="127.0.0.1", port={first})',
        'cluster.set("name", "zhangsan"); cluster.get("name")',
    ]
    console.print(Panel("\n".join(lines), title="what to type next", title_align="left", expand=False))
    console.print(f"{words.down} ends it and keeps the data; {words.clean} deletes it.")


def nodes_table(cluster: Cluster) -> Table:
    """CLUSTER NODES as the first node has it, and of our own nodes what each says itself."""
    lines = [line.split() for line in cluster.nodes[0].ask("CLUSTER", "NODES").decode().splitlines()]
    address = {line[0]: line[1].partition("@")[0] for line in lines}
    ours = {node.address: node for node in cluster.nodes}
    table = Table()
    for title in ("node", "role", "slots", "keys", "pid", "id"):
        table.add_column(title, justify="right" if title in {"keys", "pid"} else "left")
    lines.sort(key=lambda line: int(address[line[0]].rpartition(":")[2]))
    for id_, _, _, master, _, _, _, _, *slots in lines:
        node = ours.get(address[id_])  # somebody may have made more nodes meet these
        role = "master" if master == "-" else f"replica of {address[master].rpartition(':')[2]}"
        keys, pid = (str(node.ask("DBSIZE")), str(node.pid)) if node else ("", "")
        table.add_row(address[id_], role, " ".join(slots), keys, pid, id_[:8])
    return table
