import pytest

from proxy.config.address import Address, is_loopback
from proxy.config.problems import Unfit


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


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LOCALHOST", True),
     ("10.0.0.1", False), ("0.0.0.0", False), ("pbx.example.org", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_loopback(host: str, verdict: bool) -> None:
    assert is_loopback(host) is verdict
