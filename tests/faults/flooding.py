"""``python -m tests.faults.flooding``: an Asterisk that sends events as fast as they are taken.

It prints its port.
"""

import socket
import sys
import threading

_EVENT = (
    b"Event: VarSet\r\nPrivilege: dialplan,all\r\nChannel: SIP/x-%08d\r\nVariable: FLOOD\r\nValue: %s\r\n\r\n"
)
#: A megabyte or so.
_FLOOD = b"".join(_EVENT % (number, b"x" * 300) for number in range(2500))


def serve(client: socket.socket) -> None:
    client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
    said = b""
    while True:
        data = client.recv(65536)
        if not data:
            return
        said += data
        while b"\r\n\r\n" in said:
            action, _, said = said.partition(b"\r\n\r\n")
            ours = next(line for line in action.split(b"\r\n") if line.startswith(b"ActionID:"))
            more = b"\r\nChallenge: 1" if b"Challenge" in action else b""
            client.sendall(b"Response: Success\r\n" + ours + more + b"\r\n\r\n")
            if b"Action: Login" in action:
                client.sendall(
                    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 1\r\nLastReload: 1\r\n\r\n"
                )
                while True:
                    client.sendall(_FLOOD)


def guarded(client: socket.socket) -> None:
    try:
        serve(client)
    except OSError:
        client.close()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            threading.Thread(target=guarded, args=(server.accept()[0],), daemon=True).start()
