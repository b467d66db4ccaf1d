"""Rules: what one user may do, in addition to (mostly: less than) what its classes grant.

All of them restrict, but some can also open what is closed by default: ``functions`` and
``applications`` can open single ones by name, ``technologies`` replaces the list of telephone
technologies, ``hosts`` grants hosts in dial strings.  A field that is None changes nothing; an
empty tuple allows nothing.

``amiproxy.core.policy`` applies the rules to actions, ``amiproxy.core.calls.scope`` the scope to
events.  ``amiproxy.config`` builds them from users.yaml, and checks there that they make sense.
"""

import msgspec


class ActionNames(msgspec.Struct, frozen=True, kw_only=True):
    """Actions by name, in any case, with ``*`` for any run of characters; ``deny`` wins over ``allow``.

    Without ``allow``, every action is allowed that nothing else refuses.
    """

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Require(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on a header's value; exactly one of the four is given.  All compare case-sensitively."""

    exact: str | None = None
    prefix: str | None = None
    one_of: tuple[str, ...] | None = None
    pattern: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule on one header of an action (or of all actions that ``action`` matches).

    ``require`` refuses the action unless the header is present and fits; after that
    ``remove`` removes the header, or ``set`` forces it to a value.  ``set`` on
    ``Variable`` is ``NAME=value``, which overrides the client's value.
    """

    action: str
    header: str
    require: Require | None = None
    set: str | None = None
    remove: bool = False


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls the user sees: calls with any of these, with all their legs, and no other calls.

    ``more_events`` adds the events that are not about a call (FullyBooted, PeerStatus …).
    """

    channels: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    accountcodes: tuple[str, ...] = ()
    more_events: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of one user.

    ``contexts`` and ``channels`` limit what the user's actions may reach.  A channel
    is written as its device, ``PJSIP/100``; ``*`` stands for any run of characters
    except ``/``, ``@``, ``&``, ``,`` and ``|``.
    """

    actions: ActionNames | None = None
    rules: tuple[Rule, ...] = ()
    contexts: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    commands: tuple[str, ...] | None = None
    functions: tuple[str, ...] | None = None
    #: Channel variables that the user may set; if absent, all.  In both cases, those that Asterisk's own code
    #: reads are checked.
    variables: tuple[str, ...] | None = None
    #: Dialplan applications that the user may have run; if absent, those known to be harmless.  A final ``*``
    #: stands for third-party applications and for those known to be harmless.
    applications: tuple[str, ...] | None = None
    #: Channel technologies in dial strings; if absent, those of telephones.
    technologies: tuple[str, ...] | None = None
    #: Hosts that dial strings and message addresses may name; if absent, none.
    hosts: tuple[str, ...] | None = None
    scope: Scope | None = None
