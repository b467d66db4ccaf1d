"""The texts of \\h."""

import pytest

from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.language.commands import COMMANDS
from amiproxy.tools.shell.language.words import UsageError
from amiproxy.tools.shell.showing import help as help_texts


def text(name: str, words: Vocabulary | None = None) -> str:
    return "\n".join(str(line) for line in help_texts.action(name, words or Vocabulary(), 80))


def test_all_commands_are_explained() -> None:
    said = "\n".join(str(line) for line in help_texts.overview(80))
    assert all(f"\\{name}" in said for name in COMMANDS)
    assert max(map(len, said.splitlines())) <= 80


def test_an_action_has_its_classes_and_headers() -> None:
    said = text("originate")
    assert "needs class originate" in said
    assert "Originate VALUE" in said
    assert "Exten" in said
    assert "you may" not in said, "before ListCommands nobody knows"


def test_whether_the_user_may_run_it_is_said() -> None:
    words = Vocabulary()
    words.learn([(b"CoreShowChannels", b"List currently active channels.  (Priv: system,reporting,all)")])
    said = text("CoreShowChannels", words)
    assert "List currently active channels." in said
    assert "you may run it" in said
    assert "CoreShowChannelsComplete" in said
    assert "you may not run it" in text("Originate", words)
    assert "open to every user" in text("Ping", words)


def test_an_unknown_action_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean Originate"):
        text("Orginate")
    with pytest.raises(UsageError, match="Tab"):
        text("Xyzzyxyzzy")
