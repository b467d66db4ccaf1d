"""amiproxy: a TLS edge for the Asterisk Manager Interface (AMI).  This is the map of the code.

    clients --TLS--> net.listener -> net.client -> core.session -> core.policy -> core.exchange
                                                                                       |
    Asterisk <--one plain AMI login on loopback-- net.link <---------------------------+
        |
        +--events--> net.link -> core.hub -> core.subscription -> core.outbox -> net.client --TLS--> clients

Clients speak unmodified AMI.  Asterisk knows a single manager user, which may do
everything, so the proxy itself makes every check that Asterisk would make for its
own users.  Events are passed on as the bytes that Asterisk sent.  Actions are
parsed, judged and serialised again, so Asterisk cannot read a client's bytes
differently from the proxy.

    cli/        the command line: one module per verb; parses arguments, calls, prints
    demo/       ``ami-proxy demo``: shows the product through its own clients
    app.py      the composition root: build, start, reload, drain, stop
    net/        sockets; the only package of the service that uses asyncio and ssl
        listener.py   accepts connections, a few at a time, within the limits
        client.py     the TLS socket of one session
        turns.py      polls the clients' sockets and serves them by fair share
        link.py       the one connection to Asterisk: login, ping, reconnect
        certstore.py  certificates: reads and checks them, then swaps the whole set or keeps the old one
        secrets.py    hashes secrets in its own threads
        gently.py     runs long work in steps, in a thread or on the loop; ``proxy.steps`` defines steps
        control/, metrics.py, health.py, doctor/   what operators query
        sideserver.py   the server that these and ``connect`` share
    core/       rules and event routing; no loop, no socket, no clock: time is passed in as an argument
        ports.py      the interfaces through which the core uses everything outside it
        session.py    one client, from its banner to its close
        login.py      who may log in
        policy/       who may do what, argument by argument; one file per concern
        exchange.py   actions in flight: queue, send, answer; correlator.py owns the relay ids
        hub.py        routes every message from Asterisk to the sessions that may see it
        subscription.py, scope.py, outbox.py   who sees what, and the bytes that wait to be sent
        flushing.py, pacing.py   when events are flushed, and what the link does until then
        newcomers.py, crowd.py   which connection is displaced before login
        trials.py, fairqueue.py   whose secret is compared next, and when a guess is refused
        sidedoor.py   the same admission rules for the other ports
        side.py, lengths.py   the side links, and which actions go over them
        shares.py, caused.py   fair shares of CPU time; what the events that an action causes cost
    importers/  converts the text of manager.conf and of AstManProxy's files into our configuration
    config/     proxy.yaml and users.yaml as frozen types; every error names file, line, key and remedy
    x509/       certificates: issue, read, judge
    ami/        the protocol: parsing and serialising
        framing.py, message.py, relay.py       streams, messages, what is passed on to clients
        privilege.py, actions.py               privilege classes, and which action needs which
        eventfilter/                           Asterisk's event filter language
    simulator/  a small Asterisk for the demo, tests and benchmarks; imports ``ami`` only
    log.py      structured log lines, one per fact

Imports only go down this list, and only cli and demo import the simulator; a linter
enforces both.  No package registers itself with one above it: app.py wires everything.

An event takes three calls and no await: ``Link`` cuts the stream into messages, ``Hub``
finds the event's name, privilege and ActionID by byte search, and each ``Subscription``
(all sessions with the same view) decides once for all its members.  All events from one
read are flushed together, with one write per client that receives any of them.

An action: ``Session`` parses it and answers it itself if it concerns only that session;
otherwise ``policy.decide`` judges it, and ``Exchange`` replaces its ActionID by a relay
id, waits for the answer, and restores the client's own ActionID.

A wheel may also hold compiled versions of the modules on these paths (setup.py).  The
source is the reference, and only core.form may find out which version is running.

What a reload can change is immutable and swapped whole.  The proxy never waits for a
client: a client that does not read is closed, and the link is always read (except
between flushes, when its events would have to wait anyway).

Beside this package: ``deploy/`` for operators, ``certs/`` for their certificates,
``tests/`` in the same structure as this package.
"""

__version__ = "0.1.0"
