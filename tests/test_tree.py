"""Packages have at most about a dozen modules, and modules at most 400 lines."""

import re
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "proxy/amiproxy"

#: Modules at one level of a package, without ``__init__``: about a dozen.
MODULES = 13
#: Lines of a module; about 300 are comfortable.
LINES = 400

#: Modules that may be longer, and why.
LONG = {
    "net/doors/tlsstream.py": (420, "one TLS connection, whose steps share its attributes"),
}

#: ``core.servers.side.Side`` in a text of the source, or ``core/audit/appdata.py``.
_NAMED = re.compile(
    r"``(?:amiproxy\.)?((?:ami|cli|config|core|net|service|tools|x509)(?:\.\w+)+)``"
    r"|(?<![\w/])((?:ami|cli|config|core|net|service|tools|x509)/[\w/]+)\.py\b"
)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_no_package_has_more_modules_than_allowed() -> None:
    inside = (path.relative_to(SOURCE) for path in modules() if path.name != "__init__.py")
    sizes = Counter(str(path.parent) for path in inside)
    assert {name: size for name, size in sizes.items() if size > MODULES} == {}


def test_no_module_has_more_lines_than_allowed() -> None:
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in modules()}
    allowed = {name: LONG[name][0] if name in LONG else LINES for name in sizes}
    assert {name: size for name, size in sizes.items() if size > allowed[name]} == {}


def test_each_exception_is_still_needed() -> None:
    sizes = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in modules()}
    assert [name for name in LONG if sizes.get(name, 0) <= LINES] == []


def test_modules_that_a_text_of_the_source_names_exist() -> None:
    names = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in modules()
    }
    unknown = []
    for path in modules():
        for dotted, slashed in _NAMED.findall(path.read_text()):
            name = dotted or slashed.replace("/", ".")
            # The last part may be what the module defines.
            if name not in names and name.rpartition(".")[0] not in names - {name.partition(".")[0]}:
                unknown.append(f"{path.relative_to(SOURCE)}: {name}")
    assert unknown == []
