"""One listener, several certificates: an immutable context for each set of names.

The context a handshake begins with serves clients that name no host, or one we
do not know; its SNI callback puts another in place for the names it has.  Pairs
of different key type for one name share a context, and OpenSSL picks by what
the client can verify.
"""

import ssl
from collections.abc import Iterable, Sequence

from proxy.net.tlspolicy import (
    ChainAndKey,
    ClientTrust,
    Policy,
    ProofFailed,
    presented_certificate,
    refuses_anonymous,
    server_context,
)
from proxy.x509.names import covers, wildcard_for
from proxy.x509.validate import ServerPair

_Choice = tuple[int, ...]


def listener_context(policy: Policy, pairs: Sequence[ServerPair], trust: ClientTrust) -> ssl.SSLContext:
    """The context to accept with: proved to present ``pairs``, the first to clients that name no host.

    Each pair must have been proved alone (``prove_alone``): which of two key types a client is shown is
    OpenSSL's choice.
    Raises ssl.SSLError when OpenSSL refuses a pair or a proof fails.
    """
    default = _choose(pairs, pairs[0].facts.names, first=0)
    context = _proved_context(policy, pairs, default, trust)
    others: dict[_Choice, ssl.SSLContext] = {}
    by_name: dict[str, ssl.SSLContext | None] = {}
    for host in _hosts(pairs):
        choice = _choose(pairs, (f"dns:{host}",))
        if choice != default and choice not in others:
            others[choice] = _proved_context(policy, pairs, choice, trust)
        # None stands for the context itself, which would never die if its own callback held it.
        by_name[host] = others.get(choice)
    if others:
        _switch_by_name(context, by_name)
    return context


def prove_alone(policy: Policy, pair: ServerPair) -> None:
    """See that ``pair``, in a context of its own, presents itself at the lowest version we speak.

    Raises ssl.SSLError when it does not.
    """
    context = server_context(policy, [ChainAndKey(pair.chain, pair.key)], ClientTrust())
    _prove(context, policy, [pair])


def _switch_by_name(context: ssl.SSLContext, by_name: dict[str, ssl.SSLContext | None]) -> None:
    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is None:
            return
        host = name.lower().rstrip(".")
        chosen = by_name[host] if host in by_name else by_name.get(wildcard_for(host))
        if chosen is not None:
            connection.context = chosen

    context.sni_callback = choose


def _choose(pairs: Sequence[ServerPair], names: Iterable[str], first: int | None = None) -> _Choice:
    """The pairs that cover all ``names``, one of each key type, exact names before wildcards."""
    wanted = tuple(names)
    exact = [index for index, pair in enumerate(pairs) if set(wanted) <= set(pair.facts.names)]
    loose = [
        index
        for index, pair in enumerate(pairs)
        if index not in exact and all(covers(pair.facts.names, name) for name in wanted)
    ]
    ordered = [*exact, *loose] if first is None else [first, *exact, *loose]
    chosen: dict[str, int] = {}
    for index in ordered:
        chosen.setdefault(pairs[index].algorithm, index)
    return tuple(sorted(chosen.values()))


def _hosts(pairs: Sequence[ServerPair]) -> list[str]:
    names = (name for pair in pairs for name in pair.facts.names)
    return list(dict.fromkeys(name.removeprefix("dns:") for name in names if name.startswith("dns:")))


def _proved_context(
    policy: Policy, pairs: Sequence[ServerPair], choice: _Choice, trust: ClientTrust
) -> ssl.SSLContext:
    chosen = [pairs[index] for index in choice]
    context = server_context(policy, [ChainAndKey(pair.chain, pair.key) for pair in chosen], trust)
    if trust.auth != "required":
        _prove(context, policy, chosen)
    elif not refuses_anonymous(context, policy.minimum_version):
        raise ProofFailed("client_auth is required, but a client without a certificate was not refused")
    return context


def _prove(context: ssl.SSLContext, policy: Policy, pairs: Sequence[ServerPair]) -> None:
    expected = {pair.leaf for pair in pairs}
    for version in dict.fromkeys((policy.minimum_version, ssl.TLSVersion.TLSv1_3)):
        if presented_certificate(context, version) not in expected:
            raise ProofFailed("the handshake with itself showed another certificate")
