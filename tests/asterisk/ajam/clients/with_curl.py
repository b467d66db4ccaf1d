"""curl: its cookie engine, and its digest; one process for each request."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from story import Ask, by_cookie, by_digest, finish, task

given = task()


def asking(secret: str = "") -> Ask:
    jar = Path(tempfile.mkdtemp()) / "cookies"
    who = (
        ["--digest", "--user", f"{given['username']}:{secret}"]
        if secret
        else ["-b", str(jar), "-c", str(jar)]
    )
    trust = ["--cacert", given["cafile"]] if given["cafile"] else []

    def ask(page: str, method: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        sent = [part for pair in parameters.items() for part in ("--data-urlencode", "=".join(pair))]
        how = ["--get"] if method == "GET" else []
        command = ["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *who, *trust, *how, *sent]
        done = subprocess.run(
            [*command, f"{given['url']}/{page}"], check=True, capture_output=True, stdin=subprocess.DEVNULL
        )
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), body

    return ask


finish(
    cookie=by_cookie(asking(), given),
    digest=by_digest(asking(given["secret"]), asking("wrong"), given, keeps_nonce=False),
)
