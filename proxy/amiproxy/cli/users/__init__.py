"""``ami-proxy users``: makes secrets and hashes, shows and changes users."""

import argparse

from amiproxy.cli.users import accounts, adding, granting, hashes, listing, passwords, rights

#: The modules of the verbs, in the order of the help text.
_MODULES = (listing, rights, adding, passwords, accounts, granting, hashes)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its verbs."""
    parser = commands.add_parser(
        "users",
        help="list, add and change users, and show their rights",
        description="List, add and change the users of users.yaml, and show their rights.\n\n"
        "A verb that changes users keeps all other text of the file, comments included. The new\n"
        "text is checked as the service would check it, and replaces the file as a whole; then\n"
        "the running service reloads, unless --no-reload is given.",
        epilog="examples:\n"
        "  ami-proxy users add wallboard --read call,agent\n"
        "  ami-proxy users allow wallboard --write originate --contexts internal --only\n"
        "  ami-proxy users disable dialer",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in _MODULES:
        module.register(verbs)
