"""A certificate authority for AWS host names alone, and the certificates that it signs.

Its key lies in the data folder, readable by the owner only. Nothing is added to a trust store of the system. Name
constraints (RFC 5280, section 4.2.1.10) make its certificates invalid for any other name, even if the key leaks.
"""

from __future__ import annotations

import fcntl
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wildsage.containers.contract.host_check import AWS_DOMAINS, is_aws_host
from wildsage.local_runner.proxy.files import BUNDLE, CERTIFICATE, KEY, LOCK, TRUSTSTORE, TRUSTSTORE_PASSWORD

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
RENEW_WITHIN = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)
CACHED_HOSTS = 512


class Authority:
    """The authority in a folder, created on first use. Raises ValueError if a file is damaged.

    Files: `key.pem` (mode 0600) and `ca.pem`. For clients: `bundle.pem`, the usual authorities and this one, and
    `truststore.p12` for Java, with this one alone.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.bundle = folder / BUNDLE
        self.truststore = folder / TRUSTSTORE
        with _locked(folder):
            self._key, self.certificate = _load(folder) or _create(folder)
            self._write_bundles()
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self.context = lru_cache(CACHED_HOSTS)(self._context)

    def _context(self, host: str) -> ssl.SSLContext:
        """The TLS context of a server that answers as `host`. Raises ValueError if `host` is not an AWS host."""
        if not is_aws_host(host):
            raise ValueError(f"{host} is not an AWS host, so the authority does not sign a certificate for it.")
        chain = [_sign_leaf(host, self._leaf_key, self.certificate, self._key), self.certificate]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with tempfile.NamedTemporaryFile() as file:  # mode 0600; `ssl` loads from files only
            file.write(_private_pem(self._leaf_key) + b"".join(map(_pem, chain)))
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _write_bundles(self) -> None:
        _replace(self.bundle, Path(certifi.where()).read_bytes() + b"\n" + _pem(self.certificate))
        trusted = [pkcs12.PKCS12Certificate(self.certificate, b"wildsage")]
        password = BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
        _replace(self.truststore, pkcs12.serialize_java_truststore(trusted, password))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock, so that two proxies that start together do not create two authorities."""
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
    """Key and certificate; None if they are missing or expire soon. Raises ValueError for a damaged file."""
    try:
        key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except FileNotFoundError:
        return None
    if certificate.not_valid_after_utc < datetime.now(UTC) + RENEW_WITHIN:
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / KEY} is a {type(key).__name__}, expected a key on an elliptic curve")
    return key, certificate


def _create(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key)
    _replace(folder / CERTIFICATE, _pem(certificate))
    _replace(folder / KEY, _private_pem(key))
    return key, certificate


def _replace(path: Path, content: bytes) -> None:
    """Replace a file at once, with mode 0600."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as partial:
        partial.write(content)
    Path(partial.name).replace(path)


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    names = [x509.DNSName(domain) for domain in AWS_DOMAINS]
    ours = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wildsage on this machine")])
    return (
        _builder(ours, key.public_key(), ours, key.public_key(), CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _sign_leaf(
    host: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    # The host is an alternative name: a common name has at most 64 characters, a bucket's host more.
    no_subject = x509.Name([])
    return (
        _builder(no_subject, key.public_key(), issuer.subject, issuer_key.public_key(), LEAF_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePublicKey,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
