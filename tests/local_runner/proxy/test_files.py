"""The files of the authority, which clients of the proxy read."""

from __future__ import annotations

from pathlib import Path

from wildsage.local_runner.proxy.authority import Authority
from wildsage.local_runner.proxy.files import BUNDLE, CERTIFICATE, KEY, TRUSTSTORE, authority_folder


def test_the_authority_writes_its_files_to_its_folder_below_the_data(tmp_path):
    folder = authority_folder(tmp_path)
    assert folder == tmp_path / "authority"
    Authority(folder)
    assert all(Path(folder, name).is_file() for name in (KEY, CERTIFICATE, BUNDLE, TRUSTSTORE))
