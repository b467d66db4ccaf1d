"""One listener, several certificates: an immutable context for each set of names.

A handshake begins with the default context, which serves clients without SNI or with an
unknown host name; its SNI callback switches to another context for names of other
pairs.  Pairs with different key types for one name share a context, and OpenSSL picks
by what the client can verify.
"""

import ssl
from collections.abc import Iterable, Mapping, Sequence

from amiproxy.net.tls.tlspolicy import (
    ChainAndKey,
    ClientTrust,
    Policy,
    ProofFailed,
    presented_certificate,
    refuses_anonymous,
    server_context,
)
from amiproxy.steps import Steps, result_of
from amiproxy.x509.names import covers, wildcard_for
from amiproxy.x509.validating.pair import ServerPair

_Choice = tuple[int, ...]


def listener_context(policy: Policy, pairs: Sequence[ServerPair], trust: ClientTrust) -> ssl.SSLContext:
    """Run ``building_context`` to its end at once, without contexts to reuse.  Raises what it raises."""
    return result_of(building_context(policy, pairs, trust, {}))


def building_context(
    policy: Policy, pairs: Sequence[ServerPair], trust: ClientTrust, proved: Mapping[int, ssl.SSLContext]
) -> Steps[ssl.SSLContext]:
    """The context to accept with, tested to present ``pairs``; clients without SNI get the first.

    Each pair must have been tested on its own before (``proving_alone``), because OpenSSL chooses which
    of two key types a client gets.  ``proved`` has the contexts of those tests by the index of the pair;
    such a context is reused for a pair that shares its context with no other, if clients are not asked
    for certificates.
    Raises ssl.SSLError when OpenSSL refuses a pair or a test handshake fails.
    """
    proved = proved if trust.auth == "none" else {}
    chooser = _Chooser(pairs)
    default = chooser.default()
    context = yield from _proved_context(policy, pairs, default, trust, proved)
    others: dict[_Choice, ssl.SSLContext] = {}
    by_name: dict[str, ssl.SSLContext | None] = {}
    for host in _hosts(pairs):
        choice = chooser.of_host(host)
        if choice != default and choice not in others:
            others[choice] = yield from _proved_context(policy, pairs, choice, trust, proved)
        # None stands for the context itself: a reference from its own callback would keep it alive for ever.
        by_name[host] = others.get(choice)
    if others:
        _switch_by_name(context, by_name)
    return context


def proving_alone(policy: Policy, pair: ServerPair) -> Steps[ssl.SSLContext]:
    """Test, in steps, that a context with only ``pair`` presents it, at the lowest TLS version and at 1.3.

    Returns that context.  Raises ssl.SSLError if it does not present the pair.
    """
    context = server_context(policy, [ChainAndKey(pair.chain, pair.key)], ClientTrust())
    yield
    yield from _prove(context, policy, [pair])
    return context


def _switch_by_name(context: ssl.SSLContext, by_name: dict[str, ssl.SSLContext | None]) -> None:
    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is None:
            return
        host = name.lower().rstrip(".")
        chosen = by_name[host] if host in by_name else by_name.get(wildcard_for(host))
        if chosen is not None:
            connection.context = chosen

    context.sni_callback = choose


class _Chooser:
    """Chooses the pairs for each name: one of each key type, exact names before wildcards."""

    def __init__(self, pairs: Sequence[ServerPair]) -> None:
        self._pairs = pairs
        #: Indices of pairs by name, as written and in lower case.
        self._exact: dict[str, list[int]] = {}
        self._any_case: dict[str, list[int]] = {}
        for index, pair in enumerate(pairs):
            for name in pair.facts.names:
                self._exact.setdefault(name, []).append(index)
                self._any_case.setdefault(name.lower(), []).append(index)

    def default(self) -> _Choice:
        """Indices of the first pair and of pairs with other key types that cover all of its names."""
        wanted = self._pairs[0].facts.names
        named = set(wanted)
        exact = [index for index, pair in enumerate(self._pairs) if named <= set(pair.facts.names)]
        loose = [
            index
            for index, pair in enumerate(self._pairs)
            if all(covers(pair.facts.names, name) for name in wanted)
        ]
        return self._choose([0, *exact, *loose])

    def of_host(self, host: str) -> _Choice:
        """Indices of the pairs that cover a host, by its name or by the one wildcard that can match it."""
        plain = host.lower().rstrip(".")
        names = (f"dns:{plain}", f"dns:{wildcard_for(plain)}")
        loose = sorted({index for name in names for index in self._any_case.get(name, ())})
        return self._choose([*self._exact.get(f"dns:{host}", ()), *loose])

    def _choose(self, ordered: Iterable[int]) -> _Choice:
        chosen: dict[str, int] = {}
        for index in ordered:
            chosen.setdefault(self._pairs[index].algorithm, index)
        return tuple(sorted(chosen.values()))


def _hosts(pairs: Sequence[ServerPair]) -> list[str]:
    names = (name for pair in pairs for name in pair.facts.names)
    return list(dict.fromkeys(name.removeprefix("dns:") for name in names if name.startswith("dns:")))


def _proved_context(
    policy: Policy,
    pairs: Sequence[ServerPair],
    choice: _Choice,
    trust: ClientTrust,
    proved: Mapping[int, ssl.SSLContext],
) -> Steps[ssl.SSLContext]:
    if len(choice) == 1 and choice[0] in proved:
        return proved[choice[0]]
    chosen = [pairs[index] for index in choice]
    context = server_context(policy, [ChainAndKey(pair.chain, pair.key) for pair in chosen], trust)
    yield
    if trust.auth != "required":
        yield from _prove(context, policy, chosen)
    elif not refuses_anonymous(context, policy.minimum_version):
        raise ProofFailed("client_auth is required, but a client without a certificate was accepted")
    return context


def _prove(context: ssl.SSLContext, policy: Policy, pairs: Sequence[ServerPair]) -> Steps[None]:
    expected = {pair.leaf for pair in pairs}
    for version in dict.fromkeys((policy.minimum_version, ssl.TLSVersion.TLSv1_3)):
        if presented_certificate(context, version) not in expected:
            raise ProofFailed("the test handshake presented another certificate")
        yield
