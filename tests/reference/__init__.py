"""What a redis-server 7.2.4 said of itself, as data, and the way to it.

config-defaults.json is CONFIG GET * of a cluster node without TLS, info-fields.json the names in INFO everything.
additions.json holds what a valkey-server 9.1 said of the little that we have beyond 7.2, in the same form.
"""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def redis_7_2(name: str) -> Any:
    """One of the answers: "config-defaults" or "info-fields"."""
    return json.loads((HERE / f"{name}.json").read_text())


def additions(name: str) -> Any:
    """Valkey's answer to the same question, about what we took over from it."""
    return json.loads((HERE / "additions.json").read_text())[name]


def reference(name: str) -> Any:
    """Both: what all that we have is to be like."""
    return redis_7_2(name) | additions(name)
