"""The pinned packages compared with the installed ones, and with their own requirements."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(*paths: Path) -> dict[str, str]:
    """Name to version of each line ``name==version`` in these files that applies to this system."""
    lines = (line.partition("#")[0].strip() for path in paths for line in path.read_text().splitlines())
    pinned = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pinned
        if pin.marker is None or pin.marker.evaluate()
    }


def differences(wanted: dict[str, str]) -> list[str]:
    """Packages whose installed version differs from the pin."""
    wrong = []
    for name, version in wanted.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is pinned and not installed")
            continue
        if installed != version:
            wrong.append(f"{name} {installed} is installed, {version} is pinned")
    return wrong


def unpinned(wanted: dict[str, str]) -> list[str]:
    """Packages that a pinned package needs here and that are not pinned: any version might be installed."""
    wrong = []
    for name in wanted:
        for line in metadata.requires(name) or ():
            need = Requirement(line)
            applies = need.marker is None or need.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(need.name) not in wanted:
                wrong.append(f"{name} needs {need.name}, which is not pinned")
    return wrong
