"""Endpoints: those of PJSIP, and the contacts that have registered.

Only ``PJSIPShowEndpoints`` says which endpoints are configured, and how; events say in which state they are.
``PJSIPShowContacts`` has no contact that is written in an AOR, so such a contact is no item, although it has
events; its endpoint's ``DeviceState`` says whether it can be reached.  The headers ``Contacts`` and
``ActiveChannels`` of an endpoint are left out: contacts and channels are items of their own.
"""

# mypyc: compiled

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

_PREFIX: Final = b"PJSIP/"
#: State in DeviceStateChange -> DeviceState of an endpoint (``devstatestring`` in Asterisk's devicestate.c).
_IN_WORDS: Final = {
    b"UNKNOWN": b"Unknown",
    b"NOT_INUSE": b"Not in use",
    b"INUSE": b"In use",
    b"BUSY": b"Busy",
    b"INVALID": b"Invalid",
    b"UNAVAILABLE": b"Unavailable",
    b"RINGING": b"Ringing",
    b"RINGINUSE": b"Ring+Inuse",
    b"ONHOLD": b"On Hold",
}
_AS_STATE: Final = {words: state for state, words in _IN_WORDS.items()}
#: Most names that events told and no list had, for which the lists are not asked again.
_MOST_UNLISTED: Final = 1000


def _device(values: Values) -> Values:
    return {
        b"ObjectName": _PREFIX + values[b"ObjectName"],
        b"DeviceState": _AS_STATE.get(values.get(b"DeviceState", b""), b"UNKNOWN"),
    }


def _peer(values: Values) -> Values:
    is_gone = values.get(b"DeviceState") in (b"Unavailable", b"Invalid")
    return {
        b"ChannelType": b"PJSIP",
        b"ObjectName": _PREFIX + values[b"ObjectName"],
        b"PeerStatus": b"Unreachable" if is_gone else b"Reachable",
    }


def _contact(values: Values) -> Values:
    time = values.get(b"RoundtripUsec", b"")
    return {
        **values,
        b"AOR": _aor_of(values[b"ObjectName"]),
        b"RoundtripUsec": time if time.isdigit() else b"0",
    }


_ENDPOINT: Final = form(
    b"EndpointList",
    "ObjectType ObjectName Transport Aor Auths OutboundAuths DeviceState",
    "ObjectName",
    "DeviceState",
    [
        carrier(b"DeviceStateChange", b"call", "ObjectName=Device DeviceState=State", "", _device),
        carrier(b"PeerStatus", b"system", "ChannelType ObjectName=Peer PeerStatus", "DeviceState", _peer),
    ],
)
_CONTACT: Final = form(
    b"ContactList",
    "ObjectType ObjectName ViaAddr QualifyTimeout Qualify2xxOnly CallId RegServer PruneOnBoot Path Endpoint"
    " ViaPort AuthenticateQualify Uri QualifyFrequency UserAgent ExpirationTime OutboundProxy"
    " Status RoundtripUsec",
    "ObjectName",
    "Uri Status",
    [
        carrier(
            b"ContactStatus",
            b"system",
            "Uri=URI Status=ContactStatus AOR Endpoint=EndpointName RoundtripUsec",
            "",
            _contact,
        )
    ],
)


class Endpoints(Kind):
    """Kind ``endpoints``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "endpoints"
        self.lists = (
            seed(b"PJSIPShowEndpoints", "EndpointList"),
            # It answers with an Error if there are none.
            seed(b"PJSIPShowContacts", "ContactList", optional=True),
        )
        self.forms = {b"EndpointList": _ENDPOINT, b"ContactList": _CONTACT}
        self.events = {
            b"DeviceStateChange": self._device_changed,
            b"PeerStatus": self._peer_changed,
            b"ContactStatus": self._contact_changed,
        }
        self.modules = frozenset(b"chan_pjsip res_pjsip res_pjsip_registrar res_sorcery_realtime".split())
        #: ``AOR/URI`` of each contact of an endpoint that has not registered: it is written in the AOR.
        self._written: set[bytes] = set()
        #: Endpoints that events have told and the lists do not have.
        self._unlisted: set[bytes] = set()

    def read(self, answers: Sequence[Fields]) -> dict[bytes, Item]:
        """The items that the lists tell, by key; see ``Kind.read``."""
        found = super().read(answers)
        registered = {
            _aor_of(item.values[b"ObjectName"]) + b"/" + item.values.get(b"Uri", b"")
            for item in found.values()
            if item.form is _CONTACT
        }
        listed: set[bytes] = set()
        for fields in answers:
            for contacts in fields.get_all(b"contacts"):
                listed.update(_contacts_of(contacts))
        self._written = listed - registered
        self._unlisted.difference_update(found)
        return found

    def told_otherwise(self, before: Mapping[bytes, Item], after: Mapping[bytes, Item]) -> Drift:
        """No event says that an endpoint was configured, or is no longer."""
        drift = super().told_otherwise(before, after)
        return Drift(
            tuple(key for key in drift.unknown if _is_contact(key)),
            tuple(key for key in drift.surplus if _is_contact(key)),
            drift.changed,
        )

    def inherit(self, before: Kind) -> None:
        """See ``Kind.inherit``."""
        super().inherit(before)
        assert isinstance(before, Endpoints)
        self._written = set(before._written)
        self._unlisted = set(before._unlisted)

    def _device_changed(self, event: Fields) -> None:
        device = event.only(b"device")
        words = _IN_WORDS.get(event.only(b"state"), b"")
        if words and device.startswith(_PREFIX):
            self._tell(device, {b"DeviceState": words})

    def _peer_changed(self, event: Fields) -> None:
        peer = event.only(b"peer")
        if peer.startswith(_PREFIX):
            self._tell(peer, {})

    def _tell(self, device: bytes, changes: Values) -> None:
        name = device[len(_PREFIX) :]
        known = self._items.get(name)
        if known is not None:
            self._items[name] = known.with_values(changes)
        elif name not in self._unlisted:
            if len(self._unlisted) >= _MOST_UNLISTED:
                self._unlisted.clear()
            self._unlisted.add(name)
            self.is_outdated = True

    def _contact_changed(self, event: Fields) -> None:
        aor, uri, endpoint = event.only(b"aor"), event.only(b"uri"), event.only(b"endpointname")
        status = event.only(b"contactstatus")
        if not aor or not uri or not status or aor + b"/" + uri in self._written:
            return
        if endpoint not in self._items:
            self._tell(_PREFIX + endpoint, {})
        key = _contact_name(aor, uri)
        if status == b"Removed":
            self._items.pop(key, None)
            return
        known = self._items.get(key, Item(_CONTACT, key, {b"ObjectType": b"contact", b"ObjectName": key}))
        time = event.only(b"roundtripusec") if status == b"Reachable" else b"N/A"
        changes = {b"Uri": uri, b"Status": status, b"RoundtripUsec": time}
        if not known.values.get(b"Endpoint"):
            changes[b"Endpoint"] = endpoint
        self._items[key] = known.with_values(changes)

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """The event that ends an item; see ``Kind.closing``."""
        if item.form is _CONTACT:
            headers = {**_contact(item.values), b"Status": b"Removed", b"RoundtripUsec": b"0"}
        else:
            headers = {**_peer(item.values), b"PeerStatus": b"Unreachable"}
        told = item.form.carriers[-1]
        return [
            synthetic(
                told.event,
                told.classes,
                [(header, headers.get(name, b"")) for name, header in told.fields.items()],
            )
        ]


def _contacts_of(contacts: bytes) -> list[bytes]:
    """``AOR/URI`` of each contact in a header ``Contacts`` of an endpoint, which has those of one AOR."""
    aor, slash, uris = contacts.removesuffix(b",").partition(b"/")
    start = aor + slash
    return [start + uri for uri in uris.split(b"," + start)] if uris else []


def _contact_name(aor: bytes, uri: bytes) -> bytes:
    """The name of a contact that has registered, as res_pjsip makes it (location.c)."""
    return aor + b";@" + hashlib.md5(uri, usedforsecurity=False).hexdigest().encode()


def _aor_of(contact: bytes) -> bytes:
    return contact.rpartition(b";@")[0]


def _is_contact(key: bytes) -> bool:
    return b";@" in key
