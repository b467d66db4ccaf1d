"""The table of Asterisk's CLI commands, and of the aliases for them.

Its format is described in ``amiproxy.ami.catalogue.clicommands``.
"""

from typing import Final

#: Commands that only read, change what is logged, or reload one module.
HARMLESS: Final = """
acl show
aeap show: client, clients
ael: reload, set debug
agent show
agi: set debug, show
aoc set debug
ari: set debug, show
bridge: show, technology show
calendar: dump sched, show
cc report status
cdr: mysql status, set debug, show
cel show status
channel dump frames
cli: check permissions, show
confbridge: list, show
config: list, show help
core set: debug, trace, verbose
core show: application, applications, calls, channel, channels, channeltype, channeltypes, codec, codecs
core show: config mappings, device2extenstate, fd, file formats, file version, function, functions
core show: hanguphandlers, help, hint, hints, image formats, license, locks, profile, settings, sound, sounds
core show: switches, sysinfo, taskprocessor, taskprocessors, threads, translation, uptime, version, warranty
core waitfullybooted
corosync show
dahdi show
data show providers
devstate list
dialplan: debug, eval function, locks show, reload, show
dnsmgr: reload, status
dundi: set debug, show
event dump cache
fax: set debug, show
features: reload, show
geoloc: list, reload, show
group show channels
gtalk: reload, show
h323: reload, set debug, set trace, show
http show status
iax2: reload, set debug, show
indication show
jabber: reload, set debug, show
jingle: reload, show
keys show
local show channels
logger: filter show, mute, reload, set level, show
manager show
media cache show
meetme list
memory show summary
mfcr2: set debug, show
mgcp: reload, show
minivm: list, reload, show
misdn: reload, set debug, show
mixmonitor list
mobile show devices
module: reload, show
moh: reload, show
mwi: list, show
no debug channel
odbc show
ooh323: reload, set debug, show
opus show
osp show
parkedcalls show
parking show
phoneprov show
pjproject: set log level, show
pjsip list: aors, auths, channels, ciphers, contacts, endpoints, identifies, registrations, subscriptions
pjsip list: transports
pjsip set logger: add, host, method, methodadd, off, on, verbose
pjsip show: aor, aors, channel, channels, channelstats, contact, contacts, endpoint, endpoints, history
pjsip show: identifiers, identifies, identify, maintenance, qualify, registration, registrations
pjsip show: scheduled_tasks, settings, subscription, subscriptions, transport, transports, transport-monitors
pjsip show: unidentified_requests, version
pktccops: set debug, show
presencestate list
pri: set debug, show
prometheus show
queue show
rtcp set: debug, stats
rtp: set debug, show settings
sip: reload, set debug, set history, show
skel show
skinny: debug, reload, set debug, show
sla show
sorcery: memory cache dump, memory cache show, show settings
sqlite show
ss7: set debug, show
stasis: show, statistics show
stir_shaken show
stun: set debug, show
test show
threadstorage show summary
transcoder show
udptl: set debug, show
unistim: reload, set debug, show
voicemail: reload, show
xmpp: set debug, show
"""


#: Commands that run code, change files, the dialplan, the database, the configuration or devices, reset
#: something, or show secrets.
OF_SYSTEM: Final = """
agi: dump, dumphtml, exec
amihook: register, send, unregister
ari: mkpasswd, shutdown, start
astobj2: container, show stats, test
bridge technology: suspend, unsuspend
cdr submit
channel originate
cli reload permissions
confbridge record
config reload
core: abort shutdown, clear profile, ping taskprocessor, reload, reset taskprocessor, reset taskprocessors
core set: chanvar, file, global
corosync ping
dahdi: create, destroy, restart, set
data get
database: -
dialplan: add, exec, remove, save, set
dnsmgr refresh
dundi: flush, lookup, precache, query, store history
file convert
h323: cycle gk, hangup
iax2: provision, prune realtime, set mtu, test, unregister
indication: add, remove
jabber: create, delete, list, purge
keys init
logger: add, filter changroup, filter reset, remove, rotate, test
malloc trim
manager reload
media cache: create, delete, refresh
memory: atexit, backtrace, show allocations
mfcr2: call files, destroy link, set blocked, set idle
mgcp audit endpoint
misdn: port, restart, send restart, set crypt debug, set tics
mixmonitor: -
mobile: cusd, rfcomm
moh unregister class
mwi delete: all, like
odbc: -
performance test
pjsip: dump endpt, export, reload qualify, send, set history, set logger, set maintenance
pjsip show: auth, auths
pktccops: gatedel, gateset
presencestate change
pri: destroy span, service, set debug file
realtime: -
remb set
rtp: drop, resolve stun hostname, set
say load
securityevents test generation
sip: notify, prune realtime, unregister
skinny: message, reset
sorcery memory cache: expire, populate, stale, thrash
ss7: block, mtp3, reset, restart mtp3, unblock
stir_shaken verify
taskpool push
test: execute, generate, locale
threadpool push
threadstorage show allocations
translate sampletype
ulimit
unistim send packet
xmldoc: dump, reload
xmpp: create, delete, list, purge
"""


#: Commands that affect other users' calls.
OF_CALL: Final = """
bridge: destroy, kick
cc cancel
channel: redirect, request hangup
confbridge: kick, lock, mute, unlock, unmute
console: answer, autoanswer, boost, dial, flash, hangup, list, mute, send text, set, show, transfer, unmute
devstate change
meetme: kick, lock, mute, unlock, unmute
misdn: send digit, send display, send facility, toggle echocancel
mwi: delete mailbox, update mailbox
"""


#: Commands that affect queues and their members.
OF_AGENT: Final = """
agent logoff
queue: add, pause, priority, reload, remove, reset, set, unpause, withdraw
"""


OF_REPORTING: Final = """
database: get, show
pjsip qualify
sip qualify peer
"""


OF_USER: Final = """
voicemail: forward, move, remove
"""


#: Commands that end, restart, kick or block the link, which all clients share, or load a module that may.
#: They include words that sites often define for such commands in cli_aliases.conf.  Two are aliases of the
#: shipped file that expand to themselves (``console=console active``): if no module has such a command,
#: Asterisk crashes.
OF_NOBODY: Final = """
!
console: -
core: eat memory, restart, show translation recalc, stop
die
exit
load
logger test performance
manager: -
mgcp set debug
mobile search
module: load, refresh, unload
quit
restart
sched benchmark
shutdown
stop
timing test
unload
"""


#: The aliases of the cli_aliases.conf that Asterisk ships, and what they expand to; without the two above.
SHIPPED_ALIASES: Final = """
abort shutdown=core abort shutdown
add extension=dialplan add extension
add ignorepat=dialplan add ignorepat
add queue member=queue add member
ael debug=ael set debug
ael no debug=ael set debug off
agi dumphtml=agi dump html
agi no debug=agi set debug off
answer=console answer
autoanswer=console autoanswer
cdr status=cdr show status
clear profile=core clear profile
convert=file convert
core set chanvar=dialplan set chanvar
core set global=dialplan set global
core show globals=dialplan show globals
dial=console dial
dont include=dialplan remove include
dump agihtml=agi dump html
extensions reload=dialplan reload
features reload=module reload features
flash=console flash
funcdevstate list=devstate list
hangup request=channel request hangup
hangup=console hangup
help=core show help
iax2 jb debug=iax2 set debug jb
iax2 no debug=iax2 set debug off
iax2 no jb debug=iax2 set debug jb off
iax2 no trunk debug=iax2 set debug trunk off
iax2 trunk debug=iax2 set debug trunk
include context=dialplan add include
jabber create collection=xmpp create collection
jabber create leaf=xmpp create leaf
jabber delete node=xmpp delete node
jabber list nodes=xmpp list nodes
jabber purge nodes=xmpp purge nodes
jabber set debug=xmpp set debug
jabber show buddies=xmpp show buddies
jabber show connections=xmpp show connections
moh classes show=moh show classes
moh files show=moh show files
mute=console mute
originate=channel originate
oss boost=console boost
pjsip reload=module reload res_pjsip.so
pri intense debug span=pri set debug intense span
reload=module reload
remove extension=dialplan remove extension
remove ignorepat=dialplan remove ignorepat
remove queue member=queue remove member
restart gracefully=core restart gracefully
restart now=core restart now
restart when convenient=core restart when convenient
rtcp debug=rtcp set debug on
rtcp stats=rtcp set stats on
rtp debug=rtp set debug on
rtp no debug=rtp set debug off
rtp rtcp debug=rtcp set debug on
rtp rtcp no debug=rtcp set debug off
rtp rtcp no stats=rtcp set stats off
rtp rtcp stats=rtcp set stats on
save dialplan=dialplan save
send text=console send text
set global=dialplan set global
show agents=agent show
show agi=agi show
show application=core show application
show applications=core show applications
show audio codecs=core show codecs
show channeltype=core show channeltype
show channeltypes=core show channeltypes
show codec=core show codec
show codecs=core show codecs
show dialplan=dialplan show
show features=features show
show file formats=core show file formats
show function=core show function
show functions=core show functions
show globals=dialplan show globals
show hints=core show hints
show image codecs=core show codecs
show image formats=core show image formats
show indications=indication show
show manager command=manager show command
show manager commands=manager show commands
show manager connected=manager show connected
show manager eventq=manager show eventq
show memory allocations=memory show allocations
show memory summary=memory show summary
show profile=core show profile
show queue=queue show
show switches=core show switches
show translation=core show translation
show version files=core show file version
show version=core show version
show video codecs=core show codecs
show voicemail users=voicemail show users
show voicemail zones=voicemail show zones
sip debug=sip set debug
sip history=sip set history on
sip no debug=sip set debug off
skinny debug=skinny set debug on
soft hangup=channel request hangup
stop gracefully=core stop gracefully
stop now=core stop now
stop when convenient=core stop when convenient
stun debug=stun set debug on
stun no debug=stun set debug off
transfer=console transfer
udptl debug=udptl set debug on
udptl no debug=udptl set debug off
unmute=console unmute
"""
