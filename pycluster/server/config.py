"""The configuration of one running server: what CONFIG GET and CONFIG SET work on, and where the server's parts read.

    config = Config(port=7001, cluster_enabled=True)
    config.maxmemory                                       # a plain attribute: dashes are underscores
    config.on_change("maxmemory", evict)                   # evict(config) runs behind each CONFIG SET that changed it
    config.set([(b"maxmemory", b"1gb"), (b"hz", b"20")])   # all of them or none

A part of the server says by a hook what follows from a change; a hook that cannot do as told raises BadValue, and
everything is put back. Parsing redis.conf and writing it again is config_file.py's.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from pycluster.protocol.errors import Loading, config_set_failed, text_of, unknown_directive
from pycluster.protocol.glob import glob_match
from pycluster.server.directive_kinds import BadValue
from pycluster.server.directives import DIRECTIVES, Directive, Directives, Trait

Hook = Callable[["Config"], None]

HZ_MIN, HZ_MAX = 1, 500


class Config(Directives):
    """The values of the table, alive. Beside them, what a redis.conf may say that is no directive."""

    __slots__ = ("file", "hooks", "modules", "renamed_commands", "users", "warn")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.dir = os.path.realpath(self.dir)
        self.file = ""  # the absolute path of redis.conf, "" when the server was started without one
        self.renamed_commands: list[tuple[bytes, bytes]] = []
        self.users: list[list[bytes]] = []
        self.modules: list[list[bytes]] = []
        self.warn: Callable[[str], None] = lambda sentence: None
        self.hooks: dict[str, list[Hook]] = {}
        self.on_change("tls-port tls-cluster tls-replication", refuse_tls)
        self.settle()

    def on_change(self, names: str, hook: Hook) -> None:
        """The hook is called once behind each CONFIG SET that changed one of these directives, with this config."""
        for name in names.split():
            self.hooks.setdefault(DIRECTIVES[name].name, []).append(hook)

    def path(self, name: str) -> str:
        """A file's path, seen from `dir`."""
        return os.path.join(self.dir, name)

    # CONFIG GET

    def get(self, patterns: Iterable[bytes]) -> dict[bytes, bytes]:
        """Names and values. A name asked for in full comes back as it was written, and shows even hidden directives."""
        found: dict[bytes, bytes] = {}
        names: set[str] = set()
        for pattern in patterns:
            for name in matching(pattern):
                if name in names:
                    continue
                names.add(name)
                shown_name = name.encode() if is_glob(pattern) else pattern
                found[shown_name] = os.fsencode(self.show(DIRECTIVES[name]))
        return found

    def show(self, directive: Directive) -> str:
        return directive.kind.show(getattr(self, directive.attribute))

    # CONFIG SET

    def set(self, pairs: Iterable[tuple[bytes, bytes]], *, is_local: bool = False, is_loading: bool = False) -> None:
        """Sets all or none. `is_local`: asked from this very host, which `enable-protected-configs local` allows."""
        chosen = self._choose(list(pairs), is_local, is_loading)
        before = {directive.attribute: getattr(self, directive.attribute) for _, directive, _ in chosen}
        after = {}
        for name, directive, words in chosen:
            try:
                after[directive.attribute] = directive.kind.read(words, before[directive.attribute])
            except BadValue as reason:
                raise config_set_failed(name, str(reason)) from None
        self._assign(after)
        self._apply([(name, directive) for name, directive, _ in chosen], before)

    def _choose(
        self, pairs: list[tuple[bytes, bytes]], is_local: bool, is_loading: bool
    ) -> list[tuple[str, Directive, list[bytes]]]:
        may_touch_protected = self.enable_protected_configs == "yes" or (
            self.enable_protected_configs == "local" and is_local
        )
        chosen: list[tuple[str, Directive, list[bytes]]] = []
        for written, value in pairs:
            name, directive = find(written)
            if directive is None:
                raise unknown_directive(written)
            if directive.traits & Trait.IMMUTABLE:
                raise config_set_failed(text_of(written), "can't set immutable config")
            if directive.traits & Trait.PROTECTED and not may_touch_protected:
                raise config_set_failed(text_of(written), "can't set protected config")
            if directive.traits & Trait.NOT_WHILE_LOADING and is_loading:
                raise Loading
            if any(name == other for other, _, _ in chosen):
                raise config_set_failed(text_of(written), "duplicate parameter")
            # A directive of many words is split at each single blank here, unlike in redis.conf.
            many = directive.traits & Trait.MANY_WORDS
            chosen.append((name, directive, [value] if not many else value.split(b" ") if value else []))
        return chosen

    def _assign(self, values: dict[str, Any]) -> None:
        for attribute, value in values.items():
            setattr(self, attribute, value)
        self.settle()

    def _apply(self, chosen: list[tuple[str, Directive]], before: dict[str, Any]) -> None:
        """Runs the hooks of what changed, each once. If one refuses, all is put back, and the hooks run for that."""
        due: dict[Hook, str] = {}
        for name, directive in chosen:
            is_changed = getattr(self, directive.attribute) != before[directive.attribute]
            if is_changed or directive.traits & Trait.RELOAD:
                for hook in self.hooks.get(directive.name, ()):
                    due.setdefault(hook, name)
        for hook, name in due.items():
            try:
                hook(self)
            except BadValue as reason:
                self.warn(
                    "Failed applying new configuration. "
                    f"Possibly related to new {name} setting. Restoring previous settings."
                )
                self._assign(before)
                self._apply_restored(due)
                raise config_set_failed(name, str(reason)) from None

    def _apply_restored(self, hooks: Iterable[Hook]) -> None:
        for hook in hooks:
            try:
                hook(self)
            except BadValue as reason:
                self.warn(f"Failed applying restored failed CONFIG SET command: {reason}")

    def settle(self) -> None:
        """Redis takes some values and then makes them fit."""
        self.hz = max(HZ_MIN, min(self.hz, HZ_MAX))
        if self.cluster_enabled and self.databases > 1:
            self.databases = 1


def find(written: bytes) -> tuple[str, Directive | None]:
    """A directive by a name in any letter case: its name, and what it is if it is one."""
    name = os.fsdecode(written.lower())
    return name, DIRECTIVES.get(name)


def matching(pattern: bytes) -> list[str]:
    """The names, aliases among them, that a pattern of CONFIG GET means; in the order of the table."""
    if not is_glob(pattern):
        name, directive = find(pattern)
        return [name] if directive else []
    return [
        name
        for name, directive in DIRECTIVES.items()
        if not directive.traits & Trait.HIDDEN and glob_match(pattern, name.encode(), nocase=True)
    ]


def is_glob(pattern: bytes) -> bool:
    return any(letter in pattern for letter in b"[*?")


def refuse_tls(config: Config) -> None:
    if config.tls_port or config.tls_cluster or config.tls_replication:
        raise BadValue("Unable to update TLS configuration. Check server logs.")
