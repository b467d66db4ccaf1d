"""aiohttp: its cookie jar, and its digest middleware."""

import asyncio
import ssl
from collections.abc import Mapping

import aiohttp
from story import Ask, by_cookie, by_digest, finish, task

given = task()
context = ssl.create_default_context(cafile=given["cafile"]) if given["cafile"] else True


async def main() -> None:
    loop = asyncio.get_running_loop()

    async def asked(
        session: aiohttp.ClientSession, page: str, method: str, parameters: Mapping[str, str]
    ) -> tuple[int, str]:
        sent = {"params": parameters} if method == "GET" else {"data": parameters}
        async with session.request(method, f"{given['url']}/{page}", ssl=context, **sent) as answer:
            return answer.status, await answer.text("utf-8")

    def asking(session: aiohttp.ClientSession) -> Ask:
        return lambda *request: asyncio.run_coroutine_threadsafe(asked(session, *request), loop).result(25)

    def digest(secret: str) -> aiohttp.ClientSession:
        middleware = aiohttp.DigestAuthMiddleware(given["username"], secret)
        return aiohttp.ClientSession(middlewares=[middleware])

    async with aiohttp.ClientSession() as jar, digest(given["secret"]) as right, digest("wrong") as wrong:
        cookie = await asyncio.to_thread(by_cookie, asking(jar), given)
        proved = await asyncio.to_thread(by_digest, asking(right), asking(wrong), given)
    finish(cookie=cookie, digest=proved)


asyncio.run(main())
