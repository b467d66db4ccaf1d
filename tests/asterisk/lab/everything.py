"""Every module that Debian's Asterisk has and that opens no port of its own, for tests that need all of it.

The lab's Asterisk loads a list of modules.  An attack, or a test of completeness, needs the rest too: more
actions, applications, functions and channel technologies.
"""

from collections.abc import Mapping

from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ports import free_port

#: They open a port, look for a device or a server elsewhere, or prevent another module from loading.
_LEFT_OUT = """
    app_jack app_voicemail_imap app_voicemail_odbc cdr_pgsql cdr_radius cel_pgsql cel_radius chan_alsa
    chan_console chan_mgcp chan_oss chan_unistim pbx_dundi pbx_lua res_ari res_calendar res_config_ldap
    res_config_pgsql res_hep res_hep_pjsip res_hep_rtcp res_pjsip_transport_websocket res_prometheus
    res_snmp res_statsd res_stun_monitor
"""


def with_every_module(asterisk: Asterisk, files: Mapping[str, str] | None = None) -> Asterisk:
    """The same Asterisk, before its start, set up to load all that it can; ``files`` add configuration."""
    written = {
        "modules.conf": "\n".join(
            ("[modules]", "autoload = yes", *(f"noload = {name}.so" for name in _LEFT_OUT.split()), "")
        ),
        "agents.conf": "[general]\n[42]\nfullname = Lab Agent\n",
        "iax.conf": f"[general]\nbindaddr = 127.0.0.1\nbindport = {free_port()}\n",
        "musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
        "pjsip.conf": f"[lab-udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{free_port()}\n",
        "pjsip_notify.conf": "",
        "res_curl.conf": "",
        "res_fax.conf": "[general]\n",
        "resolver_unbound.conf": "",
        "sip.conf": f"[general]\nudpbindaddr = 127.0.0.1:{free_port()}\n",
        "skinny.conf": f"[general]\nbindaddr = 127.0.0.1\nbindport = {free_port()}\n",
        "voicemail.conf": "[general]\nformat = wav\n[default]\n100 => 1234,Lab\n",
        "xmpp.conf": "[general]\n",
        **(files or {}),
    }
    for name, text in written.items():
        asterisk.write(name, text)
    return asterisk
