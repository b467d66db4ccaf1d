"""requests: its cookie jar, and its digest."""

from collections.abc import Mapping

import requests
from requests.auth import HTTPDigestAuth
from story import Ask, by_cookie, by_digest, finish, task

given = task()


def asking(secret: str = "") -> Ask:
    session = requests.Session()
    session.auth = HTTPDigestAuth(given["username"], secret) if secret else None

    def ask(page: str, method: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        sent = {"params": parameters} if method == "GET" else {"data": parameters}
        answer = session.request(
            method, f"{given['url']}/{page}", timeout=20, verify=given["cafile"] or True, **sent
        )
        answer.encoding = "utf-8"
        return answer.status_code, answer.text

    return ask


finish(cookie=by_cookie(asking(), given), digest=by_digest(asking(given["secret"]), asking("wrong"), given))
