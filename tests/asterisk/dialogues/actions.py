# ruff: noqa: E501 - a session is a line
"""Sessions of actions that place no calls: variables, the database, queues, lists, files, masks and filters, errors."""

from tests.asterisk.dialogues.script import LOUD, QUIET, Until, act, dialogue, user

_SEEN = Until(rb"^Event: UserEvent\r\n")


def _seen(name: str, *lines: str) -> bytes:
    return act("UserEvent", f"UserEvent: {name}", *lines)


ACTIONS = [
    dialogue("ping", QUIET, act("Ping"), act("Ping", "ActionID: 1"), act("pInG", "Data: x")),
    dialogue("variables", QUIET, act("Getvar", "Variable: LAB", "ActionID: 1"), act("Getvar", "Variable: NONE"), act("Getvar"), act("Getvar", "Channel: Local/none", "Variable: X"), act("Getvar", "Variable: LEN(abc)"), act("Getvar", "Variable: NOSUCH(x)"), act("Setvar", "Variable: SAID", "Value: a: b  c "), act("Getvar", "Variable: SAID"), act("Setvar"), act("Setvar", "Channel: Local/none", "Variable: X", "Value: 1")),
    dialogue("variables-heard", *LOUD, act("Setvar", "Variable: LAB_HEARD", "Value: zażółć \"x\" \\ y"), Until(rb"^Event: VarSet\r\n")),
    dialogue("database", QUIET, act("DBPut", "Family: said", "Key: a", "Val: zażółć"), act("DBPut", "Family: said", "Key: b/c", "Val:"), act("DBGet", "Family: said", "Key: a", "ActionID: g"), act("DBGet", "Family: said", "Key: none"), act("DBGet"), act("DBGetTree", "Family: said", "ActionID: t"), act("DBDel", "Family: said", "Key: a"), act("DBDel", "Family: said", "Key: a"), act("DBDelTree", "Family: said"), act("DBPut", "Family: said"), changes=True),
    dialogue("commands", QUIET, act("Command", "Command: core show version", "ActionID: 1"), act("Command", "Command: core show channels"), act("Command", "Command: dialplan show lab"), act("Command", "Command: no such thing"), act("Command"), act("Command", "Command: module load x"), act("Command", "Command: database put said x 1"), act("Command", "Command: database del said x"), changes=True),
    dialogue("settings", QUIET, act("CoreSettings", "ActionID: 1"), act("CoreStatus"), act("ModuleCheck", "Module: app_dial"), act("ModuleCheck", "Module: none"), act("ListCommands", "ActionID: l")),
    dialogue("module-load-mistaken", QUIET, act("ModuleLoad", "LoadType: load", "Module: none.so"), act("ModuleLoad", "LoadType: what", "Module: app_dial.so"), act("ModuleLoad", "LoadType: reload", "Module: none"), changes=True),
    dialogue("lists-of-nothing", QUIET, *(act(name, "ActionID: 1") for name in ("CoreShowChannels", "Status", "BridgeList", "ParkedCalls", "Parkinglots", "QueueRule", "PresenceStateList", "ConfbridgeListRooms"))),
    dialogue("lists", QUIET, *(act(name) for name in ("QueueSummary", "QueueStatus", "DeviceStateList", "ExtensionStateList", "BridgeTechnologyList")), act("ShowDialPlan", "Context: lab", "ActionID: d")),
    dialogue("lists-that-fail", QUIET, act("BridgeInfo", "BridgeUniqueid: none", "ActionID: 1"), act("ShowDialPlan", "Context: none"), act("QueueStatus", "Queue: none"), act("ConfbridgeList", "Conference: none"), act("Status", "Channel: Local/none")),
    dialogue("states", QUIET, act("ExtensionState", "Exten: 100", "Context: lab", "ActionID: 1"), act("ExtensionState", "Exten: none", "Context: lab"), act("ExtensionState"), act("PresenceState", "Provider: none:1"), act("MailboxCount", "Mailbox: 1@default"), act("MailboxStatus", "Mailbox: 1@default")),
    dialogue("files", QUIET, act("GetConfig", "Filename: queues.conf", "ActionID: 1"), act("GetConfig", "Filename: queues.conf", "Category: lab-queue"), act("GetConfigJSON", "Filename: queues.conf"), act("ListCategories", "Filename: queues.conf"), act("ListCategories", "Filename: acl.conf"), act("GetConfig", "Filename: none.conf"), act("GetConfig"), act("UpdateConfig"), act("CreateConfig")),
    dialogue("files-of-secrets", QUIET, act("GetConfig", "Filename: manager.conf"), act("ListCategories", "Filename: manager.conf"), differences=("refusals",)),
    dialogue("queues", *LOUD, act("QueueAdd", "Queue: lab-queue", "Interface: Local/member@lab/x", "MemberName: A: b", "Penalty: 3", "ActionID: 1"), Until(rb"^Event: QueueMemberAdded\r\n"), act("QueuePause", "Queue: lab-queue", "Interface: Local/member@lab/x", "Paused: true", "Reason: tea"), Until(rb"^Event: QueueMemberPause"), act("QueuePenalty", "Queue: lab-queue", "Interface: Local/member@lab/x", "Penalty: 5"), Until(rb"^Event: QueueMemberPenalty\r\n"), act("QueueStatus", "Queue: lab-queue", "Member: Local/member@lab/x"), act("QueueRemove", "Queue: lab-queue", "Interface: Local/member@lab/x"), Until(rb"^Event: QueueMemberRemoved\r\n")),
    dialogue("queues-mistaken", QUIET, act("QueueAdd"), act("QueueAdd", "Queue: none", "Interface: Local/member@lab"), act("QueuePause", "Interface: Local/none@lab", "Paused: true"), act("QueuePause"), act("QueueRemove", "Queue: lab-queue", "Interface: Local/none@lab"), act("QueuePenalty", "Interface: x", "Penalty: y"), act("QueueLog", "Queue: lab-queue")),
    dialogue("parking-mistaken", QUIET, act("Park"), act("Park", "Channel: Local/none"), act("ParkedCalls", "ParkingLot: none")),
    dialogue("conferences-mistaken", QUIET, act("ConfbridgeList"), act("ConfbridgeKick", "Conference: none", "Channel: all"), act("ConfbridgeMute", "Conference: none", "Channel: x"), act("ConfbridgeLock")),
    dialogue("channels-mistaken", QUIET, *(act(name, "Channel: Local/none", "Timeout: 5", "Digit: 1", "Context: lab", "Exten: answer", "Priority: 1", "ActionID: 1") for name in ("Hangup", "AbsoluteTimeout", "PlayDTMF", "Redirect", "Atxfer", "BlindTransfer", "SendText", "MixMonitor", "StopMixMonitor", "AGI"))),
    dialogue("channels-left-out", QUIET, *(act(name) for name in ("Hangup", "AbsoluteTimeout", "PlayDTMF", "Redirect", "Atxfer", "BlindTransfer", "Bridge", "SendText", "LocalOptimizeAway"))),
    dialogue("hangup-by-pattern", QUIET, act("Hangup", "Channel: /^Local/none/", "ActionID: 1"), act("Hangup", "Channel: /[/")),
    dialogue("wait-event", QUIET, act("WaitEvent", "Timeout: 0", "ActionID: 1"), act("WaitEvent", "Timeout: 1"), act("Ping")),
    dialogue("wait-event-with-one", user("lab-reader", "reader", "Events: user"), act("WaitEvent", "Timeout: 0", "ActionID: 1"), Until(rb"^Event: WaitEventComplete\r\n"), act("Ping")),
    dialogue("masks", QUIET, *(act("Events", f"EventMask: {mask}", "ActionID: 1") for mask in ("on", "ON", "yes", "off", "No", "0", "1", "2", "call", "call,user", "CALL", "call, user", "none", "all", "bogus", "-1", "4294967295", "")), act("Events"), changes=True),
    dialogue("masks-at-work", *LOUD, act("Events", "EventMask: call"), _seen("Unseen"), act("Events", "EventMask: user"), _seen("Seen"), _SEEN, act("Events", "EventMask: off"), _seen("Unseen"), act("Events", "EventMask: on"), _seen("Seen too"), _SEEN),
    dialogue("filters", *LOUD, act("Filter", "Operation: Add", "Filter: UserEvent: Wanted", "ActionID: 1"), _seen("Other"), _seen("Wanted"), _SEEN, act("Filter", "Operation: Add", "Filter: !Colour: red"), _seen("Wanted", "Colour: red"), _seen("Wanted", "Colour: blue"), _SEEN),
    dialogue("filters-mistaken", QUIET, act("Filter", "Operation: Remove", "Filter: x"), act("Filter", "Operation: Add", "Filter: ["), act("Filter", "Operation: Add"), act("Filter"), differences=("empty-filter@22",)),
    dialogue("filtered-user", user("lab-filtered", "filtered"), Until(rb"^Event: FullyBooted\r\n"), _seen("Secret"), _seen("Plain", "A: 1"), _SEEN),
    dialogue("reader-may-not", user("lab-reader", "reader", "Events: off"), act("DBPut", "Family: a", "Key: b", "Val: c"), act("Originate", "Channel: Local/answer@lab"), act("Command", "Command: core show version"), act("UserEvent", "UserEvent: x"), act("Filter", "Operation: Add", "Filter: x"), act("CoreShowChannels"), act("QueueStatus")),
    dialogue("functions-of-secrets", user("limited", "lim", "Events: off"), act("Getvar", "Variable: DB(said/x)"), act("Getvar", "Variable: GLOBAL(LAB)"), differences=("refusals",)),
    dialogue("unknown-actions", QUIET, act("NoSuchAction", "ActionID: 1"), act("Ping2"), act("Sipshowpeers"), act("Action: Ping")),
    dialogue("reload", *LOUD, act("Reload", "Module: app_queue.so", "ActionID: 1"), Until(rb"^Event: Reload\r\n"), act("Reload", "Module: none.so")),
]  # fmt: skip
