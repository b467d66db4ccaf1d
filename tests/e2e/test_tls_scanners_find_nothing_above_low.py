"""The scanners that auditors run, against the configuration as shipped."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from amiproxy.tools.simulator import Simulator
from tests.asterisk.lab.cache import Unavailable
from tests.e2e.conftest import Service
from tests.support import scanners
from tests.support.certificates import Forged, forge, install
from tests.support.requirements import give_up

REPOSITORY = Path(__file__).parents[2]
#: testssl.sh's words for what is good, or only a remark; WARN: the tool itself lacks something.
HARMLESS = {"OK", "INFO", "DEBUG", "LOW"}
NAMES = (x509.DNSName("localhost"), x509.DNSName("pbx.example.org"))
SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
pytestmark = [pytest.mark.scanner, pytest.mark.long]


def as_public_cas_issue(kind: str, ca: Forged) -> Forged:
    """With all the extensions whose absence in a certificate of a private CA a scanner reports."""
    key = (
        ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca.key.public_key())
    url = x509.UniformResourceIdentifier("http://crl.example.org/ca.crl")
    return forge(
        "localhost",
        issuer=ca,
        names=NAMES,
        key=key,
        extensions=[
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]),
        ],
    )


@pytest.fixture
async def scanned(simulator: Simulator, make_service: Callable[..., Service]) -> AsyncIterator[Service]:
    """A proxy with an ECDSA and an RSA certificate, as its unit starts it."""
    service = make_service(simulator.port, {"unauthenticated": 1000})
    service.environment = {"OPENSSL_CONF": str(REPOSITORY / "deploy" / "openssl.cnf")}
    root = ec.generate_private_key(ec.SECP256R1())
    ca = forge(
        "Scanned CA",
        ca=True,
        key=root,
        extensions=[x509.SubjectKeyIdentifier.from_public_key(root.public_key()), SIGNS_CERTIFICATES],
    )
    service.cafile.write_bytes(ca.pem)
    pairs = []
    for kind in ("ecdsa", "rsa"):
        leaf = as_public_cas_issue(kind, ca)
        install(service.directory, leaf.pem + ca.pem, leaf.key_pem, kind)
        pairs.append({"chain": f"{kind}.crt", "key": f"{kind}.key"})
    service.change(listeners=[{"address": f"127.0.0.1:{service.port}", "certificates": pairs}])
    service.context.load_verify_locations(str(service.cafile))
    await service.start_up()
    yield service
    async with await service.client("boss") as client:
        assert (await client.action("Ping")).get("Response") == "Success", "it serves on"


async def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=840
    )


@pytest.mark.timeout(900)
async def test_sslyze_finds_mozillas_intermediate(scanned: Service, tmp_path: Path) -> None:
    try:
        command = await asyncio.to_thread(scanners.sslyze)
    except Unavailable as reason:
        give_up("SCANNERS", reason)
    trust = ["--certinfo_ca_file", str(scanned.cafile)]
    target = f"localhost:{scanned.port}"
    done = await run([*command, "--mozilla_config=intermediate", *trust, target], tmp_path)
    report = done.stdout[done.stdout.find("COMPLIANCE AGAINST") :]
    assert "OK - Compliant" in report, report or done.stderr
    assert done.returncode == 0


@pytest.mark.timeout(900)
async def test_testssl_finds_nothing_above_low(scanned: Service, tmp_path: Path) -> None:
    try:
        command = scanners.testssl()
    except Unavailable as reason:
        give_up("SCANNERS", reason)
    found = tmp_path / "findings.json"
    checks = ["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--vulnerable"]
    quiet = ["--quiet", "--color", "0", "--warnings", "off"]
    target = ["--ip", "127.0.0.1", f"localhost:{scanned.port}"]
    trust = ["--add-ca", str(scanned.cafile)]
    done = await run([*command, *quiet, *checks, *trust, "--jsonfile", str(found), *target], tmp_path)
    findings = json.loads(found.read_text())
    seen = {finding["id"] for finding in findings}
    assert {"heartbleed", "secure_client_renego", "RC4", "cert_trust"} <= {
        one.split(" ")[0] for one in seen
    }, done.stdout
    assert [
        one for one in findings if one["severity"] not in HARMLESS and one["id"] != "engine_problem"
    ] == []
