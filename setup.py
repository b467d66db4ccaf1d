"""Builds the wheel, with the hot modules of the core compiled by mypyc where that can be done.

Which modules: ``[tool.amiproxy]`` in pyproject.toml.  Their Python source is in the wheel as well.
It is what the tests hold to account, and what runs from a checkout: an editable install is never compiled.

``AMI_PROXY_COMPILE=0`` makes the pure wheel; ``=1`` makes the compiled one or fails.  Without it, what
cannot be compiled here is left as it is, and why is said.
"""

import os
import sys
import tempfile
import tomllib
from pathlib import Path

from setuptools import Extension, setup

_WISH = os.environ.get("AMI_PROXY_COMPILE", "")


def _extensions(work: str) -> list[Extension]:
    # Imported late: mypy may not be there.
    from mypyc.build import mypycify  # noqa: PLC0415

    modules = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["amiproxy"]["compiled"]
    # The same C everywhere: neither the settings of the type check nor what else is installed has a say.
    options = ["--config-file=", "--no-site-packages", "--ignore-missing-imports", "--follow-imports=silent"]
    options.append(f"--cache-dir={work}/mypy")
    found: list[Extension] = mypycify(
        [*options, *modules], group_name="amiproxy", target_dir=work, opt_level="2", debug_level="0"
    )
    return found


def main() -> None:
    """Run setuptools with the command that it was given."""
    if _WISH not in {"", "0", "1"}:
        sys.exit(f"AMI_PROXY_COMPILE is {_WISH!r}: 0 leaves the core as it is, 1 compiles it or fails")
    if _WISH == "0" or "bdist_wheel" not in sys.argv:
        setup()
        return
    # A folder of its own: nothing of an earlier build, compiled or not, gets into this one.
    with tempfile.TemporaryDirectory() as work:
        try:
            setup(ext_modules=_extensions(work), options={"build": {"build_base": work}})
        except (Exception, SystemExit) as error:
            if _WISH == "1":
                raise
            # mypyc has said it already, and exits with 1.
            reason = "see above" if str(error) == "1" else str(error).removeprefix("error: ")
            sys.stderr.write(f"amiproxy: not compiled, the pure wheel is built instead: {reason}\n")
        else:
            return
    setup()


main()
