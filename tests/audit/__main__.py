"""``python -m tests.audit TOOLS SBOM``: are the pins installed, complete, and free of known vulnerabilities?

TOOLS is the folder with pip-audit and cyclonedx-py, SBOM the file to write.
A package that could not be checked is reported, and does not count as good.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.audit.pins import differences, pins, unpinned

_ROOT = Path(__file__).parents[2]
#: What the packages and the image install: of the service, and of the commands in the extra [tools].
_RUN_TIME = (_ROOT / "requirements.txt", _ROOT / "requirements-tools.txt")


def main(tools: Path, sbom: Path) -> int:
    """1 if a problem was found."""
    wanted = pins(*_RUN_TIME)
    wrong = [*differences(wanted), *unpinned(wanted)]
    for line in wrong:
        _say(f"WRONG {line}")
    _say(f"{len(wanted)} run-time packages, pinned and installed as pinned, with all that they need")
    known, unchecked = _advisories(tools)
    for line in known:
        _say(f"KNOWN FAULT {line}")
    if unchecked:
        _say(f"NOT CHECKED for known faults, no advisories to be had from here: {', '.join(unchecked)}")
    _say(f"checked for known faults: {len(wanted) - len(unchecked)} of {len(wanted)}")
    _write_sbom(tools, sbom)
    _say(f"SBOM (CycloneDX) in {sbom}; it has the Python packages, not the libraries inside their wheels:")
    for line in _libraries():
        _say(f"  {line}")
    return 1 if wrong or known else 0


def _advisories(tools: Path) -> tuple[list[str], list[str]]:
    """Known vulnerabilities, and the packages about which nothing could be found out."""
    done = subprocess.run(
        [
            *(tools / "pip-audit", *(part for path in _RUN_TIME for part in ("-r", path))),
            *("--no-deps", "--disable-pip", "-f", "json"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], sorted(pins(*_RUN_TIME))
    known = [
        f"{package['name']} {package['version']}: {fault['id']}, fixed in {fault['fix_versions'] or 'none'}"
        for package in found
        for fault in package.get("vulns", [])
    ]
    return known, sorted(package["name"] for package in found if "skip_reason" in package)


def _write_sbom(tools: Path, sbom: Path) -> None:
    sbom.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *(tools / "cyclonedx-py", "requirements", "-", "--pyproject", _ROOT / "pyproject.toml"),
            *("--mc-type", "application", "--output-reproducible", "--of", "JSON", "-o", sbom),
        ],
        check=True,
        input=b"".join(path.read_bytes() for path in _RUN_TIME),
        capture_output=True,
    )


def _libraries() -> list[str]:
    import ssl

    from cryptography.hazmat.backends.openssl.backend import backend

    return [
        f"Python {sys.version.split()[0]} with {ssl.OPENSSL_VERSION}: TLS",
        f"{backend.openssl_version_text()} in the wheel of cryptography: X.509 and hashes",
    ]


def _say(text: str) -> None:
    sys.stdout.write(f"audit: {text}\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
