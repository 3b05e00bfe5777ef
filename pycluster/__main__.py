"""pycluster-server: from argv and redis.conf to a server that serves, and to its end.

The steps and what the log says of them come in Redis' order, because people's scripts wait for them. All that concerns
the process as a whole is decided here and in process.py: daemon or not, its directory, its limits, its signals, its
event loop, its garbage collector.
"""

import asyncio
import gc
import os
import signal
import sys
from functools import partial

import uvloop

from pycluster import process
from pycluster.admin.catalogue import GROUPS
from pycluster.cluster.nodes_conf import Corrupt
from pycluster.files.nodes_file import InUse
from pycluster.server import data_part
from pycluster.server.cluster_part import ClusterPart
from pycluster.server.config import Config
from pycluster.server.config_file import CannotOpen, ConfigFileError, Loader, read_arguments
from pycluster.server.directive_kinds import BadValue
from pycluster.server.listening import CannotListen, Listeners
from pycluster.server.log import Log
from pycluster.server.renaming import rename_commands
from pycluster.server.server import Server
from pycluster.server.shutdown import Manner
from pycluster.server.version import REDIS_VERSION, VERSION
from pycluster.wire import connections_of

USAGE = """\
Usage: pycluster-server [/path/to/redis.conf] [--directive value ...] [-]
       pycluster-server -               reads its configuration from standard input
       pycluster-server -v, --version
       pycluster-server -h, --help

Any directive of redis.conf may be said as an option; what is said later wins. For example:
       pycluster-server --port 7001 --cluster-enabled yes
       pycluster-server /etc/redis/7001.conf --loglevel verbose
       echo 'maxmemory 128mb' | pycluster-server -
"""


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Starts a server and lets it live; the exit status."""
    match words:
        case ["-v" | "--version", *_]:
            print(f"Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits=64 build=0 pycluster={VERSION}")
            return 0
        case ["-h" | "--help", *_]:
            sys.stderr.write(USAGE)
            return 1
    if "--sentinel" in words:
        sys.stderr.write("pycluster-server has no Sentinel mode: the nodes of a cluster fail over by themselves.\n")
        return 1
    config = Config()
    log = Log(config, pid=0)  # nobody's yet: until it is a server, the process' lines bear the letter C
    if not read_configuration(words, config, log):
        return 1
    os.chdir(config.dir)
    process.warn_of_host(config, log)
    supervisor = process.supervisor(config, log)
    if config.daemonize and supervisor == "no":
        process.daemonize()
    say_hello(words, config, log)
    log.pid = os.getpid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if not process.allow_clients(config, log):
        return 1
    log.notice("monotonic clock: POSIX clock_gettime")
    process.write_pid_file(config, log)
    mode = "cluster" if config.cluster_enabled else "standalone"
    log.notice(f"Running mode={mode}, port={config.port or config.tls_port}.")
    process.warn_of_backlog(config, log)
    if not can_do_what_is_asked(config, log):
        return 1
    gc.disable()  # cron collects, in small portions
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(config, log, supervisor))


def read_configuration(words: list[str], config: Config, log: Log) -> bool:
    """Puts into the config what file, standard input and options say; False if that is no configuration."""
    arguments = read_arguments(words)
    config.file = arguments.path
    config.warn = log.warning
    names = [declaration.name.encode() for group in GROUPS for declaration in group.declarations]
    standard_input = b""
    if arguments.from_standard_input:
        log.notice("Reading config from stdin")
        standard_input = sys.stdin.buffer.read()
    try:
        Loader(config, names, warn=log.warning).load(arguments.path, standard_input, arguments.options)
    except CannotOpen as problem:
        log.warning(str(problem))
        return False
    except ConfigFileError as problem:
        sys.stderr.buffer.write(os.fsencode(str(problem)))
        return False
    return True


def say_hello(words: list[str], config: Config, log: Log) -> None:
    log.notice("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
    log.notice(f"Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={os.getpid()}, just started")
    log.notice(f"pycluster version={VERSION}, python={sys.version.split()[0]}")
    if words:
        log.notice("Configuration loaded")
    else:
        log.warning(
            "Warning: no config file specified, using the default config. In order to specify a config file use "
            f"{sys.argv[0]} /path/to/redis.conf"
        )


def can_do_what_is_asked(config: Config, log: Log) -> bool:
    """What would be wrong to ignore ends the start."""
    if config.modules:
        if path := next((os.fsdecode(words[0]) for words in config.modules if words), ""):
            log.warning(f"Module {path} failed to load: pycluster runs no modules, they are libraries of redis-server")
            log.warning(f"Can't load module from {path}: server aborting")
        else:
            log.warning("Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting")
        return False
    if config.tls_port or config.tls_cluster or config.tls_replication:
        log.warning("Failed finding TLS support.")
        return False
    return True


async def serve(config: Config, log: Log, supervisor: str) -> int:
    """The server's life inside the event loop."""
    loop = asyncio.get_running_loop()
    server = Server(config, GROUPS, log, loop)
    rename_commands(server.table, config.renamed_commands)
    listeners = Listeners(config, log, loop, connections_of(server))
    server.info.add("Server", lambda: {"process_supervised": supervisor})
    server.info.add("Server", listeners.info)
    config.on_change("maxclients", partial(change_maxclients, log=log))
    config.on_change("dir", lambda config: os.chdir(config.dir))
    server.shutdown.add_duty(lambda manner: process.remove_pid_file(config, log))
    try:
        if server.clustered:
            server.cluster = ClusterPart(server)
        listeners.open()
        if server.clustered:
            await server.cluster.listen()
    except (InUse, Corrupt) as problem:
        log.warning(str(problem))
        return 1
    except CannotListen:
        return 1
    heed_signals(server, loop)
    log.notice("Server initialized")
    server.set_loading(True)
    await listeners.accept()  # from here on clients are told LOADING
    if not await data_part.load(server):
        return 1
    if server.clustered:
        server.cluster.start()
    listeners.say_ready()
    process.tell_systemd("STATUS=Ready to accept connections\nREADY=1")
    server.cron.start()
    await server.shutdown.done
    server.cron.stop()
    listeners.close()
    if server.clustered:
        await server.cluster.close()
    log.warning("Redis is now ready to exit, bye bye...")
    return 0


def change_maxclients(config: Config, log: Log) -> None:
    asked = config.maxclients
    process.allow_clients(config, log)
    if config.maxclients != asked:
        raise BadValue(
            f"The operating system is not able to handle the specified number of clients, try with {config.maxclients}"
        )


def heed_signals(server: Server, loop: asyncio.AbstractEventLoop) -> None:
    """SIGTERM and SIGINT end the server in the manner that shutdown-on-sigterm and -sigint say."""

    def end(name: str) -> None:
        if server.shutdown.is_under_way and name == "SIGINT":
            server.log.signal("You insist... exiting now.")
            os._exit(1)  # somebody at a terminal who has pressed Ctrl-C twice
        server.log.signal(f"Received {name} scheduling shutdown...")
        config = server.config
        words = config.shutdown_on_sigint if name == "SIGINT" else config.shutdown_on_sigterm
        server.shutdown.begin(Manner.named(words))

    loop.add_signal_handler(signal.SIGTERM, end, "SIGTERM")
    loop.add_signal_handler(signal.SIGINT, end, "SIGINT")


if __name__ == "__main__":
    main()
