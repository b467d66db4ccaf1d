"""A client that a generator has made from the OpenAPI document works against the proxy."""

import base64
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.api.conftest import SECRET, ApiProxy


@pytest.fixture(scope="module")
def package(proxy: ApiProxy, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the generated package, which can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    told = folder / "openapi.json"
    with proxy.client() as client:
        told.write_bytes(client.get("/openapi.json").raise_for_status().content)
    made = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "openapi_python_client",
                "generate",
                "--meta",
                "none",
                "--fail-on-warning",
            ),
            *("--path", str(told), "--output-path", str(folder / "amiproxy_client")),
        ],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    return "amiproxy_client"


def test_a_generated_client_works(proxy: ApiProxy, package: str) -> None:
    def module(name: str) -> Any:
        return importlib.import_module(f"{package}.{name}")

    token = base64.b64encode(f"oper:{SECRET}".encode()).decode()
    models = module("models")
    with module("client").AuthenticatedClient(
        proxy.base, token=token, prefix="Basic", verify_ssl=proxy.context
    ) as client:
        me = module("api.session.get_me").sync(client=client)
        assert (me.user, me.may_operate) == ("oper", True)
        headers = models.RunActionBody.from_dict({"Queue": "lab-queue"})
        answer = module("api.actions.run_action").sync("QueueStatus", client=client, body=headers)
        found = [event["Event"] for event in answer.events]
        assert found == ["QueueParams", "QueueMember", "QueueStatusComplete"]
        queue = module("api.state.get_queue").sync("lab-queue", client=client)
        assert queue.queues[0]["Queue"] == "lab-queue"
        asked = models.Explain.from_dict({"user": "board", "message": {"Action": "Ping"}})
        assert module("api.operators.explain").sync(client=client, body=asked).allowed
        refused = module("api.state.get_queue").sync("no-such-queue", client=client)
        assert refused.status == 404
