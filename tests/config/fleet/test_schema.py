import pytest

from amiproxy.config.fleet.schema import Engine
from amiproxy.core.model.errors import Unfit


@pytest.mark.parametrize(
    ("text", "engine", "shown"),
    [
        ("nats1.example.org:4333", Engine("nats1.example.org", 4333), "nats1.example.org:4333"),
        ("nats1", Engine("nats1", 4222), "nats1:4222"),
        ("192.0.2.1:4222", Engine("192.0.2.1", 4222), "192.0.2.1:4222"),
        ("[2001:db8::1]:4222", Engine("2001:db8::1", 4222), "[2001:db8::1]:4222"),
    ],
)
def test_an_engine_is_a_host_and_a_port(text: str, engine: Engine, shown: str) -> None:
    assert Engine.from_text(text) == engine
    assert str(engine) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":4222",
        "nats1:0",
        "nats1:65536",
        "tls://nats1:4222",
        "nats://u:hunter2@nats1:4222",
        "u@nats1",
        "a/b",
    ],
)
def test_an_address_is_neither_a_url_nor_repeated(text: str) -> None:
    with pytest.raises(Unfit) as error:
        Engine.from_text(text)
    assert "hunter2" not in str(error.value)
