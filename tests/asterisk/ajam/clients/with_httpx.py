"""httpx: its cookie jar, and its digest."""

import ssl
from collections.abc import Mapping

import httpx
from story import Ask, by_cookie, by_digest, finish, task

given = task()
verify = ssl.create_default_context(cafile=given["cafile"]) if given["cafile"] else True


def asking(secret: str = "") -> Ask:
    auth = httpx.DigestAuth(given["username"], secret) if secret else None
    client = httpx.Client(verify=verify, auth=auth, timeout=20, default_encoding="utf-8")

    def ask(page: str, method: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        sent = {"params": parameters} if method == "GET" else {"data": parameters}
        answer = client.request(method, f"{given['url']}/{page}", **sent)
        return answer.status_code, answer.text

    return ask


finish(cookie=by_cookie(asking(), given), digest=by_digest(asking(given["secret"]), asking("wrong"), given))
