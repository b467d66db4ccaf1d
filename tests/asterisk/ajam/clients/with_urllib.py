"""urllib of Python itself: its cookie jar, and its digest."""

import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar

from story import Ask, by_cookie, by_digest, finish, task

given = task()
context = ssl.create_default_context(cafile=given["cafile"])


def asking(secret: str = "") -> Ask:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, given["url"], given["username"], secret)
    digest = [urllib.request.HTTPDigestAuthHandler(passwords)] if secret else []
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPCookieProcessor(CookieJar()),
        *digest,
    )

    def ask(page: str, method: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        form, target = urllib.parse.urlencode(parameters), f"{given['url']}/{page}"
        data = form.encode() if method == "POST" else None
        try:
            with opener.open(target if data else f"{target}?{form}", data, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    return ask


finish(
    cookie=by_cookie(asking(), given),
    digest=by_digest(asking(given["secret"]), asking("wrong"), given, keeps_nonce=False),
)
