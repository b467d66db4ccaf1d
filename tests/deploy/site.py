"""A small site: a PBX, which is a Debian 12 with Asterisk, and the machine of a client.

Debian 12 has no package of Asterisk.  The PBX has that of another release: its root is mounted in the
machine, and its files, command, user and unit are where the package puts them.
"""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.asterisk.lab import chroot
from tests.deploy import debian
from tests.deploy.debian import Machine

#: The name and the address that the guide's examples use, and an address of a client.
NAME, ADDRESS, CLIENT = "pbx.example.org", "192.0.2.10", "192.0.2.20"

_ROOT = "/srv/asterisk"
# The user has the machine's id for it; files of the package change hands.
_ASTERISK = f"""
cd {_ROOT}
old=$(stat -c %u:%g etc/asterisk)
useradd --system --home-dir /var/lib/asterisk --shell /usr/sbin/nologin asterisk
id=$(id -u asterisk) group=$(id -g asterisk)
sed -i "s/^asterisk:x:[0-9]*:[0-9]*:/asterisk:x:$id:$group:/" etc/passwd
sed -i "s/^asterisk:x:[0-9]*:/asterisk:x:$group:/" etc/group
for folder in etc var/cache var/lib var/log var/spool; do
    chown -R --from="$old" "$id:$group" "$folder/asterisk"
done
echo "127.0.0.1 localhost $(hostname)" > etc/hosts
mkdir -p /etc/asterisk run
mount --bind etc/asterisk /etc/asterisk
for shared in dev proc run; do mount --rbind "/$shared" "$shared"; done
install -d -o asterisk -g asterisk /run/asterisk
printf '#!/bin/sh\\nexec chroot {_ROOT} /usr/sbin/asterisk "$@"\\n' > /usr/sbin/asterisk
chmod 0755 /usr/sbin/asterisk
cp usr/lib/systemd/system/asterisk.service /etc/systemd/system/
mkdir -p /var/lib/asterisk
printf '\n[support]\nstrategy = ringall\n' >> /etc/asterisk/queues.conf
systemctl daemon-reload
systemctl start asterisk
"""
_HOSTS = f"127.0.0.1 localhost\n{ADDRESS} {NAME}\n"
_NEIGHBOUR = 'mount --bind "$0/hosts" /etc/hosts; cd "$0"; echo; exec sleep infinity'


class Site:
    """``pbx`` and the client's machine, of which ``client`` runs commands.  A context manager."""

    def __init__(self, name: str) -> None:
        self.pbx = Machine(name, debian.operated_root(), (chroot.ready("sid"), _ROOT))
        #: The working directory of commands on the client's machine.
        self.folder = Path(tempfile.mkdtemp(prefix="client-"))
        self._neighbour: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Site":
        """Boot, and start Asterisk.  Raises Unavailable."""
        try:
            self.pbx.start()
            self.pbx.write("/etc/hosts", f"{_HOSTS}127.0.1.1 pbx\n".encode())
            self.pbx.run("sh", "-e", "-c", _ASTERISK)
            self._join()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End both machines."""
        if self._neighbour is not None:
            self._neighbour.kill()
            self._neighbour.communicate()
        self.pbx.stop()
        subprocess.run(["rm", "-rf", self.folder], check=True)

    def client(self, *command: str) -> list[str]:
        """The command line that runs a program of this machine on the client's machine."""
        assert self._neighbour is not None
        entering = "nsenter", "--target", str(self._neighbour.pid), "--net", "--mount"
        return [*entering, f"--wd={self.folder}", *command]

    def asterisk(self, command: str) -> str:
        """Run a command of Asterisk's console; its output."""
        return self.pbx.run("asterisk", "-rx", command).stdout

    def _join(self) -> None:
        """Lay a cable from the PBX to a network namespace of the client's."""
        (self.folder / "hosts").write_text(_HOSTS)
        line = ["unshare", "--net", "--mount", "sh", "-e", "-c", _NEIGHBOUR, str(self.folder)]
        self._neighbour = subprocess.Popen(line, stdout=subprocess.PIPE)
        assert self._neighbour.stdout is not None
        self._neighbour.stdout.readline()
        pbx, client = str(self.pbx.leader), str(self._neighbour.pid)
        for one, address, other in ((pbx, ADDRESS, client), (client, CLIENT, "")):
            if other:
                _ip(one, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", other)
            _ip(one, "address", "add", f"{address}/24", "dev", "eth0")
            _ip(one, "link", "set", "eth0", "up")
            _ip(one, "link", "set", "lo", "up")


def _ip(process: str, *arguments: str) -> None:
    subprocess.run(["nsenter", "--target", process, "--net", "ip", *arguments], check=True)
