"""Which form of the core the tests hold to account: its source, and in tests/deploy the compiled one."""

import importlib
import os
from importlib.machinery import ExtensionFileLoader

import pytest

from amiproxy.core.form import FORM
from tests.support.compiled import COMPILED


def test_it_is_the_one_that_is_meant():
    assert os.environ.get("CORE_UNDER_TEST", "python") == FORM


@pytest.mark.parametrize("path", COMPILED)
def test_all_modules_that_can_be_compiled_are_of_it(path):
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    loader = module.__spec__.loader
    assert isinstance(loader, ExtensionFileLoader) == (FORM == "compiled")
