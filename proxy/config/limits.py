"""Every limit there is, with its default.  What is over one of them never waits for ever.

Not here, because clients know them from Asterisk and they are the protocol's:
a line of 1,022 bytes, 128 headers, one second before a failed login is answered
and the close that follows it.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from proxy.config.networks import Network

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, Meta(ge=1024, le=1 << 30)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
PerSecond = Annotated[float, Meta(gt=0, le=100_000)]
SlowConsumer = Literal["close", "drop_events"]
UpstreamLost = Literal["auto", "close", "stay"]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds are float, sizes are bytes, rates are per second with a burst."""

    # Connections: over the first closed before TLS; over the second a login is refused.
    connections: Count = 1024
    sessions_authenticated: Count = 512
    sessions_per_user: Count = 32
    connections_per_address: Count = 64
    connection_rate: PerSecond = 20.0  # new ones, per address
    connection_burst: Count = 60
    #: Where limits per address and per user, and penalties, do not apply: one address may be many clients.
    exempt: tuple[Network, ...] = (Network("127.0.0.0/8"), Network("::1/128"))

    # Before login.  When the pool is full, a connection from the network that has most of it is closed, so
    # that a good client gets in (``core.newcomers``).  As many refusals may wait for their second beside it.
    unauthenticated: Count = 128
    unauthenticated_per_address: Count = 16
    handshake_timeout: Seconds = 5.0
    handshake_bytes: Bytes = 16 << 10
    login_timeout: Seconds = 10.0  # from accept, whatever is sent meanwhile
    login_bytes: Bytes = 4 << 10

    # Guessing: failures per address, then its connections are closed for a penalty that doubles.
    login_failure_burst: Count = 5
    login_failure_interval: Seconds = 6.0  # one more failure is forgiven each
    penalty: Seconds = 30.0
    penalty_max: Seconds = 900.0
    hash_threads: Annotated[int, Meta(ge=1, le=64)] = 2
    hash_queue: Count = 128  # as many as may ask at once: unauthenticated
    hash_cache_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 600.0  # 0: no cache
    hash_cache_entries: Count = 1000

    # What a session may send.
    action_bytes: Bytes = 64 << 10
    action_id_bytes: Annotated[int, Meta(ge=64, le=1022)] = 1022  # what a line holds: as Asterisk
    in_flight_per_session: Count = 32
    in_flight: Count = 512
    list_items: Count = 100_000
    action_rate: PerSecond = 50.0  # per session
    action_burst: Count = 200
    originate_rate: PerSecond = 2.0  # per user
    originate_burst: Count = 10
    command_rate: PerSecond = 5.0  # per user
    command_burst: Count = 10
    rate_wait: Seconds = 30.0  # how long a session waits unread before it is told "Rate limit"
    #: Seconds that the actions of one user may sleep in Asterisk's session, in sum a second and at once.
    link_hold: Annotated[float, Meta(gt=0, le=60)] = 0.2
    #: Part of Asterisk's time on the link that one user may have while others use it; 1: no bound.
    link_share: Annotated[float, Meta(gt=0, le=1)] = 0.2
    #: Part of the processor's time for delivering events that clients' actions cause; 1: no bound.
    delivery_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    #: What one user may set on one channel.
    channel_variables: Count = 256
    channel_variable_bytes: Bytes = 16 << 10
    queue_members: Count = 1000  # what one user may add to one queue
    idle_timeout: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0  # 0: sessions may be silent for ever

    # How long Asterisk may take.
    action_timeout: Seconds = 15.0
    command_timeout: Seconds = 60.0
    originate_grace: Seconds = 5.0  # on top of the action's own Timeout
    originate_timeout_max: Seconds = 300.0  # what a longer Timeout, or none at all (0), becomes
    list_item_timeout: Seconds = 15.0
    list_timeout: Seconds = 120.0

    # What waits for a client that does not read.
    outbox_soft: Bytes = 1 << 20
    outbox_hard: Bytes = 2 << 20
    outbox_total: Bytes = 64 << 20
    outbox_stall: Seconds = 10.0  # without progress
    # drop_events: none past the soft limit, and the gap is told; a user's own slow_consumer wins.
    slow_consumer: SlowConsumer = "close"
    keepalive_idle: Annotated[int, Meta(ge=1, le=32_767)] = 60
    keepalive_interval: Annotated[int, Meta(ge=1, le=32_767)] = 15
    keepalive_count: Annotated[int, Meta(ge=1, le=127)] = 4
    unacknowledged_timeout: Seconds = 30.0  # TCP_USER_TIMEOUT

    # The link to Asterisk.
    upstream_connect_timeout: Seconds = 3.0
    upstream_login_timeout: Seconds = 5.0
    upstream_boot_timeout: Seconds = 60.0  # for FullyBooted, which clients' actions wait for
    upstream_lost_spread: Seconds = 1.5  # until the last session that a loss ends is closed
    reconnect_min: Seconds = 0.5
    reconnect_max: Seconds = 10.0
    reconnect_jitter: Annotated[float, Meta(ge=0, le=1)] = 0.3  # part of the delay, either way
    rejected_min: Seconds = 5.0  # after Asterisk refused our login
    rejected_max: Seconds = 60.0
    ping_interval: Seconds = 15.0
    stall_timeout: Seconds = 30.0
    upstream_message_bytes: Bytes = 1 << 20
    upstream_unfinished_bytes: Bytes = 4 << 20  # without an empty line: thrown away as it comes

    # The end.
    drain_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    stop_timeout: Seconds = 25.0


#: How long sessions may take to close after a drain.
CLOSING_SECONDS = 2.0
#: Pairs of which the first may not be above the second.
ORDERED = (
    ("sessions_authenticated", "connections"),
    ("unauthenticated", "connections"),
    ("unauthenticated_per_address", "unauthenticated"),
    ("in_flight_per_session", "in_flight"),
    ("penalty", "penalty_max"),
    ("outbox_soft", "outbox_hard"),
    ("outbox_hard", "outbox_total"),
    ("login_bytes", "action_bytes"),
    ("reconnect_min", "reconnect_max"),
    ("rejected_min", "rejected_max"),
    ("list_item_timeout", "list_timeout"),
    ("upstream_message_bytes", "upstream_unfinished_bytes"),
    ("drain_timeout", "stop_timeout"),
    ("ping_interval", "stall_timeout"),
)
