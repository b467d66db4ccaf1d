"""Seeds for each target: recorded sessions of real Asterisks, the files as shipped, every request."""

import json
from collections.abc import Iterable
from pathlib import Path

from amiproxy.net.admin.control.commands import COMMANDS
from amiproxy.net.host.sealing import AesSealer
from tests.fuzz.fleet import event_seeds, request_seeds
from tests.support import fixed_certificates

_ROOT = Path(__file__).parents[2]
_RECORDED = _ROOT / "tests" / "transcripts" / "data"
#: Inputs that once failed, kept by the name of their target.
_FOUND = Path(__file__).parent / "found"

#: By default libFuzzer takes no input longer than the longest seed; this keeps single runs short.
LONGEST = 4096

_FILTERS = [
    b"!UserEvent: (Note|Text).*$",
    b"^Event: [[:alpha:]]+\nname(UserEvent),header(Channel),method(regex),action(exclude)",
    b"PJSIP/\nheader(Channel),method(starts_with)",
    b"(a|b){1,3}[^]x-z]?\\b\\<w\\>\nmethod(contains)",
    b"\xc5\xbc+\nheader(Note)",
]

_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_PROXY_HEADERS = [
    b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 5039\r\n",
    b"PROXY TCP6 2001:db8::7 ::ffff:198.51.100.1 1 65535\r\n\x16\x03\x01",
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff:f:f 1 2 3\r\n",
    _V2 + b"\x21\x11\0\x0c" + bytes(range(12)) + b"\x16\x03\x01",
    _V2 + b"\x21\x21\0\x24" + bytes(range(36)),
    # An IPv4-mapped IPv6 address, and a field after the addresses.
    _V2 + b"\x21\x21\0\x2b" + (bytes(10) + b"\xff\xff" + bytes(4)) * 2 + b"\0\1\0\2" + b"\4\0\4more",
    _V2 + b"\x20\0\0\0",
    _V2 + b"\x21\x00\2\x08" + bytes(520),
]
_SEALER = AesSealer([bytes(16)])
_POSITIONS = [
    _SEALER.seal(0, 0),
    _SEALER.seal(2**64 - 1, 2**64 - 1),
    b".".join(_SEALER.seal(number, number) for number in range(5)),
]
_SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost:9539\r\naccept: "
_SCRAPES = [
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
    _SCRAPE + b"application/openmetrics-text; version=1.0.0\r\n\r\n",
    _SCRAPE + b"text/plain;version=0.0.4;q=0.2,*/*;q=0.1;escaping=allow-utf-8\r\n\r\n",
    b"GET /readyz?x=1 HTTP/1.0\r\n\r\nmore",
    b"GET /livez HTTP/1.1\r\nHost: [::1]:9539\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    b"GET http://x/%2e%2e/metrics HTTP/2\r\n\r\n",
    b"Action: Login\r\n\r\n",
]
_HTTP_HEAD = b"POST /asterisk/rawman?a=%0a&b=\xe9 HTTP/1.1\r\nHost: pbx.example\r\n"
_HTTP = [
    b'GET /rawman?action=ping HTTP/1.1\r\nHost: pbx.example\r\nCookie: mansession_id="0"\r\n\r\n' * 2,
    _HTTP_HEAD + b"Content-Length: 11\r\nExpect: 100-continue\r\n\r\naction=pingGET / HTTP/1.0\r\n\r\n",
    _HTTP_HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    _HTTP_HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
    _HTTP_HEAD + b"Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc",
    _HTTP_HEAD + b"X: a\r\n b\r\n\r\n",
    b"\r\nGET /ws HTTP/1.1\nHost: pbx.example\nUpgrade: websocket\n\n",
    b"OPTIONS * HTTP/1.1\r\nHost: pbx.example\r\nOrigin: null\r\n\r\n",
]
_FORWARDED = [
    b'f:for=192.0.2.1;proto=https;by=10.0.0.1, for="[2001:db8::7]:4711"',
    b'f:for="_hidden\\"", for=unknown;host="a,b;c"',
    b"xf:192.0.2.1, 10.1.1.1, [::ffff:10.2.2.2]:80, unknown",
    b"xf:pbx.example:8089",
    b"xf:a.example.org.",
    b"xf:[::1]",
]
_PARAMETERS = [
    b"action=login&username=a&secret=b%20c&authtype=MD5&key=0",
    b"action=&ACTION=+ping&actionid=%c5%bc&&x=%zz&y=%4&=z",
    b"action=Originate&Variable=A%3D1&Variable=B=2,C=3&Channel=Local/1@x",
    b"action=UserEvent&UserEvent=x&A=1%0d%0aEvent:Fake%0d%0a%0d%0aResponse:Success&a:b=1&c%00=%0a",
    b"action=ping&" + b"a=1&" * 130,
    b"action=ping&x=" + b"%41" * 400,
]
_ANSWERS = [
    b"x'><b\nResponse: Success\r\nA: 1\r\nA: 2\r\na: 3\r\na.b: 4\r\na-b: 5\r\n\r\n",
    b"box\nEvent: X\r\nlf: one\ntwo\nthree:four\r\n\r\n",
    b"Pong\n\xe9: \xff\r\n\x01\x1b: <b>&'\"\r\n: e\r\n9: \xef\xbf\xbf\r\n\r\n",
]
_LIST = [
    b"Response: Success\r\nActionID: RELAY\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n",
    b"Event: CoreShowChannel\r\nActionID: RELAY\r\nChannel: PJSIP/one-1\r\nServer: pbx2\r\n\r\n",
    b"Event: CoreShowChannel\r\nChannel: PJSIP/one-2\r\nActionID: RELAY\r\nListItems: 9\r\n\r\n",
    b"Event: CoreShowChannelsComplete\r\nActionID: RELAY\r\nEventList: Complete\r\nListItems: 2\r\n\r\n",
]
_LISTS = [
    b"".join(_LIST),
    b"".join(_LIST[:3]),
    b"".join([*_LIST[:2], _LIST[3], _LIST[2], _LIST[3]]),
    b"".join(_LIST[1:]),
    _LIST[0] + b"Response: Error\r\nActionID: RELAY\r\nMessage: Could not get it\r\n\r\n",
    b"Response: Error\r\nActionID: RELAY\r\nMessage: No such\n\r\n\r\n",
    b"Response: Success\r\nActionID: RELAY\r\nMessage: Nothing\r\n\r\n" + _LIST[1],
    b"Event: UserEvent\r\nPrivilege: user,all\r\nSERVER : pbx2\r\nUserEvent: x\r\n\r\n" + b"".join(_LIST),
]
_FOLLOWS = b"Response: Follows\r\nPrivilege: Command\r\nActionID: RELAY\r\n"
_OUTPUTS = [
    _FOLLOWS + b"one\nServer: pbx2\n--END COMMAND--\r\n\r\n",
    _FOLLOWS + b"\r\n\r\nEvent: Hangup\r\nServer: pbx2\r\n\r\n--END COMMAND--\n\n",
    b"Response: Success\r\nActionID: RELAY\r\nOutput: a\r\nserver : pbx2\r\nOutput: \rServer: pbx2\r\n\r\n",
    b"Response: Follows x\nActionID: RELAY\nServer: pbx2\n\n",
    b"Response: Error\r\nMessage: no\r\nActionID: RELAY\r\n\r\n",
]
_ACTIONS = [
    b"Action: Getvar\r\nServer: pbx2\r\nserver: pbx1\r\nVariable: A\r\nActionID: 1\r\n\r\n",
    b"Action: Ping\r\nSERVER:PBX3\r\n\r\nAction: Ping\r\nServer : pbx3\r\n\r\n",
    b"Action: Ping\r\nServer: PBX1\r\n\r\nAction: Status\r\nServer: p\xc3\x9fx3\r\n\r\n",
    b"Action: CoreShowChannels\r\nServer: *\r\n\r\nAction: Status\r\nServer: pbx3\r\n\r\n",
    b"Action: UserEvent\r\nUserEvent: x\r\n Server: pbx3\r\nServer\r\nServer: pbx2\r\n\r\n",
    b"Action: Setvar\r\nVariable: Server=pbx2\r\nValue: Server: pbx2\r\nServer:\r\nServer: pbx2\r\n\r\n",
    b"Action: ProxyServers\r\nActionID: Server: pbx3\r\n\r\nAction: ListCommands\r\nServer: pbx2\r\n\r\n",
    b"Action: WaitEvent\r\nTimeout: 1\r\n\r\nAction: Events\r\nEventMask: off\r\nServer: pbx3\r\n\r\n",
]
_DIGEST = (
    b'Digest username="boss", realm="amiproxy", nonce="0badcafe", uri="/arawman", response="0", '
    b'algorithm=MD5, nc=00000001, qop=auth, cnonce="c0ffee"'
)
_DIGESTS = [
    _DIGEST,
    _DIGEST.replace(b"MD5", b"SHA-256"),
    _DIGEST.replace(b"boss", b'bo\\"s\\\\s'),
    _DIGEST.replace(b", ", b" ,\t"),
    _DIGEST + b', username="other"',
    b"Basic Ym9zczp4",
]


_JSON = [
    b'{"type":"action","id":"1","data":{"Action":"Originate","Variable":{"A":"x,\\"(1)"},"Async":true}}',
    b'{"Action":"Ping","ActionID":7}',
    b'{"type":"login","id":1.5,"username":"boss","secret":"x"}',
    b'{"type":"subscribe","classes":["call"],"events":["Hangup"],"filter":["!Channel: x"]}',
    b'{"type":"resume","from":"T1-1.T2-2","classes":[]}',
    b'{"type":"snapshot","kinds":["channels"]}',
    b'{"type":"ping","id":"\\ud83d\\ude00"}',
    b'{"Action":"X","Variable":["A=1",2,false]}',
]
#: A mask that leaves the payload as it is.
_MASK = bytes(4)
_FRAMES = [
    *(b"\x81\xfe" + len(text).to_bytes(2, "big") + _MASK + text for text in _JSON),
    b"\x01\x85" + _MASK + b'{"typ' + b"\x89\x81" + _MASK + b"x" + b"\x80\x8c" + _MASK + b'e":"ping"}  ',
    b"\x88\x85" + _MASK + b"\x03\xe8bye",
    b"\x82\x80" + _MASK,
    b"\x8a\x80" + _MASK,
]


def seeds(target: str) -> list[bytes]:
    """The seeds; every input is at most LONGEST bytes."""
    return [seed[:LONGEST] for seed in (*found(target), *_made(target))]


def found(target: str) -> list[bytes]:
    """The inputs that failed once."""
    return [path.read_bytes() for path in sorted((_FOUND / target).glob("*"))]


_AGENT = b"""\
upstream: {username: a, secret_file: a.secret}
listeners: [{address: "[::]:5039", certificates: [{chain: a.crt, key: a.key}]}]
users_file: users.yaml
fleet: {role: agent, name: berlin-a, server: berlin, engines: [nats1, "[::1]:4222"], ca: ca.pem,
  seed_file: a.seed, token_key_file: token.key, prefix: ami,
  edges: {edge1: {users: [board, crm], read: [call], write: originate}, edge2: {users: all}}}
"""
_EDGE = b"""\
servers: {own: {username: a, secret_file: a.secret}}
listeners: [{address: "[::]:5039", server: berlin, certificates: [{chain: a.crt, key: a.key}]}]
users_file: users.yaml
default_server: berlin
fleet: {role: edge, name: edge1, engines: [nats1], ca: ca.pem, seed_file: a.seed, token_key_file: token.key,
  max_lag: 5, servers: {berlin: {agents: [berlin-a, berlin-b], limits: {in_flight: 300}}}}
"""
_SERVERS = b"""\
servers:
  pbx1: {username: a, secret_file: s, limits: {ping_interval: 1}}
  pbx2: {username: a, secret_file: s, host: h, tls: {ca: c, name: h, chain: c, key: k}}
default_server: pbx1
listeners: [{address: "127.0.0.1:5039", server: pbx2}]
"""
_USERS_OF_SERVERS = b"""\
users:
  a: {md5_secret: "ssssssssssssssssssssssss", servers: ["*"], default_server: pbx2, read: all, write: [call],
    scope: {channels: ["PJSIP/*"]}, on: {pbx1: {read: [call], write: [], scope: {channels: ["PJSIP/1*"]},
    rules: [{action: Originate, header: Exten, require: {prefix: "1"}}]}}}
"""


def _made(target: str) -> Iterable[bytes]:
    match target:
        case "client_bytes" | "client_session":
            return _recorded("*.out")
        case "upstream_bytes" | "shell_answers":
            return _recorded("*.in")
        case "ajam_parameters":
            return _PARAMETERS
        case "ajam_answers":
            return [*_ANSWERS, *_recorded("*.in")]
        case "merged_list":
            return [*_LISTS, *_recorded("*.in")]
        case "answer_of_one":
            return [*_OUTPUTS, *_recorded("*.in")]
        case "client_of_several":
            return [*_ACTIONS, *_recorded("*.out")]
        case "positions":
            return _POSITIONS
        case "digest_header":
            return _DIGESTS
        case "event_rebuilding":
            return {m for data in _recorded("*.in") for m in data.split(b"\r\n\r\n") if m[:6] == b"Event:"}
        case "eventfilters":
            return _FILTERS
        case "configuration":
            return (*_files("deploy/proxy.yaml"), _SERVERS, _AGENT, _EDGE)
        case "users":
            return (*_files("deploy/users.yaml", "deploy/examples/users.yaml"), _USERS_OF_SERVERS)
        case "control":
            return (
                json.dumps({"command": c.name, "arguments": dict.fromkeys(c.arguments, "x")}).encode()
                for c in COMMANDS.values()
            )
        case "json_codec":
            return (*_JSON, *(m for data in _recorded("*.in") for m in data.split(b"\r\n\r\n")[:20]))
        case "socket_frames":
            return [*_FRAMES, b"".join(_FRAMES)]
        case "agents_messages":
            return event_seeds()
        case "edges_requests":
            return request_seeds()
        case "proxy_header":
            return _PROXY_HEADERS
        case "http_requests":
            return [*_HTTP, *_SCRAPES]
        case "forwarding":
            return _FORWARDED
        case "scrape_request":
            return _SCRAPES
        case "client_certificate":
            known = (fixed_certificates.CLIENT, fixed_certificates.MIDDLE, fixed_certificates.DEEP)
            broken = fixed_certificates.unreadable(fixed_certificates.CLIENT)
            return (*map(fixed_certificates.der, known), *broken.values())
    raise ValueError(f"there are no seeds for {target!r}")


def _recorded(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(_RECORDED.glob(pattern))]


def _files(*names: str) -> list[bytes]:
    """Each whole, and cut into its paragraphs, for a long file is mostly comment."""
    texts = [(_ROOT / name).read_bytes() for name in names]
    return [part for text in texts for part in (text, *text.split(b"\n\n"))]
