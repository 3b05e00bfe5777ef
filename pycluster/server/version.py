"""Which server this is. Clients look at Redis' number to know what they may ask for; ours is for people."""

REDIS_VERSION = "7.2.4"  # the Redis whose behaviour decides
SERVER_NAME = "pycluster"
VERSION = "0.1.0"  # the same as in pyproject.toml
