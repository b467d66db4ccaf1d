import contextlib
from pathlib import Path

import pytest

from amiproxy.config.address import Address, Place, SocketPlace, check_host_name, is_loopback
from amiproxy.core.model.errors import Unfit


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[::]:5039", Address("::", 5039)),
        ("[2001:DB8::1]:1", Address("2001:db8::1", 1)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("0.0.0.0:65535", Address("0.0.0.0", 65535)),
        ("fd:ami-tls", Address(name="ami-tls")),
    ],
)
def test_three_forms_are_read_and_printed(text: str, address: Address) -> None:
    assert Address.from_text(text) == address
    assert Address.from_text(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "5039", ":5039", "*:5039", "localhost:5039", "::1:5039", "[127.0.0.1]:1", "[::1]", "127.0.0.1:65536",
     "127.0.0.1:-1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:٣", "fd:", "fd:a b", "fd:ü"],
)  # fmt: skip
def test_anything_else_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(Unfit) as error:
        Address.from_text(text)
    assert error.value.remedy


def below(text: str) -> Path:
    return Path("/etc/ami-proxy") / text


@pytest.mark.parametrize(
    ("text", "place", "printed"),
    [
        ("127.0.0.1:9539", Place(address=Address("127.0.0.1", 9539)), "127.0.0.1:9539"),
        ("unix:/run/m.sock", Place(path=Path("/run/m.sock")), "unix:/run/m.sock"),
        ("unix:m.sock", Place(path=Path("/etc/ami-proxy/m.sock")), "unix:/etc/ami-proxy/m.sock"),
        ("fd:metrics", Place(name="metrics"), "fd:metrics"),
    ],
)
def test_a_place_is_an_address_a_unix_socket_or_an_inherited_one(
    text: str, place: Place, printed: str
) -> None:
    assert Place.from_place(text, below) == place
    assert str(place) == printed


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("/run/c.sock", Path("/run/c.sock"), ""),
        ("c.sock", Path("/etc/ami-proxy/c.sock"), ""),
        ("unix:/run/c.sock", Path("/run/c.sock"), ""),
        ("fd:control", None, "control"),
    ],
)
def test_a_socket_place_is_a_path_or_an_inherited_one(text: str, path: Path | None, name: str) -> None:
    place = SocketPlace.from_place(text, below)
    assert (place.path, place.name, place.address) == (path, name, None)
    assert str(place) == (str(path) if path else f"fd:{name}")


@pytest.mark.parametrize("text", ["/run/m.sock", "fd:", "localhost:1"])
def test_a_text_that_is_not_a_place_is_refused(text: str) -> None:
    with pytest.raises(Unfit):
        Place.from_place(text, below)


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LOCALHOST", True),
     ("10.0.0.1", False), ("0.0.0.0", False), ("pbx.example.org", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_loopback_addresses_are_recognised(host: str, verdict: bool) -> None:
    assert is_loopback(host) is verdict


@pytest.mark.parametrize(
    ("name", "fits"),
    [("pbx", True), ("pbx.example.org", True), ("ami-proxy.voip.svc", True), ("my_pbx", True), ("", False),
     ("pbx:9539", False), ("*.example.org", False), ("pbx..org", False), ("-pbx", False), ("pbx.", False),
     ("http://pbx", False), ("pbx example", False), ("pbx\n", False)],
)  # fmt: skip
def test_a_host_name_may_contain_only_labels(name: str, fits: bool) -> None:
    with contextlib.nullcontext() if fits else pytest.raises(Unfit):
        check_host_name(name)
