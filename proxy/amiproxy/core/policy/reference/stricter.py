"""Stricter: where a rule refuses what Asterisk itself would allow, and why.

Keyed by the ``rule`` of a Deny.  The operator's guide shows this table; tests
against a real Asterisk check that it is complete and true.
"""

from types import MappingProxyType
from typing import Final

STRICTER: Final = MappingProxyType(
    {
        "classes": "Asterisk gives no class to BridgeDestroy, BridgeKick, BridgeTechnologySuspend and "
        "-Unsuspend, to the actions that control DAHDI and PRI, and to those that control queues "
        "(QueueReset, QueueReload, QueueWithdrawCaller, QueueChangePriorityCaller), so that every account "
        "may end other users' calls. Here those for queues need agent, the others system. DAHDIRestart is "
        "refused to all: its failure ends the AMI session that all clients share. LoggerRotate needs system, "
        "because it runs the commands that logger.conf configures for it.",
        "functions": "Wherever Asterisk accepts a variable it also accepts a dialplan function: AST_CONFIG "
        "reads the secret of the proxy's own account, CURL connects to other hosts, FILE and DB write "
        "despite live_dangerously = no if the call is originated asynchronously. A short list of functions "
        "is open to all users with harmless arguments, the others need system, and those that reveal secrets "
        "or connect to other hosts must also be listed in `functions`.",
        "variables": "Asterisk's own code reads some 200 variables. Those that make it run a command or dial "
        "a string (MONITOR_EXEC, BLINDTRANSFER …), go elsewhere in the dialplan (GOSUB_RESULT, END_WHILE_ "
        "…), write a file, play a URL or affect other users' calls need system.",
        "global-variable": "Setvar without a channel changes a global variable (or the environment) for "
        "every call of the server, so it needs system.",
        "application": "Asterisk's list of applications that run code omits many that affect more than their "
        "own call: they evaluate their own data (WaitForCondition), write files or the database, open "
        "connections, read mailboxes, join or end other users' calls, act on queues, write events. So every "
        "application is in a table, with the class that it needs and the kinds of its arguments and options. "
        "An application that the table closes or does not describe needs class system, or must be listed in "
        "the user's `applications`. Quotes, backslashes and arguments that Asterisk does not read are "
        "refused where Asterisk might read them differently from the proxy.",
        "sound-file": "Playback and similar applications play any file of the machine, even a voicemail, and "
        "fetch a name that is a URL; a language, a time zone and a date format become parts of such a path. "
        "So only plain names below the sounds folder are allowed.",
        "agi-script": "The AGI of a queue may be any program, or run on another host. So it must be a plain "
        "name below the AGI folder, and needs class agi as well.",
        "evaluated-value": "`${`, `$[` and `^{` may be evaluated, at once or later. Only text that is merely "
        "copied into an event may contain them; elsewhere they need class system.",
        "predial-gosub": "It runs only in a synchronous Originate, which would block the link for all "
        "clients and so is never sent. Dropping it silently would mislead the client.",
        "technology": "A dial string may only name a telephone's technology (PJSIP, SIP, IAX2, DAHDI, Local "
        "…): AudioSocket, UnicastRTP, MulticastRTP and WebSocket connect Asterisk to wherever the string "
        "says, and Message sends messages. `technologies` in users.yaml replaces the list; class system may "
        "dial anything.",
        "host": "A host in a dial string or in the address of a message (PJSIP/sip:x@HOST, IAX2/x@HOST) "
        "makes Asterisk connect to it, and so does a name that is not a known peer of chan_sip, IAX2 or "
        "similar drivers (SIP/NAME, IAX2/NAME/s). `hosts` in users.yaml grants hosts and such peers; numbers "
        "do not need it, and class system may name any.",
        "characters": "Each kind of argument has its set of characters. A dialplan may pass extensions and "
        "contexts on to Dial, Goto or a shell, and app_queue stores names and reasons of members unescaped, "
        "so that ; and | would begin further members.",
        "everything": "Left out, or as *all, the argument means everything of its kind: the whole database, "
        "all registrations, the statistics of all queues. It needs class system, or one name.",
        "database-secret": "The AstDB family dundi stores keys of Asterisk itself, and class reporting may "
        "read the database. So this family needs class system.",
        "regular-expression": "Asterisk compiles it without a limit on memory or time (21 bytes can take 700 "
        "MiB), also after `like` and in `group show channels` on its CLI. So it needs class system, and may "
        "have at most 256 characters without counts, back-references, or a + after a group or another "
        "repetition.",
        "channel-pattern": "One Hangup with /.*/ ends every call of the server, as does `channel request "
        "hangup all`. So a pattern needs class system.",
        "agi-command": "EXEC, DATABASE and functions exceed what class agi stands for, a grammar or an image "
        "may be any file, a prompt that is a path may be any user's recording and one that is a URL is "
        "fetched, a variable may store text that a dialplan evaluates later, and a command that is not in "
        "the table may do anything. These need class system. RECORD FILE overwrites sounds that all callers "
        "hear: it needs class system, or `applications` that list Record. GET OPTION without a time and "
        "commands of more than 127 words may crash Asterisk, and are refused to all. Naming a channel other "
        "than the action's own (HANGUP, CHANNEL STATUS, GET FULL VARIABLE) needs call. Of the words after "
        "EXEC's application Asterisk reads only the first: put the data in quotes. GET and SET VARIABLE of "
        "the functions that are closed even to system are refused to all.",
        "user-event-header": "Asterisk copies every line of a UserEvent, so that a client could write the "
        "lines of a message's frame (Event, EventList, Privilege, Response, Server, Timestamp, "
        "SequenceNumber) into other clients' streams.",
        "config-file": "manager.conf and users.conf contain manager accounts, including the proxy's own, and "
        "Asterisk's check of the path also accepts folders beside its own.",
        "config-directive": "A line that begins with # would be read as #include or #exec, and a ; in a name "
        "may comment out the text before the #.",
        "config-options": "Asterisk crashes if a section inherits from several templates of which the first "
        "does not exist, and reads past the end of an option or a filter that ends in a backslash and one "
        "character. So only one template and known options are allowed.",
        "config-line": "Asterisk crashes on an Insert into a section with fewer lines: use line 0, or "
        "Append.",
        "reload-manager": "Reloading the manager is for the owners of its accounts. It needs class system in "
        "every form: Reload, UpdateConfig with `Reload`, and the CLI commands `manager reload`, `module "
        "reload`, `core reload`, `reload` and `config reload`. So does a reload that does not name a module, "
        "since it reloads the manager with all the others.",
        "recording-file": "Asterisk up to 20 records to any path and passes the name to a shell. Without "
        "system it must be a plain name below the recordings folder.",
        "module-name": "ModuleLoad takes names, not paths.",
        "command": "Commands that end, restart, kick or block what the link depends on are refused to all; "
        "those that run code, write files, change the dialplan, the database or the configuration, or affect "
        "other users' calls, queues, agents or mailboxes need the class for that, as the corresponding "
        "actions do. A word such as `pause\\|unpause`, which Asterisk takes for either, is refused to all as "
        "one of the first three words. The aliases in the cli_aliases.conf that Asterisk ships are treated "
        "as the commands that they expand to.",
        "command-unknown": "A command that is not in the table (of a third-party module, or a newer version) "
        "may do anything: it needs class system, or a user whose `commands` list it.",
    }
)
