"""``python -m tests.deploy.churn CA PORT``: connect and read the banner, repeatedly, until stdin ends.

Prints one line: how many times it succeeded, and the errors of the other times.
"""

import socket
import ssl
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

_CLIENTS = 8
_PATIENCE = 10.0


def _once(context: ssl.SSLContext, port: int) -> str:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), _PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            return "ok" if tls.recv(1024).startswith(b"Asterisk Call Manager/") else "no banner"
    except OSError as error:
        return type(error).__name__


def main() -> None:
    context = ssl.create_default_context(cafile=sys.argv[1])
    port = int(sys.argv[2])
    ended = threading.Event()

    def churn() -> Counter[str]:
        results: Counter[str] = Counter()
        while not ended.wait(0.01):
            results[_once(context, port)] += 1
        return results

    with ThreadPoolExecutor(_CLIENTS) as pool:
        clients = [pool.submit(churn) for _ in range(_CLIENTS)]
        sys.stdin.read()
        ended.set()
    results = sum((client.result() for client in clients), Counter[str]())
    sys.stdout.write(" ".join(f"{name}={count}" for name, count in sorted(results.items())))


if __name__ == "__main__":
    main()
