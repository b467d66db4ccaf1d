"""amiproxy: a TLS edge for the Asterisk Manager Interface.  This is the map.

    clients --TLS--> net.listener -> net.client -> core.session -> core.policy -> core.exchange
                                                                                       |
    Asterisk <--one plain AMI login on loopback-- net.link <---------------------------+
        |
        +--events--> net.link -> core.hub -> core.subscription -> core.outbox -> net.client --TLS--> clients

Clients speak unmodified AMI.  Asterisk knows one manager user, which may do
everything, so every check it would make for its own users is made in here.
Events pass through as the bytes they are; actions are parsed, judged, and
written anew, so that there is never a second opinion on what a client said.

    cli/        the command: a module per verb; parses arguments, calls, prints
    demo/       ``ami-proxy demo``: the product shown by its own clients
    app.py      the composition root: build, start, reload, drain, stop
    net/        sockets; the only home of asyncio and ssl in the service
        listener.py   accepts, in fair portions, within the limits
        client.py     the TLS socket of one session
        turns.py      clients' sockets, which wait for the turn of their user
        link.py       the one connection to Asterisk: login, ping, reconnect
        certstore.py  certificates: read, judge, swap whole, or keep the old
        secrets.py    hashes secrets in threads of its own
        gently.py     long work in slices, aside or in the loop; ``proxy.steps`` says what steps are
        control/, metrics.py, health.py, doctor/   what operators ask of it
        sideserver.py   the server that these and ``connect`` have in common
    core/       rules and switchboard; no loop, no socket, no clock: time comes as an argument
        ports.py      all the core knows of the outside
        session.py    one client, from greeting to goodbye
        login.py      who may come in
        policy/       who may do what, argument by argument; a file per concern
        exchange.py   actions under way: queue, send, answer; correlator.py owns the ids
        hub.py        the switchboard: what comes from Asterisk, and who gets it
        subscription.py, scope.py, outbox.py   who sees what; what waits to be sent
        flushing.py, pacing.py   when it leaves, and what the link does until then
        newcomers.py, crowd.py   which connection makes room before login
        trials.py, fairqueue.py   whose secret is compared next, and when a guess is refused
        sidedoor.py   the same for the other ports
        side.py, lengths.py   the links beside the main one, and what goes over them
        shares.py, caused.py   whose turn it is on the processor; what the events cost that an action causes
    importers/  manager.conf and AstManProxy's files, as text, into ours
    config/     proxy.yaml and users.yaml as frozen types; every error with file, line, key and remedy
    x509/       certificates as facts: issue, read, judge
    ami/        the protocol: bytes and their meaning
        framing.py, message.py, relay.py       streams, messages, what goes on to clients
        privilege.py, actions.py               classes, and which action needs which
        eventfilter/                           Asterisk's filter language
    simulator/  a small Asterisk for demo, tests and benchmarks; uses ``ami`` only
    log.py      one line per fact

Imports go down this list only, and never into the simulator but from cli and
demo; a linter holds the line.  No package registers itself upwards: app.py wires.

An event takes three calls and no await: ``Link`` cuts the stream, ``Hub`` looks
at name, privilege and ActionID by byte search, and each ``Subscription`` (all
sessions with the same view) answers once for its members.  What one read
brings is flushed together, one write per client that got something.

An action: ``Session`` parses it, answers it if it concerns the session alone,
else ``policy.decide`` judges it; ``Exchange`` gives it an ActionID of ours, waits
for the answer, and puts the client's own id back.

A wheel may hold the modules on these paths compiled as well (setup.py); the source
is the reference, and no module may tell which of the two it is, but core.form.

What can be reloaded is immutable and swapped whole.  Nobody waits for a client:
one that does not read is closed, the link is always read (but between flushes,
where what comes would wait anyway).

Beside this package: ``deploy/`` for operators, ``certs/`` for their certificates,
``tests/`` in the same shape as this.
"""

__version__ = "0.1.0"
