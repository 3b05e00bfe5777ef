"""What a redis-server 7.2.4 said of itself, as data, and the way to it.

config-defaults.json is CONFIG GET * of a cluster node without TLS, info-fields.json the names in INFO everything.
Beside that, what a valkey-server 9.1 says of the commands that we have from it.
"""

import json
from pathlib import Path
from typing import Any


def redis_7_2(name: str) -> Any:
    """One of the answers: "config-defaults" or "info-fields"."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())


def with_valkey(name: str) -> Any:
    """The same for "commands" and "command-docs", with what is Valkey's and not Redis'."""
    return redis_7_2(name) | redis_7_2(f"valkey-{name}")
