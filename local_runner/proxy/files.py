"""Names of the authority's files: known to clients' environments, which need nothing else of the proxy."""

from __future__ import annotations

from pathlib import Path

KEY, CERTIFICATE, LOCK = "key.pem", "ca.pem", "lock"
BUNDLE, TRUSTSTORE = "bundle.pem", "truststore.p12"
TRUSTSTORE_PASSWORD = "changeit"  # what Java calls its own; there is no secret in a truststore


def authority_folder(data: Path) -> Path:
    """Where a data folder's certificate authority lies."""
    return data / "authority"
