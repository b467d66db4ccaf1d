"""The core under test is the intended form: its source, or in tests/deploy the compiled one."""

import importlib
import os
from importlib.machinery import ExtensionFileLoader

import pytest

from amiproxy.core.form import FORM
from tests.support.compiled import COMPILED


def test_the_core_has_the_form_that_is_under_test():
    assert os.environ.get("CORE_UNDER_TEST", "python") == FORM


@pytest.mark.parametrize("path", COMPILED)
def test_every_compiled_module_has_that_form(path):
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    loader = module.__spec__.loader
    assert isinstance(loader, ExtensionFileLoader) == (FORM == "compiled")
