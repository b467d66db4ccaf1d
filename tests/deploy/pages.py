"""The code blocks of the operator's pages: what they are, and where a reader would type them.

The info string of a block has its language and, after it, the place.  A block of a shell with no place is
typed as root on the PBX.  In ``console`` blocks lines that begin with ``$ `` are typed; others are output.

======================================  ====================================================================
``sh``, ``console``                     typed as root on the PBX
``sh client``, ``python client`` …      typed or run on a client's machine
``sh source``                           typed in a checkout of the source
``sh elsewhere``                        needs the internet, or a machine that is none of these
``yaml proxy.yaml``, ``ini FILE`` …     a part of the file named
``text``                                output, or anything else that is not typed
======================================  ====================================================================
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

TOP = Path(__file__).parents[2]
#: The pages whose blocks have to be marked; those that are typed are run by ``test_following_the_guide``.
PAGES = ("deploy/README.md", "deploy/install.md", "certs/README.md", "deploy/fail2ban/README.md")

_TYPED = ("sh", "console", "python")
_FILES = ("yaml", "ini", "json")
_PLACES = ("", "client")
_ELSEWHERE = ("source", "elsewhere")


@dataclass(frozen=True)
class Block:
    """One code block; ``heading`` is that of its section, ``line`` the one on which it begins."""

    page: str
    heading: str
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def language(self) -> str:
        """The first word of the info string."""
        return self.info.partition(" ")[0]

    @property
    def place(self) -> str:
        """The rest of it: a place, or the name of a file."""
        return self.info.partition(" ")[2]

    @property
    def is_typed(self) -> bool:
        """Whether a reader types it on the PBX or on a client's machine."""
        return self.language in _TYPED and self.place in _PLACES

    @property
    def is_marked(self) -> bool:
        """Whether the info string says all that it has to say."""
        if self.language in _TYPED:
            return self.place in (*_PLACES, *_ELSEWHERE)
        return bool(self.place) if self.language in _FILES else self.info == "text"


def blocks(page: str) -> Iterator[Block]:
    """The code blocks of a page, in order.  Indented ones have no info string."""
    return blocks_of((TOP / page).read_text(), page)


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """The same of a text."""
    heading = ""
    tokens = MarkdownIt().parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open":
            assert following is not None
            heading = following.content
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            yield Block(page, heading, token.map[0] + 1, token.info.strip(), token.content)
