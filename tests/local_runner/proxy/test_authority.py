"""The authority's files and what its certificates are good for."""

from __future__ import annotations

import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from wildsage.containers.contract.host_check import is_aws_host
from wildsage.local_runner.proxy import authority
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
