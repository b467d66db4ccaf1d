"""The command line of a real Asterisk: the tables know it, and refused commands have no effect."""

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from amiproxy.ami.catalogue import agicommands, clicommands
from amiproxy.ami.privilege import NONE
from tests.asterisk.door import LIMITS
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

SECRET = "commandline"
ACCOUNTS = {"operator": "command", "administrator": "all"}
EXTRA = "".join(
    f"\n[{name}]\nsecret = {SECRET}\nread = none\nwrite = {write}\n" for name, write in ACCOUNTS.items()
)
#: To be loaded first: without it Asterisk 16 does not survive res_geolocation.
FIRST = "res_sorcery_config.so"
#: Every template of the shipped file.
TEMPLATES = "".join(
    f"template = {name}\n" for name in ("friendly", "asterisk_1dot2", "asterisk_1dot4", "asterisk_11")
)


def asterisk_of(suite: str) -> Asterisk:
    """An Asterisk of its own."""
    try:
        return Asterisk(suite, manager_extra=EXTRA)
    except Unavailable as reason:
        give_up("ASTERISK", reason)


@pytest.fixture(scope="module", params=["sid", "bullseye"])
def server(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    """One with all the aliases that Asterisk ships."""
    asterisk = asterisk_of(request.param)
    shipped = chroot.ready(request.param) / "etc/asterisk/cli_aliases.conf"
    aliases = re.sub(r"(?m)^template = friendly.*\n", TEMPLATES, shipped.read_text())
    (asterisk.directory / "etc/cli_aliases.conf").write_text(aliases)
    try:
        asterisk.start()
        asterisk.cli("module load res_clialiases.so")
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    users = {
        name: {"secret": hashed(SECRET), "read": "none", "write": write} for name, write in ACCOUNTS.items()
    }
    process = ProxyProcess(
        tmp_path_factory.mktemp("proxy"),
        (server.host, server.port, server.user, server.secret),
        users,
        limits=LIMITS,
    )
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


async def theirs(server: Asterisk, user: str) -> AmiClient:
    """A session at Asterisk's own door."""
    client = await AmiClient.connect(server.host, server.port)
    assert (await client.login(user, SECRET)).get("Response") == "Success"
    return client


async def ours(proxy: ProxyProcess, user: str) -> AmiClient:
    client = await proxy.connect()
    assert (await client.login(user, SECRET)).get("Response") == "Success"
    return client


async def run(client: AmiClient, command: str) -> Message:
    return await client.action("Command", Command=command)


def spellings(command: str) -> Iterator[list[bytes]]:
    """The commands that a line of ``core show help`` stands for, with alternatives expanded."""
    words = re.findall(r"\{[^}]*\}|\[[^]]*\]|\S+", command.lower())
    choices = [word[1:-1].split("|") if word[0] == "{" else [word] for word in words if word[0] != "["]
    for chosen in itertools.product(*choices):
        yield [word.encode() for word in chosen]


def unknown_to_us(server: Asterisk) -> set[str]:
    """Commands in ``core show help`` that neither table has."""
    printed = [line.partition(" -- ")[0].strip() for line in server.cli("core show help").splitlines()]
    assert len(printed) > 150
    return {
        b" ".join(said).decode()
        for command in printed
        for said in spellings(command)
        if clicommands.find(said) is None and clicommands.find_alias(said) is None
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", ["sid", "bullseye"])
async def test_every_command_is_in_the_table_whatever_is_loaded(suite: str) -> None:
    asterisk = asterisk_of(suite)  # not the others' instance: with all its modules it is less stable
    try:
        asterisk.start()
        assert unknown_to_us(asterisk) == set()
        before = len(asterisk.cli("core show help").splitlines())
        async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
            await client.login(asterisk.user, asterisk.secret, Events="off")
            for module in [FIRST, *asterisk.modules, *asterisk.modules]:  # some need one that comes later
                await client.action("ModuleLoad", LoadType="load", Module=module)
        assert len(asterisk.cli("core show help").splitlines()) > before + 80
        assert unknown_to_us(asterisk) == set()
    finally:
        asterisk.remove()


def test_every_agi_command_is_in_the_table(server: Asterisk) -> None:
    listed = re.findall(r"(?m)^ *(?:Yes|No) +(\S+(?: \S+)*)  ", server.cli("agi show commands"))
    assert len(listed) > 40
    assert {command for command in listed if agicommands.find(command.encode().split()) is None} == set()
    assert {b" ".join(verb).decode() for verb in agicommands.COMMANDS} == set(listed)


def row_of(said: list[bytes]) -> clicommands.Words | None:
    """The table's line that decides on a command once its aliases are replaced."""
    while (alias := clicommands.find_alias(said)) is not None:
        said = [*clicommands.ALIASES[alias].split(), *said[len(alias) :]]
    return clicommands.find(said)


def classes_of(said: list[bytes]) -> int | None:
    row = row_of(said)
    return None if row is None else clicommands.COMMANDS[row]


def test_every_shipped_alias_is_judged_as_its_expansion(server: Asterisk) -> None:
    listed = [
        (alias.lower().encode().split(), stands_for.encode().split())
        for alias, stands_for in re.findall(r"(?m)^(.+?) {2,}(\S.*?) *$", server.cli("cli show aliases"))
        if alias != "Alias Command"
    ]
    assert len(listed) > 100
    judged_otherwise = [
        (alias, stands_for)
        for alias, stands_for in listed
        if row_of(stands_for) is not None and classes_of(alias) not in (classes_of(stands_for), NONE)
    ]
    assert judged_otherwise == []


PATTERNS = ["a{0,2000}", "a" + "+" * 16]
SPELLINGS = [
    "group show channels {}",
    'GROUP\tShow "channels" {}',
    'gr\\oup show  channels "{}"',
]
MEBIBYTE = 1024


def highest_memory(server: Asterisk, *, reset: bool = False) -> int:
    """The peak of Asterisk's resident memory since the last reset, in KiB."""
    process = Path(f"/proc/{server.pid}")
    if reset:
        server.cli("malloc trim")  # memory left by the last one would be used for the next
        (process / "clear_refs").write_text("5")
    status = (process / "status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_pattern_takes_memory_at_asterisks_door_and_not_at_ours(
    server: Asterisk, proxy: ProxyProcess, spelling: str, pattern: str
) -> None:
    command = spelling.format(pattern)
    async with await theirs(server, "operator") as client:
        before = highest_memory(server, reset=True)
        assert (await run(client, command)).get("Response") == "Success"
        assert highest_memory(server) > before + 15 * MEBIBYTE, "it takes none at all: this proves nothing"
    for user in ACCOUNTS:
        async with await ours(proxy, user) as client:
            before = highest_memory(server, reset=True)
            answer = await run(client, command)
            assert (answer.get("Response"), answer.get("Message")) == ("Error", "Permission denied")
            assert highest_memory(server) < before + 5 * MEBIBYTE


async def test_an_abbreviated_word_is_not_a_command(server: Asterisk, proxy: ProxyProcess) -> None:
    async with await theirs(server, "operator") as client:
        answer = await run(client, "gr sh ch x")
        assert "No such command" in str(answer.all("Output"))
    async with await ours(proxy, "operator") as client:
        assert (await run(client, "gr sh ch x")).get("Message") == "Permission denied"


async def test_a_bounded_pattern_is_allowed_with_class_system(server: Asterisk, proxy: ProxyProcess) -> None:
    async with await ours(proxy, "administrator") as client:
        answer = await run(client, "group show channels ^sales-[0-9]+")
        assert answer.get("Response") == "Success"
        assert "0 active channels" in answer.all("Output")


RELOADS = [
    "manager reload",
    "module reload manager",
    "module reload none-such manager.so",
    "reload manager",
    'reload "none-such manager"',
    'reload ""',
    "core reload",
    "config reload {etc}/manager.conf",
]


@pytest.fixture
async def newcomer(server: Asterisk, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An account that Asterisk knows once its manager is reloaded; until then only the file has it."""
    name = f"new{abs(hash(request.node.name))}"
    file = server.directory / "etc/manager.conf"
    was = file.read_text()
    file.write_text(was + f"\n[{name}]\nsecret = {SECRET}\nwrite = none\n")
    yield name
    file.write_text(was)
    server.cli("manager reload")


async def is_known(server: Asterisk, name: str) -> bool:
    async with await AmiClient.connect(server.host, server.port) as client:
        return (await client.login(name, SECRET)).get("Response") == "Success"


@pytest.mark.parametrize("command", RELOADS)
async def test_the_manager_is_reloaded_by_class_system_and_by_no_command_alone(
    server: Asterisk, proxy: ProxyProcess, newcomer: str, command: str
) -> None:
    command = command.format(etc=f"/srv/{server.directory.name}/etc")
    async with await ours(proxy, "operator") as client:
        assert (await run(client, command)).get("Message") == "Permission denied"
        assert not await is_known(server, newcomer)
    async with await ours(proxy, "administrator") as client:
        assert (await run(client, command)).get("Response") == "Success"
    assert await is_known(server, newcomer)


@pytest.mark.parametrize("command", ["manager reload", 'reload ""', 'reload "none-such manager"'])
async def test_asterisk_itself_lets_class_command_reload_it(
    server: Asterisk, newcomer: str, command: str
) -> None:
    async with await theirs(server, "operator") as client:
        assert not await is_known(server, newcomer)
        await run(client, command)
        assert await is_known(server, newcomer)
