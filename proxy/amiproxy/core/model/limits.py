"""All limits, with their defaults.  Nothing that exceeds a limit waits for ever.

Not included are the limits of the protocol, which clients know from Asterisk: a line of
1,022 bytes, 128 headers, one second before a failed login is answered, and the
close that follows it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from amiproxy.core.model.networks import Network

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, Meta(ge=1024, le=1 << 30)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
PerSecond = Annotated[float, Meta(gt=0, le=100_000)]
SlowConsumer = Literal["close", "drop_events"]
UpstreamLost = Literal["auto", "close", "stay", "repair"]
#: Least and most bytes of one server's journal: one long message has to fit, and the memory of one process.
LEAST_JOURNAL = 64 << 10
MOST_JOURNAL = 1 << 30


#: Limits that cannot be set, by the names under which they are logged and counted.
FIXED = ("handshake_bytes", "login_bytes", "originate_grace", "history")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds as float, sizes are bytes, rates are per second with a burst."""

    # Connections above the first limit are closed before TLS; logins above the second are refused.
    connections: Count = 1024
    sessions_authenticated: Count = 512
    sessions_per_user: Count = 32
    connections_per_address: Count = 64
    connection_rate: PerSecond = 20.0  # new connections, per address
    connection_burst: Count = 60
    #: Networks to which limits per address and per user, and penalties, do not apply: one address there may
    #: stand for many clients.
    exempt: tuple[Network, ...] = (Network("127.0.0.0/8"), Network("::1/128"))

    # Before login.  When the pool is full, a connection from the network that has most of it is closed, so
    # that a well-behaved client can connect (``core.admission.newcomers``).  In addition to the pool, the
    # same number of refused logins may wait for the second after which they are answered.
    unauthenticated: Count = 128
    unauthenticated_per_address: Count = 16
    handshake_timeout: Seconds = 5.0
    login_timeout: Seconds = 10.0  # from accept, whatever the client sends meanwhile

    # Password guessing: after this many failures from an address, its connections are closed for the duration
    # of a penalty, which doubles each time.
    login_failure_burst: Count = 5
    login_failure_interval: Seconds = 6.0  # after each, one failure is forgiven
    penalty: Seconds = 30.0
    penalty_max: Seconds = 900.0
    hash_threads: Annotated[int, Meta(ge=1, le=64)] = 2
    hash_queue: Count = 128  # as many as can ask at the same time: unauthenticated
    hash_cache_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 600.0  # 0: no cache

    # What a session may send.
    action_bytes: Bytes = 64 << 10
    in_flight_per_session: Count = 32
    in_flight: Count = 512
    list_items: Count = 100_000
    action_rate: PerSecond = 50.0  # per session
    action_burst: Count = 200
    originate_rate: PerSecond = 2.0  # per user
    originate_burst: Count = 10
    command_rate: PerSecond = 5.0  # per user
    command_burst: Count = 10
    rate_wait: Seconds = 30.0  # how long a session is paused before its actions get "Rate limit"
    #: Seconds for which the actions of one user may block the link: per action, and in total per second.
    link_hold: Annotated[float, Meta(gt=0, le=60)] = 0.2
    #: Share of Asterisk's time on the link that one user may have while others use it; 1: unlimited.
    link_share: Annotated[float, Meta(gt=0, le=1)] = 0.2
    #: Share of the processor's time for delivering events that clients' actions cause; 1: unlimited.
    delivery_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    #: Variables that one user may set on one channel: their number and total size.
    channel_variables: Count = 256
    channel_variable_bytes: Bytes = 16 << 10
    queue_members: Count = 1000  # that one user may add to one queue
    idle_timeout: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0  # 0: sessions may be silent for ever

    # How long Asterisk may take to answer.
    action_timeout: Seconds = 15.0
    command_timeout: Seconds = 60.0
    originate_timeout_max: Seconds = 300.0  # replaces a longer Timeout, or an unlimited one (0)
    list_item_timeout: Seconds = 15.0
    list_timeout: Seconds = 120.0

    # Outboxes: bytes that wait for a client that does not read.
    outbox_soft: Bytes = 1 << 20
    outbox_hard: Bytes = 2 << 20
    outbox_total: Bytes = 64 << 20
    outbox_stall: Seconds = 10.0  # without progress
    # drop_events: past the soft limit events are dropped, and the client is notified of the gap.  A user's
    # own slow_consumer overrides it.
    slow_consumer: SlowConsumer = "close"
    keepalive_idle: Annotated[int, Meta(ge=1, le=32_767)] = 60
    unacknowledged_timeout: Seconds = 30.0

    # Clients of doors that speak HTTP.  A web session is logged in without a connection of its own.
    web_sessions_per_user: Count = 256  # past it, the one ends that was not used for the longest time
    web_session_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] = 43_200.0  # from login, however used
    http_head_bytes: Bytes = 16 << 10  # request line and headers
    http_request_line: Annotated[int, Meta(ge=256, le=1 << 20)] = 8192  # bytes
    http_body_bytes: Bytes = 40_960
    http_seconds: Seconds = 10.0  # for a head, and again for a body
    http_keepalive: Seconds = 15.0  # without a request
    http_answer_bytes: Bytes = 16 << 20  # of one answer, which is kept until it is complete
    websocket_message_bytes: Bytes = 64 << 10

    # The link to Asterisk.
    upstream_connect_timeout: Seconds = 3.0
    upstream_login_timeout: Seconds = 5.0
    upstream_boot_timeout: Seconds = 60.0  # for FullyBooted, until which clients' actions wait
    upstream_lost_spread: Seconds = 1.5  # over which the closing of sessions is spread after a loss
    reconnect_min: Seconds = 0.5
    reconnect_max: Seconds = 10.0
    ping_interval: Seconds = 15.0
    stall_timeout: Seconds = 30.0
    upstream_message_bytes: Bytes = 1 << 20
    upstream_unfinished_bytes: Bytes = 4 << 20  # a message that is longer is discarded as it arrives

    # Drain and stop.
    drain_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    stop_timeout: Seconds = 25.0


class UserLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one user.  Each overrides the limit of the same name for all users; None: it does not.

    ``sessions`` overrides ``sessions_per_user``.
    """

    action_rate: PerSecond | None = None
    action_burst: Count | None = None
    originate_rate: PerSecond | None = None
    originate_burst: Count | None = None
    command_rate: PerSecond | None = None
    command_burst: Count | None = None
    sessions: Count | None = None


class ServerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one server.  Each overrides the limit of the same name for all servers; None: it does not."""

    in_flight: Count | None = None
    link_hold: Annotated[float, Meta(gt=0, le=60)] | None = None
    link_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    action_timeout: Seconds | None = None
    command_timeout: Seconds | None = None
    originate_timeout_max: Seconds | None = None
    list_item_timeout: Seconds | None = None
    list_timeout: Seconds | None = None
    list_items: Count | None = None
    upstream_connect_timeout: Seconds | None = None
    upstream_login_timeout: Seconds | None = None
    upstream_boot_timeout: Seconds | None = None
    upstream_lost_spread: Seconds | None = None
    reconnect_min: Seconds | None = None
    reconnect_max: Seconds | None = None
    ping_interval: Seconds | None = None
    stall_timeout: Seconds | None = None
    upstream_message_bytes: Bytes | None = None
    upstream_unfinished_bytes: Bytes | None = None

    def over(self, limits: Limits) -> Limits:
        """The limits in force for this server; ``limits`` are those for all servers."""
        own = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(limits, **own) if own else limits


class HistoryBounds(msgspec.Struct, frozen=True):
    """How much of the past the journal of each server keeps: both bounds hold."""

    bytes: int = 8 << 20
    seconds: float = 300.0


#: How many seconds sessions may take to close after a drain.
CLOSING_SECONDS = 2.0
#: Pairs of limits of which the first must not exceed the second.
ORDERED = (
    ("sessions_authenticated", "connections"),
    ("unauthenticated", "connections"),
    ("unauthenticated_per_address", "unauthenticated"),
    ("in_flight_per_session", "in_flight"),
    ("penalty", "penalty_max"),
    ("outbox_soft", "outbox_hard"),
    ("outbox_hard", "outbox_total"),
    ("http_answer_bytes", "outbox_total"),
    ("http_request_line", "http_head_bytes"),
    ("reconnect_min", "reconnect_max"),
    ("list_item_timeout", "list_timeout"),
    ("upstream_message_bytes", "upstream_unfinished_bytes"),
    ("drain_timeout", "stop_timeout"),
    ("ping_interval", "stall_timeout"),
)
