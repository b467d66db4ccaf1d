"""The shell scripts in deploy/ are sound."""

import shutil
import subprocess
from pathlib import Path

from tests.support.requirements import give_up

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_scripts_pass_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        give_up("TOOLS", "shellcheck is not installed")
    starts = (b"#!/bin/sh\n", b"#!/usr/bin/env bash\n", b"#!/bin/bash\n")
    scripts = [path for path in DEPLOY.rglob("*") if path.is_file() and path.read_bytes().startswith(starts)]
    assert {"build", "repository", "postinst"} <= {path.name for path in scripts}
    done = subprocess.run([shellcheck, *scripts], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
