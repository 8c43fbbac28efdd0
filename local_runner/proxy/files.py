"""Names of the authority's files. The environment of clients needs them without importing the proxy."""

from __future__ import annotations

from pathlib import Path

KEY, CERTIFICATE, LOCK = "key.pem", "ca.pem", "lock"
BUNDLE, TRUSTSTORE = "bundle.pem", "truststore.p12"
TRUSTSTORE_PASSWORD = "changeit"  # Java's default password; a truststore holds no secret


def authority_folder(data: Path) -> Path:
    """Folder of the certificate authority in a data folder."""
    return data / "authority"
