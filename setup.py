"""Build the wheel, with the hot modules of the core compiled by mypyc if possible.

A module is compiled if it has the line ``# mypyc: compiled``: those on the path of every event or action have
it, and those that cost little to compile with them.  The parser of regular expressions has not: a client
decides how deeply it recurses, and only the interpreter detects excessive depth.  The Python source of all
is in the wheel as well.

The tests run that source, and so does a checkout: an editable install is never compiled.

``AMI_PROXY_COMPILE=0`` builds the pure wheel; ``=1`` builds the compiled one or fails.  Without it, the
pure wheel is built if the modules cannot be compiled here, and the reason is printed.
"""

import contextlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

_MARK = "\n# mypyc: compiled\n"
_WISH = os.environ.get("AMI_PROXY_COMPILE", "")


class _Parallel(build_ext):
    """Compile the C files of an extension on all processors: setuptools does one after another."""

    def build_extensions(self) -> None:
        compile_in_turn = self.compiler.compile

        def compile_all(sources: list[str], *args: Any, **settings: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = pool.map(lambda source: compile_in_turn([source], *args, **settings), sources)
                return [name for names in objects for name in names]

        self.compiler.compile = compile_all
        super().build_extensions()


def _extensions(work: str) -> list[Extension]:
    # Imported late, because mypy may not be installed.
    from mypyc.build import mypycify  # noqa: PLC0415

    root = Path("proxy")
    modules = [
        str(file.relative_to(root)) for file in sorted(root.rglob("*.py")) if _MARK in file.read_text()
    ]
    # Generate the same C everywhere, whatever the type checker's settings and the other packages installed.
    options = ["--config-file=", "--no-site-packages", "--ignore-missing-imports", "--follow-imports=silent"]
    options.append(f"--cache-dir={work}/mypy")
    # Run there, so that tracebacks name files by their paths in the installed package.
    with contextlib.chdir(root):
        found: list[Extension] = mypycify(
            [*options, *modules],
            group_name="amiproxy",
            target_dir=work,
            opt_level="2",
            debug_level="0",
            # A file for each module: as one file, they take twice the CPU time, and one processor only.
            multi_file=True,
        )
    return found


def main() -> None:
    """Run setuptools with the command that it was given."""
    if _WISH not in {"", "0", "1"}:
        sys.exit(f"AMI_PROXY_COMPILE is {_WISH!r}: 0 does not compile the core, 1 compiles it or fails")
    if _WISH == "0" or "bdist_wheel" not in sys.argv:
        setup()
        return
    # A separate folder, so that no file of an earlier build, compiled or not, gets into this one.
    with tempfile.TemporaryDirectory() as work:
        try:
            setup(
                ext_modules=_extensions(work),
                options={"build": {"build_base": work}},
                cmdclass={"build_ext": _Parallel},
            )
        except (Exception, SystemExit) as error:
            if _WISH == "1":
                raise
            # mypyc has printed the error already, and exits with 1.
            reason = "see above" if str(error) == "1" else str(error).removeprefix("error: ")
            sys.stderr.write(f"amiproxy: not compiled, the pure wheel is built instead: {reason}\n")
        else:
            return
    setup()


main()
