"""What a replica and its primary say to each other before any data flow: PING, AUTH, REPLCONF, PSYNC.

A `Handshake` is a value that is fed with the primary's bytes and returns what is to be done: it does no I/O and reads
no clock. PING is asked first and alone, since an answer to it proves that somebody is there who speaks; then the
introduction in one go; at last PSYNC, with the place in the stream from which the replica could go on.
"""

from dataclasses import dataclass

from pycluster.protocol.replies import encode_request
from pycluster.replication.history import ID_LENGTH, NO_ID

# What is to be done


@dataclass(slots=True, frozen=True)
class Send:
    request: bytes


@dataclass(slots=True, frozen=True)
class Log:
    level: str
    text: str


@dataclass(slots=True, frozen=True)
class FullSync:
    """The primary will send its whole dataset, and then its stream from behind this offset on."""

    id: str
    offset: int


@dataclass(slots=True, frozen=True)
class Continue:
    """The primary goes on behind what we have; under another id if it was promoted meanwhile."""

    id: str | None


@dataclass(slots=True, frozen=True)
class GiveUp:
    """Nothing comes of it now. The place in the stream remains good for the next attempt."""

    refused: bool = False  # PSYNC itself, not what came before it


Action = Send | Log | FullSync | Continue | GiveUp


@dataclass(slots=True, frozen=True)
class Introduction:
    """What a replica says of itself. `position` is the id of its stream and the first byte it lacks, if it has one."""

    port: int
    ip: str = ""  # only if it was told to announce one
    user: bytes = b""
    password: bytes = b""
    position: tuple[str, int] | None = None
    is_failover: bool = False  # the primary is still our replica: it is to take our place


# What we can as a replica, said as a version of Valkey, whose replicas tell theirs: follow SETSLOT, but nothing that
# came later. Its primaries send us what slots are open, a snapshot that an 8.0 can read, and no commands of 9.
ABLE_AS = b"8.0.0"

# An answer to PING by which the primary shows that it is there, although it wants a password first.
_GOOD_ENOUGH = ("+", "-NOAUTH", "-NOPERM", "-ERR operation not permitted")
# Answers to PSYNC of a primary that will be able to serve us later: it is loading, or lost its own primary.
_LATER = ("-NOMASTERLINK", "-LOADING")


class Handshake:
    """One attempt. `rest` is what the primary sent behind its last answer: the dataset, or the stream."""

    def __init__(self, introduction: Introduction) -> None:
        self.rest = b""
        self._me = introduction
        self._unread = b""
        self._questions: list[str] = []  # asked and not answered yet

    @property
    def waits_for_stream(self) -> bool:
        """Has PSYNC been asked, and not answered yet?"""
        return self._questions == ["PSYNC"]

    def begin(self) -> list[Action]:
        """The connection is there."""
        self._questions.append("PING")
        return [Log("notice", "Non blocking connect for SYNC fired the event."), Send(encode_request([b"PING"]))]

    def receive(self, piece: bytes) -> list[Action]:
        """The primary has said something."""
        actions: list[Action] = []
        self._unread += piece
        while self._questions and b"\n" in self._unread:
            line, _, self._unread = self._unread.partition(b"\n")
            answer = line.rstrip(b"\r").decode("latin-1")
            if not answer:
                continue  # a sign of life, while the primary prepares
            actions += self._take(self._questions.pop(0), answer)
            if any(isinstance(action, GiveUp) for action in actions):
                self._questions.clear()
        if not self._questions:
            self.rest, self._unread = self._unread, b""
        return actions

    def _take(self, question: str, answer: str) -> list[Action]:
        match question:
            case "PING":
                if not answer.startswith(_GOOD_ENOUGH):
                    return [Log("warning", f"Error reply to PING from master: '{answer}'"), GiveUp()]
                return [Log("notice", "Master replied to PING, replication can continue..."), self._introduce()]
            case "AUTH":
                if answer.startswith("-"):
                    return [Log("warning", f"Unable to AUTH to MASTER: {answer}"), GiveUp()]
                return []
            case "PSYNC":
                return self._conclude(answer)
        complaint = Log("notice", f"(Non critical) Master does not understand REPLCONF {question}: {answer}")
        actions: list[Action] = [complaint] if answer.startswith("-") else []
        if not self._questions:
            actions += self._ask_for_stream()
        return actions

    def _introduce(self) -> Send:
        """Says who we are, all at once."""
        me = self._me
        request = b""
        if me.password:
            self._questions.append("AUTH")
            request += encode_request([b"AUTH", *([me.user] if me.user else []), me.password])
        self._questions.append("listening-port")
        request += encode_request([b"REPLCONF", b"listening-port", b"%d" % me.port])
        if me.ip:
            self._questions.append("ip-address")
            request += encode_request([b"REPLCONF", b"ip-address", me.ip.encode()])
        self._questions.append("capa")
        request += encode_request([b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"])
        self._questions.append("version")
        request += encode_request([b"REPLCONF", b"version", ABLE_AS])
        return Send(request)

    def _ask_for_stream(self) -> list[Action]:
        self._questions.append("PSYNC")
        if self._me.position is None:
            what = Log("notice", "Partial resynchronization not possible (no cached master)")
            return [what, Send(encode_request([b"PSYNC", b"?", b"-1"]))]
        id, offset = self._me.position
        what = Log("notice", f"Trying a partial resynchronization (request {id}:{offset}).")
        order = [b"FAILOVER"] if self._me.is_failover else []
        return [what, Send(encode_request([b"PSYNC", id.encode(), b"%d" % offset, *order]))]

    def _conclude(self, answer: str) -> list[Action]:
        """The answer to PSYNC decides."""
        if answer.startswith("+FULLRESYNC"):
            words = answer.split(" ")
            if len(words) != 3 or len(words[1]) != ID_LENGTH or not words[2].isdigit():
                # It does mean a full sync; without an id of its stream the next attempt will be one too.
                return [Log("warning", "Master replied with wrong +FULLRESYNC syntax."), FullSync(NO_ID, 0)]
            _, id, offset = words
            return [Log("notice", f"Full resync from master: {id}:{offset}"), FullSync(id, int(offset))]
        if answer.startswith("+CONTINUE"):
            id = answer[len("+CONTINUE ") :]
            renamed = len(id) == ID_LENGTH and self._me.position is not None and id != self._me.position[0]
            actions: list[Action] = [Log("notice", "Successful partial resynchronization with master.")]
            if renamed:
                actions.append(Log("notice", f"Master replication ID changed to {id}"))
            return [*actions, Continue(id if renamed else None)]
        if answer.startswith(_LATER):
            return [
                Log("notice", f"Master is currently unable to PSYNC but should be in the future: {answer}"),
                GiveUp(refused=True),
            ]
        if answer.startswith("-ERR"):
            why = Log("notice", f"Master does not support PSYNC or is in error state (reply: {answer})")
        else:
            why = Log("warning", f"Unexpected reply to PSYNC from master: {answer}")
        if self._me.is_failover:
            return [why, GiveUp(refused=True)]
        return [why, Log("notice", "Retrying with SYNC..."), Send(b"SYNC\r\n"), FullSync(NO_ID, 0)]
