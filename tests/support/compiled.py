"""The modules that mypyc compiles: those with its mark, as setup.py finds them."""

from pathlib import Path

MARK = "\n# mypyc: compiled\n"
#: Their files, below the root of the sources.
COMPILED = [
    str(file.relative_to(root))
    for root in [Path(__file__).parents[2] / "proxy"]
    for file in sorted(root.rglob("*.py"))
    if MARK in file.read_text()
]
