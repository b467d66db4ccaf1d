"""Bytes that clients might send, from ordinary to malicious, as hypothesis strategies."""

from itertools import pairwise

from hypothesis import strategies as st

_NAMES = st.sampled_from(
    b"Action action ACTION ActionID Variable variable Channel Channel2 UserEvent Event Privilege X".split()
) | st.sampled_from([b"Vari able", b"", b" Action", b"Action ", b"Action\0", b"\xff", b"n" * 64, b"n" * 65])
_VALUES = st.one_of(
    st.sampled_from([b"Ping", b"ping ", b"Originate", b"UserEvent", b"Command", b"Events", b"Logoff", b""])
    | st.sampled_from(
        [b"a=1,b=2", b"\xc2\xa0x", b"\xff\xfe", b"core show version", b"a: b", b"\x0b", b"\x85"]
    ),
    st.binary(max_size=24),
)
_COLONS = st.sampled_from([b": ", b":", b" : ", b":\t", b":  ", b"", b":\x01", b"::"])
_ENDS = st.sampled_from(
    [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n", b"\r", b"\0\r\n", b"\0x\r\n", b"\n\r\n"]
)
_LINES = st.tuples(_NAMES, _COLONS, _VALUES, _ENDS).map(b"".join)
# Around the end of Asterisk's line buffer, once and twice its size.
_LONG = st.tuples(
    st.sampled_from([b"X:", b"X: ", b"Action: ", b"Variable: a="]),
    st.integers(1019, 1026) | st.integers(2040, 2050),
    st.sampled_from([b"\r\n", b"\n"]),
).map(lambda line: line[0].ljust(line[1], b"x") + line[2])
_BLANKS = st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n", b"\n\n", b"\0\r\n", b"\r\r\n", b"\0Action: Ping\r\n"])
_MANY = st.integers(120, 135).map(lambda n: b"H: v\r\n" * n)
_ACTIONS = st.lists(_LINES | _LONG, max_size=6).map(
    lambda lines: b"Action: Ping\r\n" + b"".join(lines) + b"\r\n"
)

#: Bytes of a client, without cuts.
STREAMS = st.lists(_LINES | _LONG | _BLANKS | _MANY | _ACTIONS | st.binary(max_size=12), max_size=12).map(
    b"".join
)
#: Positions where a stream might be cut.
CUTS = st.lists(st.integers(0, 4096), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The stream in the pieces in which the network might deliver it."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]
