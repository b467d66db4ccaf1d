"""Privileged: which actions are recorded in the audit log even when they are allowed."""

# mypyc: compiled

from typing import Final

from amiproxy.ami.actions import LOCAL
from amiproxy.ami.message import Action

#: Actions that read what any class may read: they get no audit line when allowed.
_READS: Final = LOCAL | frozenset(
    b"""agents bridgeinfo bridgelist bridgetechnologylist confbridgelist confbridgelistrooms coresettings
    coreshowchannelmap coreshowchannels corestatus dahdishowchannels dahdishowstatus devicestatelist
    extensionstate extensionstatelist faxsession faxsessions faxstats getvar iaxnetstats iaxpeerlist iaxpeers
    iaxregistry mailboxcount mailboxstatus meetmelist meetmelistrooms modulecheck mwiget parkedcalls
    parkinglots pjsipshowaors pjsipshowcontacts pjsipshowendpoint pjsipshowendpoints pjsipshowmaintenance
    pjsipshowregistrationinboundcontactstatuses pjsipshowregistrationsinbound pjsipshowregistrationsoutbound
    pjsipshowresourcelists pjsipshowsubscriptionsinbound pjsipshowsubscriptionsoutbound presencestate
    presencestatelist prishowspans queuerule queuestatus queuesummary showdialplan sippeers sippeerstatus
    sipshowpeer sipshowregistry skinnydevices skinnylines skinnyshowdevice skinnyshowline status
    voicemailboxsummary voicemailuserslist voicemailuserstatus""".split()
)


def is_privileged(action: Action) -> bool:
    """Whether the action is recorded even when it is allowed."""
    return action.key not in _READS
