"""The authority's files and what its certificates are good for."""

from __future__ import annotations

import contextlib
import fcntl
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from wildsage.containers.contract.host_check import AWS_DOMAINS, is_aws_host
from wildsage.local_runner.proxy import authority, files
from wildsage.local_runner.proxy.authority import Authority
from wildsage.local_runner.proxy.files import TRUSTSTORE_PASSWORD


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("sts.us-east-1.amazonaws.com", True),
        ("my.bucket.S3.AmazonAWS.com", True),
        ("sagemaker.cn-north-1.amazonaws.com.cn", True),
        ("amazonaws.com", False),
        ("notamazonaws.com", False),
        ("amazonaws.com.example.org", False),
        ("", False),
    ],
)  # fmt: skip
def test_which_names_are_amazons(host, answer):
    assert is_aws_host(host) is answer


def test_the_key_is_its_owners_alone_and_stays(tmp_path):
    folder = tmp_path / "deep" / "authority"
    first = Authority(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert Authority(folder).certificate == first.certificate
    assert {path.name for path in folder.iterdir()} == {"key.pem", "ca.pem", "bundle.pem", "truststore.p12", "lock"}


def test_two_at_once_are_one(tmp_path):
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: Authority(tmp_path).certificate, range(4)))
    assert all(certificate == found[0] for certificate in found)


def test_one_that_ends_soon_is_made_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(authority, "CA_LIFETIME", timedelta(days=20))
        old = Authority(tmp_path).certificate
    new = Authority(tmp_path).certificate
    assert new != old
    assert new.not_valid_after_utc > datetime.now(UTC) + timedelta(days=3000)


def test_no_certificate_for_other_names(tmp_path):
    with pytest.raises(ValueError, match=r"example\.org is not an AWS host"):
        Authority(tmp_path).context("example.org")


def handshake(server: ssl.SSLContext, cafile: Path | None, host: str) -> str:
    """Both ends of TLS in memory; the protocol both agreed on."""
    client = ssl.create_default_context(cafile=cafile)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname=host)
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (theirs, ours):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return theirs.version()


@pytest.mark.parametrize("host", ["sts.us-east-1.amazonaws.com", f"{'b' * 63}.s3.eu-west-1.amazonaws.com"])
def test_clients_with_the_bundle_trust_it(tmp_path, host):
    authority = Authority(tmp_path)
    assert handshake(authority.context(host), authority.bundle, host) == "TLSv1.3"
    assert authority.context(host) is authority.context(host)


def test_clients_without_the_bundle_do_not(tmp_path):
    host = "sts.us-east-1.amazonaws.com"
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(Authority(tmp_path).context(host), None, host)


def test_a_stolen_key_is_useless_for_other_names(tmp_path, monkeypatch):
    owner = Authority(tmp_path)
    monkeypatch.setattr(authority, "is_aws_host", lambda host: True)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(owner.context("example.org"), owner.bundle, "example.org")


def test_java_gets_it_in_its_own_format_and_others_beside_the_usual_ones(tmp_path):
    owner = Authority(tmp_path)
    content = pkcs12.load_pkcs12(owner.truststore.read_bytes(), TRUSTSTORE_PASSWORD.encode())
    assert [entry.certificate for entry in content.additional_certs] == [owner.certificate]
    assert owner.bundle.read_text().count("BEGIN CERTIFICATE") > 50


def extension(certificate: x509.Certificate, kind: type) -> x509.Extension:
    return certificate.extensions.get_extension_for_class(kind)


def leaf(owner: Authority, host: str) -> x509.Certificate:
    """The certificate that a client is shown, read from a handshake."""
    client = ssl.create_default_context(cafile=owner.bundle)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname=host)
    ours = owner.context(host).wrap_bio(to_server, to_client, server_side=True)
    for end in (theirs, ours, theirs, ours):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return x509.load_der_x509_certificate(theirs.getpeercert(binary_form=True))


def test_the_authority_signs_certificates_of_servers_alone(tmp_path):
    certificate = Authority(tmp_path).certificate
    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    names = extension(certificate, x509.NameConstraints)
    assert names.critical and names.value.excluded_subtrees is None
    assert {name.value for name in names.value.permitted_subtrees} == set(AWS_DOMAINS)
    assert certificate.issuer == certificate.subject and "Wildsage" in certificate.subject.rfc4514_string()


def test_a_certificate_is_a_servers_and_signs_nothing(tmp_path):
    owner = Authority(tmp_path)
    certificate = leaf(owner, "sts.us-east-1.amazonaws.com")
    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    assert (basic.critical, basic.value.ca) == (True, False)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    assert not any(getattr(usage.value, name) for name in others)
    names, purposes = extension(certificate, x509.SubjectAlternativeName), extension(certificate, x509.ExtendedKeyUsage)
    assert (names.critical, names.value.get_values_for_type(x509.DNSName)) == (True, ["sts.us-east-1.amazonaws.com"])
    assert (purposes.critical, list(purposes.value)) == (False, [ExtendedKeyUsageOID.SERVER_AUTH])
    assert certificate.issuer == owner.certificate.subject
    for signed in (certificate, owner.certificate):
        for kind in (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier):
            assert not extension(signed, kind).critical


def test_certificates_hold_from_yesterday_for_ten_years_and_for_one(tmp_path):
    owner, now = Authority(tmp_path), datetime.now(UTC)
    for certificate, days in ((owner.certificate, 3650), (leaf(owner, "sts.us-east-1.amazonaws.com"), 365)):
        assert abs(certificate.not_valid_before_utc - (now - timedelta(days=1))) < timedelta(minutes=10)
        assert abs(certificate.not_valid_after_utc - (now + timedelta(days=days))) < timedelta(minutes=10)


@pytest.mark.parametrize(("days", "kept"), [(31, True), (29, False)])
def test_an_authority_is_kept_until_its_last_thirty_days(tmp_path, monkeypatch, days, kept):
    with monkeypatch.context() as patch:
        patch.setattr(authority, "CA_LIFETIME", timedelta(days=days))
        old = Authority(tmp_path).certificate
    assert (Authority(tmp_path).certificate == old) is kept


def test_a_key_of_another_kind_and_a_file_that_is_not_a_key_are_damage(tmp_path):
    Authority(tmp_path)
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content, text in ((pem, "expected a key on an elliptic curve"), (b"no key", "PEM")):
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(ValueError, match=text):
            Authority(tmp_path)


@pytest.mark.parametrize("name", ["key.pem", "ca.pem"])
def test_an_authority_without_one_of_its_files_is_made_anew(tmp_path, name):
    old = Authority(tmp_path).certificate
    (tmp_path / name).unlink()
    assert Authority(tmp_path).certificate != old


def test_those_who_come_at_once_wait_for_each_other(tmp_path):
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=Authority, args=(tmp_path,))
        other.start()
        other.join(0.2)
        assert other.is_alive() and not (tmp_path / "key.pem").exists()
    other.join()
    assert (tmp_path / "key.pem").exists()


def test_a_server_speaks_http_1(tmp_path):
    client = ssl.create_default_context(cafile=(owner := Authority(tmp_path)).bundle)
    client.set_alpn_protocols(["h2", "http/1.1"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_hostname="sts.amazonaws.com")
    ours = owner.context("sts.amazonaws.com").wrap_bio(to_server, to_client, server_side=True)
    for end in (theirs, ours, theirs, ours):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    assert theirs.selected_alpn_protocol() == "http/1.1"


def test_the_files_for_clients_are_written_at_each_start(tmp_path):
    owner = Authority(tmp_path)
    for path in (owner.bundle, owner.truststore):
        path.unlink()
    Authority(tmp_path)
    for path in (owner.bundle, owner.truststore):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.authority_folder(Path("/data")) == Path("/data/authority")
