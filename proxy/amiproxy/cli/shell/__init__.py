"""``ami-proxy shell``: an interactive AMI client."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from amiproxy.cli.shell.target import account_of, profiles, target
from amiproxy.config.reading.problems import ConfigErrors
from amiproxy.core.model.errors import Unfit
from amiproxy.tools import terminal
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.live import batch
from amiproxy.tools.shell.live.connection import Account
from amiproxy.tools.shell.live.session import visit
from amiproxy.tools.shell.profiles import history_path
from amiproxy.tools.tlsclient import ConnectError

_EXAMPLES: Final = """\
examples:
  ami-proxy shell --to pbx.example.org:5039 --ca ca.crt --user wallboard
  ami-proxy shell --profile office -c CoreShowChannels --json | jq -r .Channel

At the prompt, Tab completes and \\h helps.  Profiles and the places from which the
secret can come are described in shell.md, which the package has in
/usr/share/doc/ami-proxy.  The exit status is 1 if it cannot log in, or if an action
that was given with -c or on stdin fails."""

_WITHOUT_EXTRA: Final = (
    "error: the interactive shell needs prompt_toolkit, which is not installed; "
    "run pip install 'amiproxy[tools]', or give actions with -c"
)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "shell",
        help="an interactive AMI client: completion, tables, live events",
        description="Connect to an ami-proxy over verified TLS, log in, and run what is typed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--profile", metavar="NAME", default="", help="a server of ~/.config/ami-proxy/shell.yaml")
    add("--to", metavar="HOST:PORT", default="", help="address of the ami-proxy")
    add("--ca", type=Path, metavar="FILE", help="CAs to trust (default: the system's)")
    add(
        "--server-name", "--tls-name", default="", metavar="NAME", help="name in its certificate, if not HOST"
    )
    add("--user", metavar="NAME", default="", help="manager user to log in as")
    add("--secret-file", type=Path, metavar="FILE", help="file with the secret (default: ask for it)")
    add(
        "--certificate",
        "--cert",
        type=Path,
        metavar="FILE",
        help="client certificate; no secret is asked for",
    )
    add("--key", type=Path, metavar="FILE", help="its private key, if not in the same file")
    add("--ask-secret", "-W", action="store_true", help="ask for the secret although there is a certificate")
    add(
        "--plain",
        action="store_true",
        help="without TLS: only to a loopback address, such as Asterisk's own port",
    )
    add("--events", action="store_true", help="show live events from the start")
    add("-c", dest="commands", action="append", metavar="ACTION", help="run this and end; may be repeated")
    add("--json", action="store_true", help="write answers as JSON, one object a line")
    add("--keep-going", action="store_true", help="with -c or stdin: go on after an action that fails")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the shell until its end; return the exit status."""
    interactive = arguments.commands is None and sys.stdin.isatty() and sys.stdout.isatty()
    if interactive:
        try:
            import prompt_toolkit  # noqa: F401, PLC0415 - only this needs the extra
        except ImportError:
            terminal.error(_WITHOUT_EXTRA)
            return 1
    try:
        known = profiles()
        found = target(arguments, known)
        if found.secret.prompt:
            # Before a secret is typed: whether the server is there, and has the right certificate.
            asyncio.run(visit(found.server))
        account = account_of(found)
    except ConfigErrors as errors:
        terminal.error(errors)
        return 1
    except Unfit as error:
        terminal.error(f"error: {error}; {error.remedy}")
        return 1
    except ConnectError as error:
        terminal.error(f"error: {error}")
        return 1
    except EOFError:
        terminal.error("error: no secret was given")
        return 1

    def other(name: str) -> Account:
        return account_of(target(argparse.Namespace(**{**vars(_NOTHING), "profile": name}), known))

    if not interactive:
        streams = (sys.stdout, sys.stderr)
        done = asyncio.run(
            batch.run(
                account, other, arguments.commands, streams, dict(os.environ),
                json=arguments.json, keep_going=arguments.keep_going, events=found.events,
            )
        )  # fmt: skip
        return 0 if done else 1
    from amiproxy.tools.shell.live.terminal import Terminal  # noqa: PLC0415 - needs the extra

    words = Vocabulary()
    words.profiles = sorted(known.profiles)
    history = history_path(os.environ, Path.home())
    prompt = Terminal(account, other, words, history, json=arguments.json, events=found.events)
    return 0 if asyncio.run(prompt.run()) else 1


_NOTHING: Final = argparse.Namespace(
    profile="", to="", ca=None, server_name="", user="", secret_file=None, certificate=None, key=None,
    ask_secret=False, plain=False, events=False,
)  # fmt: skip
