"""Stricter: where a rule refuses what Asterisk itself would allow, and why.

Keyed by the ``rule`` of a Deny.  The operator's guide shows this table, and a
test against a real Asterisk holds it to be complete and true.
"""

from types import MappingProxyType
from typing import Final

STRICTER: Final = MappingProxyType(
    {
        "classes": "Asterisk gives BridgeDestroy, BridgeKick, BridgeTechnologySuspend and "
        "-Unsuspend, the controls of DAHDI and PRI and those of queues (QueueReset, "
        "QueueReload, QueueWithdrawCaller, QueueChangePriorityCaller) no class: every"
        " account may end other people's calls. They need system, those of queues "
        "agent. DAHDIRestart is refused to all: its failure ends the session all "
        "clients share. LoggerRotate runs the commands that logger.conf has for it: system.",
        "functions": "Wherever Asterisk takes a variable it takes a dialplan function: AST_CONFIG reads the "
        "secret of the proxy's own account, CURL reaches other hosts, FILE and DB write in spite "
        "of live_dangerously = no when the call is originated asynchronously. A short list is "
        "open to all, with the arguments that are harmless, the others need system, and those that hand out "
        "secrets or reach out must be named in `functions`.",
        "variables": "Asterisk's own code reads some 200 variables. Those that make it run a command or dial "
        "a string (MONITOR_EXEC, BLINDTRANSFER …), go elsewhere in the dialplan (GOSUB_RESULT, "
        "END_WHILE_ …), write a file, play a URL or reach other people's calls need system.",
        "global-variable": "Setvar without a channel changes a global variable (or the environment) for "
        "every call of the server: class system.",
        "application": "Asterisk's list of applications that run code leaves out many that do more than "
        "their own call: they evaluate their own data (WaitForCondition), write files or the database, open "
        "connections, read mailboxes, join or end other people's calls, act on queues, write events. So "
        "every application is in a table, with the class that it takes and the kinds of its arguments and "
        "options; what the table closes or does not describe needs class system, or to be named in the "
        "user's `applications`. Quotes, backslashes and arguments that Asterisk does not read are refused "
        "where they could mean another thing than they seem to.",
        "sound-file": "Playback and its kin play any file of the machine, a voicemail too, and fetch a name "
        "that is a URL; a language, a time zone and a date format are parts of such a path. Plain names "
        "below the folder of sounds only.",
        "agi-script": "The AGI of a queue may be any program or another host's: a plain name below the "
        "folder of scripts, beside class agi.",
        "evaluated-value": "`${`, `$[` and `^{` wait to be evaluated, now or later. "
        "Only text that is merely copied into an event may hold them; all else needs class system.",
        "predial-gosub": "It runs only in a synchronous Originate, which holds up the link for all "
        "clients and so never travels; dropped in silence it would mislead.",
        "technology": "A dial string may only name a telephone's technology (PJSIP, SIP, IAX2, DAHDI, Local "
        "…): AudioSocket, UnicastRTP, MulticastRTP and WebSocket connect Asterisk to wherever the string "
        "says, and Message sends messages. `technologies` in users.yaml takes the place of the list; class "
        "system may dial anything.",
        "host": "A host inside a dial string or the address of a message (PJSIP/sip:x@HOST, IAX2/x@HOST) has "
        "Asterisk connect there, and so has a name that chan_sip, IAX2 or their kin know no peer of "
        "(SIP/NAME, IAX2/NAME/s). `hosts` in users.yaml grants hosts and such peers; numbers need none, and "
        "class system may name any.",
        "characters": "Each kind of argument has its characters. A dialplan may hand extensions and contexts "
        "on to Dial, Goto or a shell, and app_queue stores names and reasons of members unescaped, "
        "where ; and | would begin further members.",
        "everything": "Left out, or as *all, the argument means everything there is: the whole database, all "
        "registrations, the statistics of all queues. Class system, or a name.",
        "database-secret": "A family of AstDB (dundi) keeps keys of Asterisk's own, and class reporting may "
        "read the database: class system.",
        "regular-expression": "Asterisk compiles it without a limit on memory or time (21 bytes can take "
        "700 MiB), also behind `like` and in `group show channels` on the command line: class "
        "system, and at most "
        "256 characters without counts, back-references, or a + behind a group or another repetition.",
        "channel-pattern": "One Hangup with /.*/ ends every call of the server, as does `channel request "
        "hangup all`: class system.",
        "agi-command": "EXEC, DATABASE and functions reach beyond what the class agi names, a grammar or an "
        "image may be any file, a prompt that is a path may be anybody's recording and one that "
        "is a URL is fetched, what a dialplan may evaluate later waits in a variable, and a "
        "command that is in no table may do anything: class system. RECORD FILE overwrites the sounds "
        "that everybody hears: class system, or `applications` that name Record. GET OPTION without a "
        "time and more than 127 words may crash Asterisk: refused to all. Naming another channel than "
        "the action's own (HANGUP, CHANNEL STATUS, GET FULL VARIABLE) needs call. Of several "
        "words behind EXEC's application Asterisk reads one: put the data in quotes. GET and "
        "SET VARIABLE of the functions closed even to system are refused to all.",
        "user-event-header": "Asterisk copies every line of a UserEvent, so that a client could write "
        "the lines of a message's frame (Event, EventList, Privilege, Response, Server, Timestamp, "
        "SequenceNumber) into other people's streams.",
        "config-file": "manager.conf and users.conf hold accounts of the manager, the proxy's own "
        "among them; and Asterisk's test for its folder lets one beside it pass.",
        "config-directive": "A line that begins with # would be read as #include or #exec, and a ; in a "
        "name may comment out what stands before the #.",
        "config-options": "Asterisk crashes where a section inherits from several templates of which the "
        "first is not there, and reads behind the end of an option or a filter that ends in a backslash and "
        "one character: one template, known options.",
        "config-line": "Asterisk crashes on an Insert into a section with fewer lines: line 0, or Append.",
        "reload-manager": "Reloading the manager is for those who own its accounts: class system, through "
        "every door: Reload, UpdateConfig with `Reload`, and the CLI commands `manager "
        "reload`, `module reload`, `core reload`, `reload` and `config reload`. So is a "
        "reload that names no module, since it reloads the manager with all the others.",
        "recording-file": "Asterisk up to 20 records to any path and hands the name to a shell: without"
        " system a plain name below the recordings' folder.",
        "module-name": "ModuleLoad takes names, not paths.",
        "command": "Commands that end, restart, kick or hold what the link depends on are refused to "
        "all; those that run code, write files, change the dialplan, the database or what "
        "is configured, or reach other people's calls, queues, agents or mailboxes need "
        "the class that names that, as their actions do. A word such as `pause\\|unpause`, "
        "which Asterisk takes for either, is refused to all among the first three. "
        "Aliases that Asterisk's cli_aliases.conf comes with count as what they stand "
        "for.",
        "command-unknown": "A command that is in no table (a third-party module's, or a newer version's) may "
        "do anything: class system, or a user whose `commands` name it.",
    }
)
