"""Peers: those of chan_sip and chan_iax2 (``SIPpeers``, ``IAXpeerlist``).

Only a list says which peers are configured, and how; events say where a peer has registered and whether it
can be reached.  How long it took to answer is only in the list: after an event, ``Status`` is a mere ``OK``.
"""

# mypyc: compiled

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

#: Channeltype of the list -> ChannelType of the event, which begins the Peer there, if they differ.
_TECHNOLOGIES: Final = {b"IAX": b"IAX2"}
#: PeerStatus of an event -> Status of the list.
_STATUS: Final = {b"Reachable": b"OK", b"Lagged": b"LAGGED", b"Unreachable": b"UNREACHABLE"}
_AS_EVENT: Final = {status: event for event, status in _STATUS.items()}
#: The address of a peer that is nowhere, as chan_sip and as chan_iax2 write it.
_SIP_NOWHERE: Final = {b"IPaddress": b"-none-", b"IPport": b"0"}
_IAX_NOWHERE: Final = {b"IPaddress": b"(null)", b"Mask": b"(null)", b"Port": b"(null)"}
_NOWHERE: Final = frozenset((b"-none-", b"(null)", b""))
#: Most names that events told and no list had, for which the lists are not asked again.
_MOST_UNLISTED: Final = 1000


def _registered(values: Values) -> Values | None:
    if values.get(b"Dynamic") != b"yes":
        return None
    headers = {b"ChannelType": _technology(values), b"ObjectName": _name(values)}
    address, port = values.get(b"IPaddress", b""), values.get(b"IPport", b"")
    if address in _NOWHERE:
        return {**headers, b"PeerStatus": b"Unregistered"}
    if port:
        address = (b"[" + address + b"]:" if b":" in address else address + b":") + port
    return {**headers, b"PeerStatus": b"Registered", b"IPaddress": address}


def _answered(values: Values) -> Values | None:
    status = _AS_EVENT.get(_word(values))
    if status is None:
        return None
    return {b"ChannelType": _technology(values), b"ObjectName": _name(values), b"PeerStatus": status}


_FORM: Final = form(
    b"PeerEntry",
    "Channeltype ObjectName ChanObjectType IPaddress Mask IPport Port Dynamic AutoForcerport Forcerport"
    " AutoComedia Comedia VideoSupport TextSupport ACL Trunk Encryption Status RealtimeDevice"
    " Description Accountcode",
    "Channeltype ObjectName",
    "IPaddress IPport Status",
    [
        carrier(
            b"PeerStatus",
            b"system",
            "ChannelType ObjectName=Peer PeerStatus IPaddress=Address IPport",
            "",
            _registered,
        ),
        carrier(
            b"PeerStatus", b"system", "ChannelType ObjectName=Peer PeerStatus Status", "Status", _answered
        ),
    ],
)


class Peers(Kind):
    """Kind ``peers``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "peers"
        self.lists = (
            seed(b"SIPpeers", "PeerEntry", optional=True),
            seed(b"IAXpeerlist", "PeerEntry", optional=True),
        )
        self.forms = {b"PeerEntry": _FORM}
        self.events = {b"PeerStatus": self._changed}
        self.modules = frozenset((b"chan_sip", b"chan_iax2"))
        #: Peers that events have told and the lists do not have.
        self._unlisted: set[bytes] = set()

    def item_of(self, fields: Fields) -> Item | None:
        """The item that an item of a list tells; see ``Kind.item_of``."""
        item = super().item_of(fields)
        return None if item is None else Item(_FORM, _name(item.values), item.values)

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """Replace all items; see ``Kind.replace``."""
        drift = super().replace(answers)
        self._unlisted.difference_update(self._items)
        return drift

    def told_otherwise(self, before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
        """No event says that a peer was configured, or is no longer, nor how long it took to answer."""
        changed = [
            (key, name)
            for key, item in after.items()
            if key in before
            for name, value in _comparable(item.values).items()
            if value != _comparable(before[key].values).get(name, value)
        ]
        return Drift((), (), tuple(changed))

    def inherit(self, before: Kind) -> None:
        """See ``Kind.inherit``."""
        super().inherit(before)
        assert isinstance(before, Peers)
        self._unlisted = set(before._unlisted)

    def _changed(self, event: Fields) -> None:
        peer, told = event.only(b"peer"), event.only(b"peerstatus")
        if not peer or peer.startswith(b"PJSIP/"):
            return
        known = self._items.get(peer)
        if known is None:
            if peer not in self._unlisted:
                if len(self._unlisted) >= _MOST_UNLISTED:
                    self._unlisted.clear()
                self._unlisted.add(peer)
                self.is_outdated = True
            return
        changes: Values = {}
        if told == b"Registered":
            changes = _address(event.only(b"address"), known.values)
        elif told == b"Unregistered":
            is_sip = _technology(known.values) == b"SIP"
            changes = _SIP_NOWHERE if is_sip else _IAX_NOWHERE
            if _word(known.values) != b"Unmonitored":
                # Without an address it is not asked any more; the list says so some time later.
                changes = {**changes, b"Status": b"UNKNOWN"}
        elif told in _STATUS:
            changes = {b"Status": _STATUS[told]}
        self._items[peer] = known.with_values(changes)

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        headers = [
            (b"ChannelType", _technology(item.values)),
            (b"Peer", item.key),
            (b"PeerStatus", b"Unregistered"),
        ]
        return [synthetic(b"PeerStatus", b"system", headers)]


def _technology(values: Values) -> bytes:
    listed = values.get(b"Channeltype", b"")
    return _TECHNOLOGIES.get(listed, listed)


def _name(values: Values) -> bytes:
    return _technology(values) + b"/" + values.get(b"ObjectName", b"")


def _word(values: Values) -> bytes:
    """The status without the time that the peer took to answer: ``OK`` of ``OK (5 ms)``."""
    return values.get(b"Status", b"").partition(b" ")[0]


def _address(told: bytes, known: Values) -> Values:
    """The address of an event: ``192.0.2.1:5060`` or ``[2001:db8::1]:5060`` of SIP, without port of IAX2."""
    if _technology(known) != b"SIP":
        return {b"IPaddress": told} if told else {}
    host, _, port = told.rpartition(b":")
    return {b"IPaddress": host.strip(b"[]"), b"IPport": port} if host else {}


def _comparable(values: Values) -> Mapping[bytes, bytes]:
    """The values that events tell completely.

    The address of a peer that does not register is looked up again without an event; chan_iax2 says nothing
    when a peer answers for the first time; and without an address, nothing is asked.
    """
    if values.get(b"Dynamic") != b"yes":
        return {}
    address: Values = {name: values[name] for name in (b"IPaddress", b"IPport") if name in values}
    if _technology(values) != b"SIP" or values.get(b"IPaddress") in _NOWHERE:
        return address
    return {**address, b"Status": _word(values)}
