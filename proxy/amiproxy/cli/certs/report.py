"""Renders certificates and revocation lists as text: one aligned line per fact."""

from datetime import datetime

from cryptography import x509

from amiproxy.x509.expiry import describe_time_left, expiry_state
from amiproxy.x509.facts import Facts

_SHOWN_SERIALS = 20


def describe_certificate(facts: Facts, now: datetime) -> str:
    """All facts about a certificate, a line each; the pin has the form that users.yaml accepts.

    ``now`` is an aware time.
    """
    state = expiry_state(facts.not_after, now)
    usages = ", ".join(facts.usages) or "any"
    left = f"{describe_time_left(facts.not_after, now)}: {state}"
    return _table(
        ("subject", facts.subject or "(none)"),
        ("issuer", facts.issuer),
        ("names", " ".join(facts.names) or "(none)"),
        ("use", f"{'CA' if facts.is_ca else usages}"),
        ("key", facts.key),
        ("signature", facts.signature_hash or "fixed by the key type"),
        ("serial", facts.serial),
        ("valid from", f"{facts.not_before:%Y-%m-%d %H:%M} UTC"),
        (
            "valid to",
            f"{facts.not_after:%Y-%m-%d %H:%M} UTC ({left})",
        ),
        ("sha256", facts.sha256),
        ("pin", f"spki:sha256/{facts.spki_sha256}"),
    )


def describe_revocation_list(crl: x509.CertificateRevocationList, now: datetime) -> str:
    """The list's issuer, its dates, and up to 20 of the serial numbers on it.  ``now`` is an aware time."""
    serials = [f"{entry.serial_number:02X}" for entry in crl]
    shown = " ".join(serials[:_SHOWN_SERIALS]) + (" …" if len(serials) > _SHOWN_SERIALS else "")
    due = crl.next_update_utc
    return _table(
        ("CRL of", crl.issuer.rfc4514_string()),
        ("issued", f"{crl.last_update_utc:%Y-%m-%d %H:%M} UTC"),
        ("next due", f"{due:%Y-%m-%d %H:%M} UTC ({describe_time_left(due, now)})" if due else "(not stated)"),
        ("revoked", f"{len(serials)}{': ' if serials else ''}{shown}"),
    )


def _table(*rows: tuple[str, str]) -> str:
    return "\n".join(f"  {label:<10}  {value}" for label, value in rows)
