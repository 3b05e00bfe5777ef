"""What a redis-server 7.2.4 said of itself, as data, and the way to it.

config-defaults.json is CONFIG GET * of a cluster node without TLS, info-fields.json the names in INFO everything.
"""

import json
from pathlib import Path
from typing import Any


def redis_7_2(name: str) -> Any:
    """One of the answers: "config-defaults" or "info-fields"."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text())
