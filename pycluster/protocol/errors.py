"""Every error text that a client can see, each once, in Redis' own words.

An error is raised from whatever depth notices it and caught once, in `server.execute`; it may also be a reply
value (EXEC answers a list in which some members are errors). Raise the class (`raise WrongType`), not a shared
instance: a ready-made instance collects tracebacks. The first word of the text is the code that clients switch
on and that INFO errorstats counts.
"""


class ReplyError(Exception):
    """An error reply: `text` is what follows the '-' on the wire, code first. In it CR and LF become spaces."""

    text = "ERR internal error"

    def __init__(self, text: str | None = None) -> None:
        super().__init__()
        if text is not None:
            self.text = text

    def __str__(self) -> str:
        return self.text

    @property
    def code(self) -> str:
        """The word before the first space: what errorstats counts it under."""
        return self.text.split(" ", 1)[0]


class ProtocolError(Exception):
    """The bytes received are not a request: the client is told `-ERR Protocol error: …` and the connection ends."""


# Arguments


class BadSyntax(ReplyError):
    text = "ERR syntax error"


class NotAnInteger(ReplyError):
    text = "ERR value is not an integer or out of range"


class NotAFloat(ReplyError):
    text = "ERR value is not a valid float"


class MinOrMaxNotAFloat(ReplyError):
    text = "ERR min or max is not a float"


class MinOrMaxNotAStringRange(ReplyError):
    text = "ERR min or max not valid string range item"


class OutOfRange(ReplyError):
    text = "ERR value is out of range"


class OffsetOutOfRange(ReplyError):
    text = "ERR offset is out of range"


class MustBePositive(ReplyError):
    text = "ERR value is out of range, must be positive"


class IndexOutOfRange(ReplyError):
    text = "ERR index out of range"


class WouldOverflow(ReplyError):
    text = "ERR increment or decrement would overflow"


class WouldDecrementOverflow(ReplyError):
    text = "ERR decrement would overflow"


class WouldBeNanOrInfinity(ReplyError):
    text = "ERR increment would produce NaN or Infinity"


class OutOf32Bits(ReplyError):
    text = "ERR value is out of range, value must between -2147483648 and 2147483647"


class OutOfSymmetricRange(ReplyError):
    text = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"


class NumkeysTooSmall(ReplyError):
    text = "ERR numkeys should be greater than 0"


class NumkeysTooLarge(ReplyError):
    text = "ERR Number of keys can't be greater than number of args"


def at_least_one_key(command: str) -> ReplyError:
    return ReplyError(f"ERR at least 1 input key is needed for '{command}' command")


class CountTooSmall(ReplyError):
    text = "ERR count should be greater than 0"


class CountNegative(ReplyError):
    text = "ERR COUNT can't be negative"


class LimitNegative(ReplyError):
    text = "ERR LIMIT can't be negative"


class MaxlenNegative(ReplyError):
    text = "ERR MAXLEN can't be negative"


class RankIsZero(ReplyError):
    text = (
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
        "or use negative to start from the end of the list"
    )


class XxAndNxTogether(ReplyError):
    text = "ERR XX and NX options at the same time are not compatible"


class GtLtNxTogether(ReplyError):
    text = "ERR GT, LT, and/or NX options at the same time are not compatible"


class IncrOfSeveral(ReplyError):
    text = "ERR INCR option supports a single increment-element pair"


class LimitOfRanks(ReplyError):
    text = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"


class ScoresOfLexRange(ReplyError):
    text = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"


class WeightNotAFloat(ReplyError):
    text = "ERR weight value is not a float"


class IncrementNanOrInfinity(ReplyError):
    text = "ERR value is NaN or Infinity"


class TimeoutNotAFloat(ReplyError):
    text = "ERR timeout is not a float or out of range"


class TimeoutNotAnInteger(ReplyError):
    text = "ERR timeout is not an integer or out of range"


class TimeoutOutOfRange(ReplyError):
    text = "ERR timeout is out of range"


class TimeoutNegative(ReplyError):
    text = "ERR timeout is negative"


class InvalidCursor(ReplyError):
    text = "ERR invalid cursor"


def invalid_expire_time(command: str) -> ReplyError:
    return ReplyError(f"ERR invalid expire time in '{command}' command")


def wrong_number_of_arguments(command: str) -> ReplyError:
    return ReplyError(f"ERR wrong number of arguments for '{command}' command")


def unknown_command(args: list[bytes]) -> ReplyError:
    """Names the command and shows what came with it, both cut as Redis cuts them (at 128 bytes)."""
    shown = ""
    for arg in args[1:]:
        if len(shown) >= 128:
            break
        shown += f"'{text_of(arg)[: 128 - len(shown)]}' "
    return ReplyError(f"ERR unknown command '{text_of(args[0])[:128]}', with args beginning with: {shown}")


def unknown_subcommand(container: str, subcommand: bytes) -> ReplyError:
    return ReplyError(f"ERR unknown subcommand '{text_of(subcommand)[:128]}'. Try {container.upper()} HELP.")


class SubcommandMisused(ReplyError):
    """Raised by a subcommand that nobody could call with so many arguments; `execute` says which one that was."""


def subcommand_misused(args: list[bytes]) -> ReplyError:
    container, subcommand = text_of(args[0]).upper(), text_of(args[1])[:128]
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP."
    )


def text_of(received: bytes) -> str:
    """Bytes a user sent, as they come back in an error: one character a byte, so that nothing fails to decode."""
    return received.decode("latin-1")


# Keys and values


class WrongType(ReplyError):
    text = "WRONGTYPE Operation against a key holding the wrong kind of value"


class NoSuchKey(ReplyError):
    text = "ERR no such key"


class SameObject(ReplyError):
    text = "ERR source and destination objects are the same"


class HashValueNotAnInteger(ReplyError):
    text = "ERR hash value is not an integer"


class HashValueNotAFloat(ReplyError):
    text = "ERR hash value is not a float"


class ValueNotAFloat(ReplyError):
    text = "ERR value is not a valid float"


class StringTooLong(ReplyError):
    text = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"


class BadDataFormat(ReplyError):
    text = "ERR Bad data format"


class BusyKey(ReplyError):
    text = "BUSYKEY Target key name already exists."


class InvalidTtl(ReplyError):
    text = "ERR Invalid TTL value, must be >= 0"


class InvalidIdleTime(ReplyError):
    text = "ERR Invalid IDLETIME value, must be >= 0"


class InvalidFrequency(ReplyError):
    text = "ERR Invalid FREQ value, must be >= 0 and <= 255"


class KeyBesideKeys(ReplyError):
    text = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"


def cannot_reach_target(doing: str) -> ReplyError:
    return ReplyError(f"IOERR error or timeout {doing}")


def target_replied(error: str) -> ReplyError:
    return ReplyError(f"ERR Target instance replied with error: {error}")


class ScoreNotANumber(ReplyError):
    text = "ERR resulting score is not a number (NaN)"


# Streams


class InvalidStreamId(ReplyError):
    text = "ERR Invalid stream ID specified as stream command argument"


class InvalidStartOfInterval(ReplyError):
    text = "ERR invalid start ID for the interval"


class InvalidEndOfInterval(ReplyError):
    text = "ERR invalid end ID for the interval"


class StreamIdIsZero(ReplyError):
    text = "ERR The ID specified in XADD must be greater than 0-0"


class StreamIdTooSmall(ReplyError):
    text = "ERR The ID specified in XADD is equal or smaller than the target stream top item"


class StreamExhausted(ReplyError):
    text = "ERR The stream has exhausted the last possible ID, unable to add more items"


class StreamEntryTooLarge(ReplyError):
    text = "ERR Elements are too large to be stored"


class MaxlenAndMinidTogether(ReplyError):
    text = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"


class TrimLengthNegative(ReplyError):
    text = "ERR The MAXLEN argument must be >= 0."


class TrimLimitNegative(ReplyError):
    text = "ERR The LIMIT argument must be >= 0."


class TrimLimitAlone(ReplyError):
    text = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"


class TrimLimitOfExact(ReplyError):
    text = "ERR syntax error, LIMIT cannot be used without the special ~ option"


class TrimWithoutStrategy(ReplyError):
    text = "ERR syntax error, XTRIM must be called with a trimming strategy"


class GroupOfXread(ReplyError):
    text = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."


class NoackOfXread(ReplyError):
    text = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."


class NewOnlyOfXread(ReplyError):
    text = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."


class MissingGroup(ReplyError):
    text = "ERR Missing GROUP option for XREADGROUP"


class LastIdOfXreadgroup(ReplyError):
    text = (
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by "
        "specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
    )


class GroupNeedsKey(ReplyError):
    text = (
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
        "option to create an empty stream automatically."
    )


class GroupExists(ReplyError):
    text = "BUSYGROUP Consumer Group name already exists"


class EntriesReadNegative(ReplyError):
    text = "ERR value for ENTRIESREAD must be positive or -1"


class EntriesAddedNegative(ReplyError):
    text = "ERR entries_added must be positive"


class LastIdBelowGivenDeleted(ReplyError):
    text = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"


class LastIdBelowDeleted(ReplyError):
    text = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"


class LastIdBelowTop(ReplyError):
    text = "ERR The ID specified in XSETID is smaller than the target stream top item"


class EntriesAddedBelowLength(ReplyError):
    text = "ERR The entries_added specified in XSETID is smaller than the target stream length"


class ClaimMinIdleInvalid(ReplyError):
    text = "ERR Invalid min-idle-time argument for XCLAIM"


class ClaimIdleInvalid(ReplyError):
    text = "ERR Invalid IDLE option argument for XCLAIM"


class ClaimTimeInvalid(ReplyError):
    text = "ERR Invalid TIME option argument for XCLAIM"


class ClaimRetryCountInvalid(ReplyError):
    text = "ERR Invalid RETRYCOUNT option argument for XCLAIM"


class AutoclaimMinIdleInvalid(ReplyError):
    text = "ERR Invalid min-idle-time argument for XAUTOCLAIM"


class AutoclaimCountTooSmall(ReplyError):
    text = "ERR COUNT must be > 0"


def unbalanced_streams(command: str, symbol: str) -> ReplyError:
    return ReplyError(
        f"ERR Unbalanced '{command}' list of streams: for each stream key an ID or '{symbol}' must be specified."
    )


def no_group_to_read(key: bytes, group: bytes) -> ReplyError:
    return ReplyError(no_key_or_group(key, group).text + " in XREADGROUP with GROUP option")


def no_key_or_group(key: bytes, group: bytes) -> ReplyError:
    return ReplyError(f"NOGROUP No such key '{text_of(key)}' or consumer group '{text_of(group)}'")


def no_group(key: bytes, group: bytes) -> ReplyError:
    return ReplyError(f"NOGROUP No such consumer group '{text_of(group)}' for key name '{text_of(key)}'")


def unknown_claim_option(word: bytes) -> ReplyError:
    return ReplyError(f"ERR Unrecognized XCLAIM option '{text_of(word)}'")


# Sessions and transactions


class AuthenticationRequired(ReplyError):
    text = "NOAUTH Authentication required."


class WrongPassword(ReplyError):
    text = "WRONGPASS invalid username-password pair or user is disabled."


class NoPasswordSet(ReplyError):
    text = (
        "ERR AUTH <password> called without any password configured for the default user. "
        "Are you sure your configuration is correct?"
    )


class HelloNoAuth(ReplyError):
    text = (
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
    )


class UnsupportedProtocol(ReplyError):
    text = "NOPROTO unsupported protocol version"


class ProtocolVersionNotAnInteger(ReplyError):
    text = "ERR Protocol version is not an integer or out of range"


class NestedMulti(ReplyError):
    text = "ERR MULTI calls can not be nested"


class WatchInsideMulti(ReplyError):
    text = "ERR WATCH inside MULTI is not allowed"


class NotAllowedInMulti(ReplyError):
    text = "ERR Command not allowed inside a transaction"


class ExecWithoutMulti(ReplyError):
    text = "ERR EXEC without MULTI"


class DiscardWithoutMulti(ReplyError):
    text = "ERR DISCARD without MULTI"


class ExecAborted(ReplyError):
    text = "EXECABORT Transaction discarded because of previous errors."


def exec_aborted_because(reason: ReplyError) -> ReplyError:
    """EXEC itself was refused: why, is told behind EXECABORT, with the code if that says more than ERR."""
    return ReplyError("EXECABORT Transaction discarded because of: " + reason.text.removeprefix("ERR "))


class UnblockedByClient(ReplyError):
    text = "UNBLOCKED client unblocked via CLIENT UNBLOCK"


class UnblockedByDemotion(ReplyError):
    text = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"


class DatabaseOutOfRange(ReplyError):
    text = "ERR DB index is out of range"


def only_allowed_when_subscribed(command: str) -> ReplyError:
    return ReplyError(
        f"ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
        "are allowed in this context"
    )


# The state of the server


class DebugNotAllowed(ReplyError):
    text = (
        'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from '
        "a local connection, otherwise you need to set this option in the configuration file, and then restart the "
        "server."
    )


class Loading(ReplyError):
    text = "LOADING Redis is loading the dataset in memory"


class ReadOnlyReplica(ReplyError):
    text = "READONLY You can't write against a read only replica."


class MasterDown(ReplyError):
    text = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."


class IdleTimeNotTracked(ReplyError):
    text = (
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between "
        "policies at runtime LRU and LFU data will take some time to adjust."
    )


class FrequencyNotTracked(ReplyError):
    text = (
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching "
        "between policies at runtime LRU and LFU data will take some time to adjust."
    )


class OutOfMemory(ReplyError):
    text = "OOM command not allowed when used memory > 'maxmemory'."


class NotEnoughReplicas(ReplyError):
    text = "NOREPLICAS Not enough good replicas to write."


class TooManyClients(ReplyError):
    text = "ERR max number of clients reached"


class TooManyConnections(ReplyError):
    text = "ERR max number of clients + cluster connections reached"


class InternalError(ReplyError):
    text = "ERR internal error"


class ProtectedMode(ReplyError):
    text = (
        "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the "
        "default user. In this mode connections are only accepted from the loopback interface. If you want to connect "
        "from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected "
        "mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis "
        "from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet "
        "if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the "
        "protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and "
        "then restarting the server. 3) If you started the server manually just for testing, restart it with the "
        "'--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need "
        "to do one of the above things in order for the server to start accepting connections from the outside."
    )


# COMMAND GETKEYS


class InvalidCommand(ReplyError):
    text = "ERR Invalid command specified"


class NoKeyArguments(ReplyError):
    text = "ERR The command has no key arguments"


class InvalidNumberOfArguments(ReplyError):
    text = "ERR Invalid number of arguments specified for command"


class InvalidArguments(ReplyError):
    text = "ERR Invalid arguments specified for command"


# The end of the server


class ShutdownFailed(ReplyError):
    text = "ERR Errors trying to SHUTDOWN. Check logs."


class NoShutdown(ReplyError):
    text = "ERR No shutdown in progress."


class ShutdownWouldBlock(ReplyError):
    text = "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client"


# Configuration


def config_set_failed(name: str, reason: str) -> ReplyError:
    return ReplyError(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")


def unknown_directive(written: bytes) -> ReplyError:
    return ReplyError(f"ERR Unknown option or number of arguments for CONFIG SET - '{text_of(written)}'")


class NoConfigFile(ReplyError):
    text = "ERR The server is running without a config file"


def config_rewrite_failed(reason: str) -> ReplyError:
    return ReplyError(f"ERR Rewriting config file: {reason}")


# The cluster


class CrossSlot(ReplyError):
    text = "CROSSSLOT Keys in request don't hash to the same slot"


class TryAgain(ReplyError):
    text = "TRYAGAIN Multiple keys request during rehashing of slot"


class SlotNotServed(ReplyError):
    text = "CLUSTERDOWN Hash slot not served"


class ClusterDown(ReplyError):
    text = "CLUSTERDOWN The cluster is down"


class ClusterDownReadOnly(ReplyError):
    text = "CLUSTERDOWN The cluster is down and only accepts read commands"


def moved(slot: int, endpoint: str) -> ReplyError:
    return ReplyError(f"MOVED {slot} {endpoint}")


def ask(slot: int, endpoint: str) -> ReplyError:
    return ReplyError(f"ASK {slot} {endpoint}")


class ClusterDisabled(ReplyError):
    text = "ERR This instance has cluster support disabled"


class SelectInCluster(ReplyError):
    text = "ERR SELECT is not allowed in cluster mode"


# Subcommands of CLUSTER


class InvalidSlot(ReplyError):
    text = "ERR Invalid or out of range slot"


def slot_already_unassigned(slot: int) -> ReplyError:
    return ReplyError(f"ERR Slot {slot} is already unassigned")


def slot_already_busy(slot: int) -> ReplyError:
    return ReplyError(f"ERR Slot {slot} is already busy")


def slot_specified_twice(slot: int) -> ReplyError:
    return ReplyError(f"ERR Slot {slot} specified multiple times")


def slot_range_backwards(first: int, last: int) -> ReplyError:
    return ReplyError(f"ERR start slot number {first} is greater than end slot number {last}")


def slot_stats_backwards(first: int, last: int) -> ReplyError:
    return ReplyError(f"ERR Start slot number {first} is greater than end slot number {last}")


class UnknownSortMetric(ReplyError):
    text = "ERR Unrecognized sort metric for ORDERBY."


class LimitBeyondSlots(ReplyError):
    text = "ERR Limit has to lie in between 1 and 16384 (maximum number of slots)."


class RepeatedFilter(ReplyError):
    text = "ERR Multiple filters of the same type are disallowed."


class FlushSlotsWithKeys(ReplyError):
    text = "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."


class SetSlotAtReplica(ReplyError):
    text = "ERR Please use SETSLOT only with masters."


class InvalidSetSlotAction(ReplyError):
    text = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"


def not_owner_of_slot(slot: int) -> ReplyError:
    return ReplyError(f"ERR I'm not the owner of hash slot {slot}")


def already_owner_of_slot(slot: int) -> ReplyError:
    return ReplyError(f"ERR I'm already the owner of hash slot {slot}")


def slot_peer_unknown(node_id: str) -> ReplyError:
    """SETSLOT MIGRATING and IMPORTING say it like this, all others as `unknown_node`."""
    return ReplyError(f"ERR I don't know about node {node_id}")


class SlotPeerNotAPrimary(ReplyError):
    text = "ERR Target node is not a master"


def slot_still_has_keys(slot: int) -> ReplyError:
    return ReplyError(
        f"ERR Can't assign hashslot {slot} to a different node while I still hold keys for this hash slot."
    )


def unknown_node(node_id: str) -> ReplyError:
    return ReplyError(f"ERR Unknown node {node_id}")


def invalid_node_address(ip: str, port: str) -> ReplyError:
    return ReplyError(f"ERR Invalid node address specified: {ip}:{port}")


def invalid_base_port(port: str) -> ReplyError:
    return ReplyError(f"ERR Invalid base port specified: {port}")


def invalid_bus_port(port: str) -> ReplyError:
    return ReplyError(f"ERR Invalid bus port specified: {port}")


class MigrationAtReplica(ReplyError):
    text = "ERR Slot migration can only be used on primary nodes."


class SlotsImportedByHand(ReplyError):
    text = "ERR Slots are being manually imported"


class SlotsMigratedByHand(ReplyError):
    text = "ERR Slots are being manually migrated"


class SlotImportUnderway(ReplyError):
    text = "ERR Slot import in progress."


class SlotExportUnderway(ReplyError):
    text = "ERR Slot export in progress."


class NoEndOfSlotRange(ReplyError):
    text = "ERR No end slot for final slot range"


class NoSlotRanges(ReplyError):
    text = "ERR No slot ranges specified"


def start_slot_beyond_end(first: int, last: int) -> ReplyError:
    return ReplyError(f"ERR Start slot number {first} is greater than end slot number {last}.")


def slot_without_node(slot: int) -> ReplyError:
    return ReplyError(f"ERR Slot {slot} has no node served.")


class SlotsOfSeveralShards(ReplyError):
    text = "ERR Requested slots span multiple shards"


def slot_ranges_overlap(one: tuple[int, int], other: tuple[int, int]) -> ReplyError:
    return ReplyError(f"ERR Slot range {one[0]}-{one[1]} overlaps with previous range {other[0]}-{other[1]}.")


class SlotsNotServedHere(ReplyError):
    text = "ERR Slots are not served by this node."


def already_migrating(slot: int) -> ReplyError:
    return ReplyError(f"ERR I am already migrating slot {slot}.")


class MigrationsOverlap(ReplyError):
    text = "ERR Slot ranges in migrations overlap"


def invalid_node_name(name: str) -> ReplyError:
    return ReplyError(f"ERR Invalid node name: {name}")


def unknown_node_name(name: str) -> ReplyError:
    return ReplyError(f"ERR Unknown node name: {name}")


class TargetIsMyself(ReplyError):
    text = "ERR Target node can not be this node."


class NoMigrationsUnderway(ReplyError):
    text = "ERR No migrations ongoing"


class TargetMovesSlotsByHand(ReplyError):
    text = "ERR A slot on the target node is being manually imported or migrated"


class MigratesAlready(ReplyError):
    text = "ERR Slot migration client is already a slot migration job"


class SourceUnknownToTarget(ReplyError):
    text = "ERR Target node does not know the source node"


class SourceIsTarget(ReplyError):
    text = "ERR Source node is target node itself"


class SlotComesAlready(ReplyError):
    text = "ERR Slot is already being imported on the target by a different migration"


def slot_has_keys(slot: int) -> ReplyError:
    return ReplyError(f"ERR Slot {slot} has keys on the target node already")  # ours: Valkey's target crashes


class TargetDisagreesAboutOwner(ReplyError):
    text = "ERR Target node does not agree about current slot ownership"


class NoSuchMigration(ReplyError):
    text = "ERR No such slot migration job"


def only_for_migrations(subcommand: str) -> ReplyError:
    return ReplyError(f"ERR CLUSTER SYNCSLOTS {subcommand} should only be used by slot migration clients")


class CannotForgetMyself(ReplyError):
    text = "ERR I tried hard but I can't forget myself..."


class CannotForgetMyPrimary(ReplyError):
    text = "ERR Can't forget my master!"


class CannotReplicateMyself(ReplyError):
    text = "ERR Can't replicate myself"


class CannotReplicateReplica(ReplyError):
    text = "ERR I can only replicate a master, not a replica."


class CannotReplicateWithData(ReplyError):
    text = "ERR To set a master the node must be empty and without assigned slots."


class NotAPrimary(ReplyError):
    text = "ERR The specified node is not a master"


class FailoverAtPrimary(ReplyError):
    text = "ERR You should send CLUSTER FAILOVER to a replica"


class FailoverWithoutPrimary(ReplyError):
    text = "ERR I'm a replica but my master is unknown to me"


class FailoverOfDeadPrimary(ReplyError):
    text = "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE"


def invalid_config_epoch(epoch: int) -> ReplyError:
    return ReplyError(f"ERR Invalid config epoch specified: {epoch}")


class ConfigEpochWithPeers(ReplyError):
    text = "ERR The user can assign a config epoch only when the node does not know any other node."


class ConfigEpochTaken(ReplyError):
    text = "ERR Node config epoch is already non-zero"


class ResetWithKeys(ReplyError):
    text = "ERR CLUSTER RESET can't be called with master nodes containing keys"


class InvalidSlotToCount(ReplyError):
    text = "ERR Invalid slot"


class InvalidSlotOrCount(ReplyError):
    text = "ERR Invalid slot or number of keys"


# Replication and persistence


class NoLinkToPrimary(ReplyError):
    text = "NOMASTERLINK Can't SYNC while not connected with my master"


class SyncWithPendingOutput(ReplyError):
    text = "ERR SYNC and PSYNC are invalid with pending output"


class FilteredReplicaNeedsEof(ReplyError):
    text = "ERR Filtered replica requires EOF capability"


class ReplicationSaveFailed(ReplyError):
    text = "ERR BGSAVE failed, replication can't continue"


class ReplicaofInCluster(ReplyError):
    text = "ERR REPLICAOF not allowed in cluster mode."


class ReplicaofByReplica(ReplyError):
    text = "ERR Command is not valid when client is a replica."


class WaitForFilesOnReplica(ReplyError):
    text = (
        "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local "
        "and are not propagated."
    )


class WaitForFileThatIsNone(ReplyError):
    text = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."


class NotZeroOrOne(ReplyError):
    text = "ERR value is out of range, value must between 0 and 1"


class InvalidPrimaryPort(ReplyError):
    text = "ERR Invalid master port"


class WaitOnReplica(ReplyError):
    text = (
        "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is "
        "configured to be writable (which is not the default) writes to replicas are just local and are not propagated."
    )


class MissingFilters(ReplyError):
    text = "ERR Missing rdb-filter-only values"


def announced_ip_too_long(length: int) -> ReplyError:
    return ReplyError(f"ERR REPLCONF ip-address provided by replica instance is too long: {length} bytes")


def unsupported_filter(name: bytes) -> ReplyError:
    return ReplyError(f"ERR Unsupported rdb-filter-only option: {text_of(name)}")


def unknown_replconf_option(name: bytes) -> ReplyError:
    return ReplyError(f"ERR Unrecognized REPLCONF option: {text_of(name)}")


def unrecognized_version(version: str) -> ReplyError:
    return ReplyError(f"ERR Unrecognized version format: {version}")


class MissingTimeout(ReplyError):
    text = "ERR Missing timeout value"


class NoSyncWhileFailingOver(ReplyError):
    text = "NOMASTERLINK Can't SYNC while failing over"


class ReplicaofWhileFailingOver(ReplyError):
    text = "ERR REPLICAOF not allowed while failing over."


class FailoverInCluster(ReplyError):
    text = "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."


class NoFailover(ReplyError):
    text = "ERR No failover in progress."


class FailoverUnderWay(ReplyError):
    text = "ERR FAILOVER already in progress."


class FailoverByReplica(ReplyError):
    text = "ERR FAILOVER is not valid when server is a replica."


class FailoverWithoutReplicas(ReplyError):
    text = "ERR FAILOVER requires connected replicas."


class FailoverTimeoutNotPositive(ReplyError):
    text = "ERR FAILOVER timeout must be greater than 0"


class FailoverForceAlone(ReplyError):
    text = "ERR FAILOVER with force option requires both a timeout and target HOST and IP."


class FailoverToStranger(ReplyError):
    text = "ERR FAILOVER target HOST and PORT is not a replica."


class FailoverToUnfinished(ReplyError):
    text = "ERR FAILOVER target replica is not online."


class FailoverOfPrimary(ReplyError):
    text = "ERR PSYNC FAILOVER can't be sent to a master."


class FailoverOfOtherStream(ReplyError):
    text = "ERR PSYNC FAILOVER replid must match my replid."


class SaveInProgress(ReplyError):
    text = "ERR Background save already in progress"


class SaveFailed(ReplyError):
    text = "ERR"


class OtherChildAtWork(ReplyError):
    text = (
        "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule "
        "a BGSAVE whenever possible."
    )


class RewriteInProgress(ReplyError):
    text = "ERR Background append only file rewriting already in progress"


class RewriteFailed(ReplyError):
    text = "ERR Can't execute an AOF background rewriting. Please check the server logs for more information."


class AofLoadFailed(ReplyError):
    text = "ERR Error trying to load the AOF files, check server logs."


class CannotSave(ReplyError):
    text = (
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
        "that may modify the data set are disabled, because this instance is configured to report errors during "
        "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
        "details about the RDB error."
    )


def cannot_append(reason: str) -> ReplyError:
    return ReplyError(f"MISCONF Errors writing to the AOF file: {reason}")


class ReloadSaveFailed(ReplyError):
    text = "ERR Error trying to save the DB, can't exit"


class ReloadLoadFailed(ReplyError):
    text = "ERR Error trying to load the RDB dump, check server logs"


class PayloadSpoiled(ReplyError):
    text = "ERR DUMP payload version or checksum are wrong"


class BadLibrary(ReplyError):
    """A library of functions cannot be taken; `reason` is what the log says of it."""

    @property
    def reason(self) -> str:
        return self.text.removeprefix("ERR ")


class LibraryMetadataMissing(BadLibrary):
    text = "ERR Missing library metadata"


class LibraryMetadataInvalid(BadLibrary):
    text = "ERR Invalid library metadata"


class LibraryNamedTwice(BadLibrary):
    text = "ERR Invalid metadata value, name argument was given multiple times"


class LibraryOptionUnknown(BadLibrary):
    def __init__(self, option: bytes) -> None:
        super().__init__(f"ERR Invalid metadata value given: {text_of(option)}")


class LibraryNameMissing(BadLibrary):
    text = "ERR Library name was not given"


class BadLibraryName(BadLibrary):
    text = (
        "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
    )


class EngineNotFound(BadLibrary):
    def __init__(self, engine: bytes) -> None:
        super().__init__(f"ERR Engine '{text_of(engine)}' not found")


class LibraryExists(BadLibrary):
    def __init__(self, name: bytes) -> None:
        super().__init__(f"ERR Library '{text_of(name)}' already exists")


class LibraryToRestoreExists(BadLibrary):
    def __init__(self, name: bytes) -> None:
        super().__init__(f"ERR Library {text_of(name)} already exists")


class LibraryNotFound(ReplyError):
    text = "ERR Library not found"


class NotAFunctionPayload(ReplyError):
    text = "ERR given type is not a function"


class PreReleaseFunctionPayload(ReplyError):
    text = "ERR Pre-GA function format not supported"


class FunctionPayloadCut(ReplyError):
    text = "ERR Failed loading library payload"


class UnknownRestorePolicy(ReplyError):
    text = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."


class BadFunctionFlushMode(ReplyError):
    text = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"


class LibraryPatternMissing(ReplyError):
    text = "ERR library name argument was not given"


def unknown_function_list_argument(argument: bytes) -> ReplyError:
    return ReplyError(f"ERR Unknown argument {text_of(argument)}")


def unknown_function_load_option(option: bytes) -> ReplyError:
    return ReplyError(f"ERR Unknown option given: {text_of(option)}")


class NoScriptRuns(ReplyError):
    text = "NOTBUSY No scripts in execution right now."
