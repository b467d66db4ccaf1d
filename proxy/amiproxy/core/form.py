"""Whether the core runs from its Python source or was compiled by setup.py."""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

from amiproxy.core import hub

#: ``compiled`` or ``python``.
FORM: Final = "compiled" if hub.__file__.endswith(tuple(EXTENSION_SUFFIXES)) else "python"
