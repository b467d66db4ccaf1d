"""Certificates of a server that is reached by TLS, and the files that a client of it names."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class ServerCertificate:
    """A CA, a certificate for the names given, and one for a client; the files are in ``directory``."""

    def __init__(self, directory: Path, *names: str, expired: bool = False) -> None:
        self.directory = directory
        self.ca = trustme.CA()
        self.names = names or ("localhost", "127.0.0.1")
        self.ca_file = directory / "upstream-ca.crt"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        end = datetime.now(UTC) - timedelta(days=1) if expired else None
        self.leaf = self.ca.issue_cert(*self.names, not_after=end)
        client = self.ca.issue_cert("edge.example.org")
        self.chain, self.key = directory / "edge.crt", directory / "edge.key"
        self.chain.write_bytes(b"".join(pem.bytes() for pem in client.cert_chain_pems))
        self.key.write_bytes(client.private_key_pem.bytes())
        self.key.chmod(0o600)

    def context(self, *, asks: bool = False) -> ssl.SSLContext:
        """The server's side.  ``asks``: require a client certificate of the same CA."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.leaf.configure_cert(context)
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context
