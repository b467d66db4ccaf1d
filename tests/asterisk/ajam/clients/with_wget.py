"""wget: its cookie file, and its digest; one process for each request."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from story import Ask, by_cookie, by_digest, finish, task

given = task()


def asking(secret: str = "") -> Ask:
    jar = Path(tempfile.mkdtemp()) / "cookies"
    who = [f"--http-user={given['username']}", f"--http-password={secret}"]
    kept = [f"--load-cookies={jar}", f"--save-cookies={jar}", "--keep-session-cookies"]
    trust = [f"--ca-certificate={given['cafile']}"] if given["cafile"] else []

    def ask(page: str, method: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        form, target = urlencode(parameters), f"{given['url']}/{page}"
        sent = [f"--post-data={form}", target] if method == "POST" else [f"{target}?{form}"]
        command = [
            "wget",
            "-nv",
            "-O-",
            "-S",
            "-T20",
            "-t1",
            "--content-on-error",
            *(who if secret else kept),
        ]
        done = subprocess.run([*command, *trust, *sent], check=False, capture_output=True)
        statuses = re.findall(rb"^ +HTTP/1\.1 (\d+)", done.stderr, re.MULTILINE)
        assert statuses, done.stderr
        return int(statuses[-1]), done.stdout.decode()

    return ask


finish(
    cookie=by_cookie(asking(), given),
    digest=by_digest(asking(given["secret"]), asking("wrong"), given, keeps_nonce=False),
)
