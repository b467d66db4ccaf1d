"""Two doors (ways to connect) to the same Asterisk, with the same users: its own port, and the proxy's.

A test that takes ``door`` runs at both, so its assertions about the proxy are known to hold for Asterisk.
"""

from dataclasses import dataclass
from typing import Any

from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed

SECRETS = Asterisk.users | {Asterisk.user: Asterisk.secret}

#: The users of etc/manager.conf, as in users.yaml.
USERS: dict[str, dict[str, Any]] = {
    "proxy": {"md5_secret": Asterisk.secret, "read": "all", "write": "all"},
    "limited": {"read": ["call"], "write": ["call"]},
    "lab-reader": {"read": "system,call,reporting,user", "write": ["reporting"]},
    "lab-filtered": {
        "read": "all",
        "write": "all",
        "eventfilter": ["Event: UserEvent", "!UserEvent: Secret"],
    },
    "lab-single": {"read": "all", "write": "all", "allowmultiplelogin": False},
    "lab-originate": {"read": ["call"], "write": ["originate"]},
    "lab-acl": {"read": "all", "write": "all", "acl": ["deny 0.0.0.0/0.0.0.0", "permit 192.0.2.1/32"]},
}
for _name, _entry in USERS.items():
    _entry.setdefault("secret", hashed(SECRETS[_name]))

#: The tests place more calls than people do, and fail more logins on purpose.
LIMITS = {
    "originate_rate": 1000,
    "originate_burst": 1000,
    "command_rate": 1000,
    "command_burst": 1000,
    "connection_rate": 1000,
    "connection_burst": 1000,
    "login_failure_burst": 1000,
    "exempt": ["127.0.0.1/32"],
    "reconnect_min": 0.1,
    "reconnect_max": 0.5,
}


@dataclass(frozen=True)
class Door:
    """Where clients connect; ``proxy`` is None at Asterisk's own port."""

    asterisk: Asterisk
    proxy: ProxyProcess | None

    async def connect(self) -> AmiClient:
        """A session that has read the banner."""
        if self.proxy is None:
            return await AmiClient.connect(self.asterisk.host, self.asterisk.port)
        return await self.proxy.connect()

    async def login(self, user: str = Asterisk.user, **headers: str) -> AmiClient:
        """A session of this user; its FullyBooted has been taken if it may see it."""
        client = await self.connect()
        answer = await client.login(user, SECRETS[user], **headers)
        assert answer.get("Message") == "Authentication accepted", answer
        if user not in {"limited", "lab-originate"} and "Events" not in headers:
            await client.wait_event("FullyBooted")
        return client
