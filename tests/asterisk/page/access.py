"""What axe-core finds on a page: what keeps people from using it."""

from tests.asterisk.page.board import Board

#: From a telephone to a television.
WIDTHS = (360, 1280, 1920)
#: What axe finds, of the degrees that exclude people.
_AXE = """
axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, impact, nodes }) => `${impact} ${id}: ` + nodes.slice(0, 4).map((node) =>
    `${node.target} (${[...node.any, ...node.all].map((check) => check.message).join("; ")})`).join(", ")))
"""


async def findings(board: Board, axe: str) -> list[str]:
    """What excludes people on the page as it is now; ``axe`` is the source of axe-core."""
    if not await board.run("'axe' in window"):
        await board.run(f"void 0;{axe};0")
    found: list[str] = await board.run(_AXE)
    return found
