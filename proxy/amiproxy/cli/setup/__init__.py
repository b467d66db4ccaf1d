"""``ami-proxy setup``: from an installed program to the first event at a client."""

import argparse
import sys
from pathlib import Path
from typing import Final

from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import parse_classes
from amiproxy.cli.setup import questions, screen
from amiproxy.cli.setup.ending import finish
from amiproxy.cli.users.prompt import piped_secret
from amiproxy.config import Address, ConfigErrors, Unfit
from amiproxy.config.additions import Addition
from amiproxy.tools import terminal
from amiproxy.tools.setup import facts as state
from amiproxy.tools.setup import pairs
from amiproxy.tools.setup.doing import do
from amiproxy.tools.setup.facts import Facts, gather
from amiproxy.tools.setup.plan import Plan, plan
from amiproxy.tools.setup.steps import Run
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress, Wishes
from amiproxy.x509.errors import X509Error

_METRICS: Final = "127.0.0.1:9539"

_EPILOG = """\
examples:
  ami-proxy setup
  ami-proxy setup --yes --host pbx.example.org --user wallboard --read call,agent \\
      --manager-conf /etc/asterisk/manager.conf
  ami-proxy setup --certificate /etc/letsencrypt/live/pbx.example.org
  ami-proxy setup --dry-run --host pbx.example.org --no-user
  ami-proxy setup --directory ./try --host localhost --user me        # not as root

It creates what is missing, and changes nothing that is there: no secret, key, user or
edited proxy.yaml. Run it again at any time, also after an error: it does what is left.
On a terminal it asks for what it needs. Secrets are never arguments.
Exit status 0 if all is done and works, 1 if not, 2 for wrong usage."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "setup",
        help="set up the service on this machine, in one go",
        description="Make the secret, the certificate, the first user and the configuration, add the\n"
        "proxy's account to Asterisk, check everything, start the service, and wait for its link.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for add in (_add_certificate, _add_asterisk, _add_user, _add_service):
        add(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="show every file, difference and command, and change nothing"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.set_defaults(run=run)


def _add_certificate(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("certificate")
    group.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name or address that clients connect to; may be repeated",
    )
    group.add_argument(
        "--certificate",
        type=Path,
        metavar="PATH",
        help="copy this chain, or that of a folder of certbot's (/etc/letsencrypt/live/NAME), instead of "
        "issuing a certificate from a private CA",
    )
    group.add_argument(
        "--key", type=Path, metavar="FILE", help="the key of that certificate, unless it is in that folder"
    )


def _add_asterisk(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Asterisk")
    group.add_argument(
        "--asterisk",
        type=_asterisk,
        metavar="HOST:PORT",
        help=f"where its manager listens (default: {AsteriskAddress()}, or manager.conf's port)",
    )
    group.add_argument(
        "--manager-user", metavar="NAME", help="the proxy's account in manager.conf (default: amiproxy)"
    )
    group.add_argument(
        "--secret-stdin",
        action="store_true",
        help="read the secret of that account from stdin, if the account exists (default: a new secret)",
    )
    group.add_argument(
        "--manager-conf",
        type=Path,
        metavar="FILE",
        help="add the account to this file, such as /etc/asterisk/manager.conf, and have Asterisk read it; "
        "the old one is kept beside it (default: the section is printed)",
    )


def _add_user(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("first user")
    users = group.add_mutually_exclusive_group()
    users.add_argument(
        "--user", metavar="NAME", help="add this user; its new secret is shown once, at the end"
    )
    users.add_argument("--no-user", action="store_true", help="add none")
    group.add_argument(
        "--read", default="call", metavar="CLASSES", help="events that it sees (default: call)"
    )
    group.add_argument(
        "--write", default="", metavar="CLASSES", help="actions that it may run (default: none)"
    )


def _add_service(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("service")
    group.add_argument(
        "--directory",
        type=Path,
        default=SYSTEM,
        metavar="DIR",
        help=f"folder for all files (default: {SYSTEM}, which needs root)",
    )
    group.add_argument(
        "--listen", type=_address, metavar="ADDRESS:PORT", help="where clients connect (default: [::]:5039)"
    )
    group.add_argument(
        "--metrics",
        nargs="?",
        type=_address,
        const=_METRICS,
        metavar="ADDRESS:PORT",
        help=f"open a port for Prometheus (default: none; without an address {_METRICS})",
    )
    group.add_argument("--no-start", action="store_true", help="neither enable nor start the unit")


def run(arguments: argparse.Namespace) -> int:
    """Set up; return the exit status: 0 if all works, 1 if not, 2 for wrong usage."""
    try:
        wishes = _wishes(arguments)
        facts = gather(wishes)
        asks = sys.stdin.isatty() and not arguments.yes
        if asks:
            answered = questions.complete(facts, wishes, no_user=arguments.no_user)
            if answered != wishes:
                wishes = answered
                facts = gather(wishes)
        else:
            _refuse_missing(facts, wishes, arguments)
        made = plan(facts, wishes)
        screen.show(made, complete=arguments.dry_run)
        if arguments.dry_run:
            print("\nThis was a dry run: nothing was changed.")
            return 0
        if made.steps and asks and not questions.agree("Go ahead?"):
            print("Nothing was changed.")
            return 1
        return _carry_out(made, facts, wishes)
    except (Unfit, ConfigErrors, X509Error) as error:
        remedy = getattr(error, "remedy", "")
        terminal.error(f"ami-proxy setup: {error}{f'; {remedy}' if remedy else ''}")
        return 1


def _carry_out(made: Plan, facts: Facts, wishes: Wishes) -> int:
    good, unshown = True, False
    try:
        for step in made.steps:
            try:
                do(step, state.run)
            except Unfit as error:
                if not isinstance(step, Run):
                    raise
                screen.note(str(error), error.remedy)
                good = False
            unshown = unshown or step is made.user_step
        good = finish(made, facts, wishes) and good
        unshown = False
    finally:
        if unshown and wishes.user is not None:
            # Whatever went wrong: the file has only its hash.
            screen.secret(wishes.user.name, made.user_secret)
    return 0 if good else 1


def _wishes(arguments: argparse.Namespace) -> Wishes:
    user = None
    if arguments.user is not None:
        for classes in (arguments.read, arguments.write):
            _refuse_classes(classes)
        user = Addition(arguments.user, arguments.read, arguments.write)
    if arguments.key is not None and arguments.certificate is None:
        raise Unfit("--key needs --certificate", "give both, or neither")
    return Wishes(
        directory=arguments.directory.absolute(),
        hosts=tuple(arguments.host),
        pair=questions.pair_of(arguments.certificate, arguments.key) if arguments.certificate else None,
        asterisk=arguments.asterisk,
        username=arguments.manager_user,
        secret=_secret_of_stdin() if arguments.secret_stdin else None,
        listen=arguments.listen,
        metrics=arguments.metrics,
        user=user,
        manager_conf=arguments.manager_conf.absolute() if arguments.manager_conf is not None else None,
        start=not arguments.no_start,
    )


def _secret_of_stdin() -> bytes:
    if sys.stdin.isatty():
        raise Unfit(
            "--secret-stdin reads a file or pipe, and stdin is a terminal",
            "omit it, and setup asks for the secret",
        )
    return piped_secret()


def _refuse_missing(facts: Facts, wishes: Wishes, arguments: argparse.Namespace) -> None:
    """Raise Unfit that names the option for the first answer that is needed and not given."""
    if pairs.needs_host(facts, wishes) and not wishes.hosts:
        raise Unfit(
            "the name that clients connect to is needed for the certificate", "give it with --host NAME"
        )
    if not facts.user_names and wishes.user is None and not arguments.no_user:
        raise Unfit("a first user is needed", "give --user NAME, or --no-user")
    if not arguments.yes and not arguments.dry_run:
        remedy = "add --yes to go ahead, or --dry-run to see what would be done"
        raise Unfit("stdin is not a terminal, so setup cannot ask for consent", remedy)


def _refuse_classes(classes: str) -> None:
    try:
        parse_classes(classes)
    except UnknownPrivilege as error:
        raise Unfit(str(error), "use manager.conf's names, such as call,agent") from None


def _asterisk(text: str) -> AsteriskAddress:
    try:
        return questions.asterisk_address(text)
    except Unfit as error:
        raise argparse.ArgumentTypeError(f"{error}; {error.remedy}") from None


def _address(text: str) -> str:
    try:
        return str(Address.from_text(text))
    except Unfit as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}; {error.remedy}") from None
