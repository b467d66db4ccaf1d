"""Work on thousands of users or certificates at once is done in steps that are all short.

Between two steps the loop can do everything else, so the longest step is the longest pause that any client
sees (``amiproxy.net.loop.gently`` joins steps into slices of a millisecond).  Steps are measured in the
CPU time of the thread that runs them, without the garbage collector's part, which depends on the tests
that ran before: a busy machine does not lengthen them.  The exact figures are those of ``make bench
SCENARIOS=attacks``.
"""

import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from cryptography import x509

from amiproxy.ami import privilege
from amiproxy.config import ConfigErrors, Tls
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.certwatch import _directories, _states
from amiproxy.service.loadedconfig import prepare
from amiproxy.service.reload import _compared
from amiproxy.steps import Steps
from tests.support.certificates import forge, install, listener_of, pair_of
from tests.support.core_doubles import Bench
from tests.support.proxy_process import ProxyProcess, hashed

T = TypeVar("T")
#: Seconds of CPU time that a slice may take.
SLICE = 0.005
#: This part of all steps may be longer, or this few: a cold cache, a page fault, a neighbour on the core.
UNLUCKY, FEW = 0.005, 5
USERS, FILES = 2000, 4
#: Prints the number of users of a configuration, and the bytes that reading it leaves in memory.
_MEASURE = """
import gc, sys, tracemalloc
from pathlib import Path
from amiproxy.service.loadedconfig import prepare
prepare(Path(sys.argv[1]))  # objects that are created once
gc.disable()
tracemalloc.start()
prepared = prepare(Path(sys.argv[1]))
print(len(prepared.users), tracemalloc.get_traced_memory()[0])
"""


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Measured:
    """Runs steps, and records how long each took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def run(self, steps: Steps[T]) -> T:
        while True:
            began = time.thread_time()
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self.seconds.append(time.thread_time() - began)

    def are_short(self, at_least: int) -> None:
        """There were at least this many steps, and none was longer than a slice."""
        assert len(self.seconds) >= at_least
        long = [seconds for seconds in self.seconds if seconds > SLICE]
        assert len(long) <= max(FEW, UNLUCKY * len(self.seconds)), sorted(self.seconds)[-10:]


def entries(first: int, number: int, read: str) -> str:
    secret = hashed("s")
    return "users:\n" + "".join(
        f'  agent{one}:\n    secret: "{secret}"\n    read: {read}\n    channels: [PJSIP/{one}]\n'
        for one in range(first, first + number)
    )


class Site(ProxyProcess):
    """A configuration with many users in several files."""

    def __init__(self, directory: Path) -> None:
        directory.chmod(0o700)
        super().__init__(directory, ("127.0.0.1", 5038, "proxy", "secret"), {})
        self.folder = directory / "users.d"
        self.folder.mkdir(mode=0o700)
        self.write("[call]")
        config = yaml.safe_load(self.config.read_text())
        del config["users_file"]
        self.config.write_text(yaml.safe_dump({**config, "users_files": ["users.d/*.yaml"]}))

    def write(self, read: str, files: int = FILES) -> None:
        each = USERS // FILES
        for number in range(files):
            file = self.folder / f"{number}.yaml"
            file.touch(mode=0o600)
            file.write_text(entries(number * each, each, read))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_reload_of_many_users_is_read_and_compared_in_short_steps(site: Site) -> None:
    old = prepare(site.config)
    assert len(old.users) == USERS
    measured = Measured()
    new, changed = measured.run(_compared(site.config, old))
    measured.are_short(2 * USERS)
    assert not changed
    assert new.users.find(b"agent1999") is old.users.find(b"agent1999")

    site.write("[call, agent]", files=1)
    measured = Measured()
    new, changed = measured.run(_compared(site.config, old))
    measured.are_short(2 * USERS)
    assert len(changed.users_changed) == USERS // FILES
    assert new.users.find(b"agent0") is not old.users.find(b"agent0")
    assert new.users.find(b"agent1999") is old.users.find(b"agent1999")

    measured = Measured()
    measured.run(old.letting_go())
    measured.are_short(USERS)


def test_a_mistake_among_many_users_is_reported_and_nothing_is_adopted(site: Site) -> None:
    old = prepare(site.config)
    file = site.folder / "3.yaml"
    file.write_text(file.read_text() + "  agent7: {secret: plain}\n")
    measured = Measured()
    with pytest.raises(ConfigErrors) as errors:
        measured.run(_compared(site.config, old))
    measured.are_short(USERS)
    line = 2 + 4 * (USERS // FILES)
    assert [(Path(p.file).name, p.line, p.key_path) for p in errors.value.problems] == [
        ("3.yaml", line, "users.agent7"),
        ("3.yaml", line, "users.agent7.secret"),
    ]
    assert len(old.users) == USERS


def test_many_sessions_are_moved_to_another_table_in_short_steps() -> None:
    before = [User(f"u{number}", read=privilege.CALL, secret="plain:x") for number in range(USERS)]
    bench = Bench(*before, limits=Limits(sessions_authenticated=USERS))
    bench.link_up()
    for user in before:
        bench.login(user.name)
    after = UserTable(User(user.name, read=privilege.ALL, secret=user.secret) for user in before)
    measured = Measured()
    measured.run(bench.hub.adopting(after))
    measured.are_short(USERS)
    assert all(session.principal.user.read == privilege.ALL for session in bench.hub.sessions)
    assert bench.hub.ctx.generation == 2


def test_many_certificates_are_judged_in_short_steps(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    made = [
        forge(f"host{number}.example", names=[x509.DNSName(f"host{number}.example")]) for number in range(25)
    ]
    pairs = [
        pair_of(*install(tmp_path, one.pem, one.key_pem, str(number))) for number, one in enumerate(made)
    ]
    store = CertStore(listener_of((pairs[0],)), Tls())
    measured = Measured()
    candidate = measured.run(store.preparing(frozenset({"reload"}), listener_of(tuple(pairs)), Tls()))
    # Read, checked, tested alone with both versions of TLS, and tested together.
    measured.are_short(10 * len(pairs))
    assert store.commit(candidate).outcome == "swapped"
    assert len(store.current.pairs) == len(pairs)
    for steps in (store.waiting(), _states(store.paths), _directories(store.paths)):
        measured = Measured()
        measured.run(steps)  # type: ignore[arg-type]
        measured.are_short(len(pairs))


def test_a_user_takes_less_than_three_kibibytes(site: Site) -> None:
    """A user keeps its entry and itself in memory, and not the text or the tree of its file."""
    for number in range(1, FILES):  # tracing takes long
        (site.folder / f"{number}.yaml").unlink()
    # A process of its own: where many tests have run, the interpreter's table of interned strings is large,
    # and takes megabytes more when it happens to grow meanwhile.
    command = [sys.executable, "-c", _MEASURE, str(site.config)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    users, size = map(int, said.stdout.split())
    assert users == USERS // FILES
    assert size < 3072 * users
