"""One target under atheris; libFuzzer's options and the corpus are its arguments."""

import os
import sys

import atheris

with atheris.instrument_imports(include=["amiproxy"]):
    from tests.fuzz.targets import TARGETS

atheris.Setup(sys.argv, TARGETS[os.environ["FUZZ_TARGET"]])
atheris.Fuzz()
