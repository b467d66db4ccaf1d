"""``ami-proxy shell`` over TLS, through the proxy, to the simulator: on a terminal, with -c, with a pipe."""

import asyncio
import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from amiproxy.cli import main
from amiproxy.tools.simulator import Simulator
from tests.support.ports import free_port
from tests.support.service import PASSWORDS, USERS, Service
from tests.support.shelling import SHELL, environment, run, secret_file
from tests.support.typed import Typed
from tests.support.waiting import until


def arguments(service: Service, user: str = "boss") -> list[str]:
    return ["--to", f"localhost:{service.port}", "--ca", str(service.cafile), "--user", user]


def secret_of(service: Service, user: str = "boss", mode: int = 0o600) -> list[str]:
    return secret_file(service.directory, PASSWORDS[user], mode)


async def as_boss(service: Service, *more: str, stdin: str | None = None) -> tuple[int, str, str]:
    return await run(service.directory, *arguments(service), *secret_of(service), *more, stdin=stdin)


async def test_a_script_gives_actions_and_gets_their_answers(service: Service) -> None:
    status, out, err = await as_boss(
        service, "-c", "Ping", "-c", "QueueStatus", "-c", "Command core show uptime"
    )
    assert (status, err) == (0, "")
    assert out.startswith("Success\nPing       Pong\n")
    assert "3 rows" in out
    assert "System uptime: " in out
    assert "\x1b" not in out
    assert out == "\n".join(line.rstrip() for line in out.split("\n"))


async def test_a_program_gets_json(service: Service) -> None:
    status, out, _ = await as_boss(
        service, "--json", "-c", "QueueStatus", "-c", "Ping", "-c", "Command core show uptime"
    )
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert {line["Queue"] for line in lines if line.get("Event") == "QueueMember"} == {"support", "sales"}
    assert [line["Ping"] for line in lines if "Ping" in line] == ["Pong"]
    assert lines[-1]["Output"][0].startswith("System uptime: ")


async def test_it_stops_at_the_first_action_that_fails(service: Service) -> None:
    given = ["-c", "Ping", "-c", "Command core show uptime", "-c", "Ping"]
    caller = [*arguments(service, "caller"), *secret_of(service, "caller"), "--json"]
    status, out, err = await run(service.directory, *caller, *given)
    assert status == 1
    assert [json.loads(line)["Response"] for line in out.splitlines()] == ["Success", "Error"]
    assert "class command" in err
    status, out, _ = await run(service.directory, *caller, "--keep-going", *given)
    assert status == 1
    assert [json.loads(line)["Response"] for line in out.splitlines()] == ["Success", "Error", "Success"]


async def test_lines_are_read_from_a_pipe(service: Service) -> None:
    block = "Action: Getvar\nVariable: NOTHING\nActionID: mine"
    text = f"# a remark\nPing\n\n{block}\n\nAction: Ping\nActionID: last"
    status, out, _ = await as_boss(service, "--json", stdin=text)
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [line.get("Ping", line.get("Variable")) for line in lines] == ["Pong", "NOTHING", "Pong"]
    status, _, err = await as_boss(service, stdin="Ping\nOriginate 'Channel\nPing\n")
    assert status == 1
    assert "has no end" in err


async def test_answers_go_to_a_file_and_lines_come_from_one(service: Service) -> None:
    folder = service.directory
    (folder / "lines").write_text("Ping\nNo such action\nPing\n")
    (folder / "circle").write_text(f"\\i {folder}/circle\n")
    status, out, _ = await as_boss(
        service, "-c", f"\\o {folder}/answers", "-c", "QueueStatus", "-c", "\\o", "-c", "Ping"
    )
    assert (status, out.count("Pong"), out.count("rows")) == (0, 1, 0)
    assert "3 rows" in (folder / "answers").read_text()
    assert stat.S_IMODE((folder / "answers").stat().st_mode) == 0o600
    status, out, _ = await as_boss(service, "-c", f"\\i {folder}/lines")
    assert (status, out.count("Pong")) == (1, 1)
    status, _, err = await as_boss(service, "-c", f"\\i {folder}/circle")
    assert status == 1
    assert "end the circle" in err


#: Arguments that cannot work, and a part of what is said about them.
FAILURES = [
    (["--user", "nobody"], "log says which"),
    (["--to", f"localhost:{free_port()}"], "cannot be reached"),
    (["--server-name", "pbx.example.org"], "not valid for pbx.example.org"),
    (["--ca", "/etc/ssl/certs/ca-certificates.crt"], "give the CA that issued it"),
    (["--ca", "/no/such/file"], "CA file /no/such/file cannot be used"),
    (["--to", "pbx.example.org:5038", "--plain"], "another machine"),
    (["--profile", "office"], "no profile 'office'"),
    (["--to", "a b"], "not HOST:PORT"),
    (["--key", "x"], "give --certificate"),
]


async def test_a_failure_is_said_in_plain_words(service: Service) -> None:
    ended = await asyncio.gather(*(as_boss(service, *change, "-c", "Ping") for change, _ in FAILURES))
    for (status, out, err), (change, part) in zip(ended, FAILURES, strict=True):
        assert status == 1, change
        assert part in out + err, change


async def test_a_secret_that_all_users_can_read_is_refused(service: Service) -> None:
    status, _, err = await run(
        service.directory, *arguments(service), *secret_of(service, mode=0o644), "-c", "Ping"
    )
    assert status == 1
    assert "chmod" in err
    assert PASSWORDS["boss"] not in err


async def test_a_profile_says_where_and_who_and_a_command_prints_the_secret(service: Service) -> None:
    folder = service.directory / "config/ami-proxy"
    folder.mkdir(parents=True)
    (folder / "shell.yaml").write_text(
        f"default: here\nprofiles:\n  here:\n    host: localhost\n    port: {service.port}\n"
        "    ca: ../../ca.pem\n    user: boss\n    secret_command: [echo, chief]\n"
    )
    for given in (["--profile", "here"], []):
        status, out, _ = await run(service.directory, *given, "-c", "Ping")
        assert (status, out.count("Pong")) == (0, 1)


async def test_a_client_certificate_logs_in_without_a_secret(make_service, simulator) -> None:
    service: Service = make_service(simulator.port)
    ca = service.directory / "ca"
    assert main(["certs", "init", str(ca)]) == 0
    issue = [
        "certs",
        "issue",
        "--ca",
        str(ca),
        "--client",
        "--out",
        str(service.directory),
        "--file-name",
        "board",
    ]
    assert main([*issue, "dns:board.example.org"]) == 0
    service.change(
        listeners=[
            {
                "address": f"127.0.0.1:{service.port}",
                "certificates": [{"chain": "server.crt", "key": "server.key"}],
                "client_auth": "optional",
                "client_ca": "ca/ca.crt",
            }
        ]
    )
    board = {"read": ["call"], "certificate": ["dns:board.example.org"], "login": "certificate"}
    service.write_users({"boss": USERS["boss"], "board": board})
    await service.start_up()
    await service.linked()
    own = [
        "--certificate",
        str(service.directory / "board.crt"),
        "--key",
        str(service.directory / "board.key"),
    ]
    status, out, err = await run(service.directory, *arguments(service, "board"), *own, "-c", "Ping")
    assert (status, out.count("Pong")) == (0, 1), err


async def test_asterisks_own_port_is_reached_over_loopback(service: Service, simulator: Simulator) -> None:
    path = service.directory / "upstream.secret"
    plain = ["--plain", "--user", "proxy", "--secret-file", str(path), "-c", "Ping"]
    status, out, err = await run(service.directory, "--to", f"127.0.0.1:{simulator.port}", *plain)
    assert (status, out.count("Pong")) == (0, 1), err
    status, _, err = await run(service.directory, "--to", f"127.0.0.1:{service.port}", *plain)
    assert status == 1
    assert "--plain is for Asterisk's own port" in err or "closed the connection" in err


def typed(
    service: Service, *more: str, user: str = "boss", command: Sequence[str] = SHELL, **environ: str
) -> Typed:
    return Typed(
        [*command, *arguments(service, user), *more],
        {**environment(service.directory), **environ},
        service.directory,
    )


async def logged_in(screen: Typed, user: str = "boss") -> None:
    await screen.sees("Secret of")
    screen.type(f"{PASSWORDS[user]}\r")
    await screen.sees("\\h for help")
    await screen.sees(f"{user}@localhost>")


async def test_a_person_logs_in_looks_around_and_quits(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        screen.type("QueueSt")
        await screen.sees("Show queue status")  # the menu explains what it offers
        screen.type("\t\r")
        await screen.sees("3 rows")
        screen.type("\\h Originate\r")
        await screen.sees("PreDialGoSub")
        screen.type("Login Username=boss Secret=chief\r")
        await screen.sees("Already authenticated")
        await screen.sees("boss@localhost>")
        screen.type("\x04")
        assert await screen.status() == 0
        assert PASSWORDS["boss"] not in screen.raw.replace("Secret=chief", ""), (
            "a secret at its prompt is not echoed"
        )
    stored = service.directory / "state/ami-proxy/shell_history"
    assert "QueueStatus" in stored.read_text()
    assert "chief" not in stored.read_text()
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600


async def test_events_appear_above_the_prompt_and_are_filtered(service: Service) -> None:
    async with typed(service, "--events") as screen, await service.client("boss") as other:
        await logged_in(screen)
        screen.type("\\filter UserEvent UserEvent=Seen*\r")
        await screen.sees("filters:")
        for name in ("Unseen", "SeenOne"):
            await other.action("UserEvent", UserEvent=name)
        seen = await screen.sees("UserEvent=SeenOne")
        assert "UserEvent=Unseen" not in seen
        screen.type("\\events off\r")
        await screen.sees("events are not shown")


async def test_more_events_than_a_person_can_read_are_counted(service: Service, simulator: Simulator) -> None:
    async with typed(service, "--events") as screen:
        await logged_in(screen)
        screen.type("\\filter UserEvent\r")
        await screen.sees("filters:")
        simulator.broadcast(b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Flood\r\n\r\n" * 400)
        await screen.sees("too many to show")


async def test_ctrl_c_stops_waiting_and_watching(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        screen.type("WaitEvent Timeout=60\r")
        await until(lambda: not screen.is_at_prompt)
        screen.type("\x03")
        await screen.sees("boss@localhost>")
        screen.type("Ping\r")
        await screen.sees("Pong")
        screen.type("\\watch 0.2 QueueStatus\r")
        await screen.sees("every 0.2 s: QueueStatus")
        await screen.sees("every 0.2 s: QueueStatus")
        screen.type("\x03")
        await screen.sees("boss@localhost>")
        screen.type("half a line\x03")
        await screen.sees("boss@localhost>")
        screen.type("\\q\r")
        assert await screen.status() == 0


async def test_blocks_are_pasted_with_and_without_raw_mode(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        screen.type("Action: Getvar\rVariable: FIRST\r\r")
        await screen.sees("FIRST")
        screen.type("\x1b[200~Action: Getvar\rVariable: SECOND\r\rAction: Ping\r\x1b[201~\r")
        await screen.sees("Pong")
        screen.type("\\raw\r")
        await screen.sees("raw mode is on")
        screen.type("Variable: THIRD\rAction: Getvar\r\r")
        await screen.sees("Success")
        await screen.sees("raw>")
        screen.type("\x04")
        await screen.sees("boss@localhost>")


async def test_a_lost_connection_is_opened_again(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        service.kill()
        await screen.sees("connection lost")
        await screen.sees("(not connected)>")
        screen.type("Ping\r")
        await screen.sees("no answer: not connected")
        await service.start_up()
        await screen.sees("connected again", within=40)
        screen.type("Ping\r")
        await screen.sees("Pong")


async def test_a_login_that_is_refused_after_a_loss_is_not_repeated(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        service.kill()
        service.write_users({"caller": USERS["caller"]})
        await service.start_up()
        await screen.sees("the server refuses the login now", within=40)
        screen.type("\\c\r")
        await screen.sees("Authentication failed")


async def test_tables_follow_the_width_of_the_terminal(service: Service) -> None:
    async with typed(service) as screen:
        await logged_in(screen)
        screen.type("QueueStatus\r")
        assert "not shown for want of room" in await screen.sees("3 rows")
        screen.resize(250, 24)
        screen.type("QueueStatus\r")
        wide = await screen.sees("3 rows")
        assert "not shown for want of room" not in wide


async def test_a_wrong_secret_ends_it(service: Service) -> None:
    async with typed(service) as screen:
        await screen.sees("Secret of")
        screen.type("wrong\r")
        await screen.sees("Authentication failed")
        assert await screen.status() == 1


async def test_no_secret_is_asked_for_unless_the_server_is_the_right_one(service: Service) -> None:
    async with typed(service, "--server-name", "pbx.example.org") as screen:
        await screen.sees("not valid for")
        assert await screen.status() == 1
        assert "Secret of" not in screen.raw


async def test_there_are_no_colours_if_they_are_not_wanted(service: Service) -> None:
    async with typed(service, NO_COLOR="1") as screen:
        await logged_in(screen)
        screen.type("Ping\r")
        await screen.sees("Pong")
        assert "\x1b[32m" not in screen.raw


async def test_without_prompt_toolkit_it_names_the_remedy(service: Service, tmp_path: Path) -> None:
    code = "import sys; sys.modules['prompt_toolkit'] = None; from amiproxy.cli import main; sys.exit(main())"
    bare = [sys.executable, "-c", code, "shell"]
    async with typed(service, command=bare) as screen:
        assert await screen.status() == 1
        assert "pip install 'amiproxy[tools]'" in screen.text.replace("\n", "")
    process = await asyncio.create_subprocess_exec(
        *bare, *arguments(service), *secret_of(service), "-c", "Ping", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.count(b"Pong")) == (0, 1), "scripts work without it"
