"""What a container's users may read of a job's tree, without an engine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("docker")

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch
from wildsage.local_runner.backends.docker import _mounts


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_user_of_a_container_reads_its_files_and_none_may_write_more_than_before(tmp_path):
    tree = OptML(tmp_path / "job")
    outside = tmp_path / "outside"
    outside.touch(0o600)
    before = os.umask(0o077)
    try:
        tree.make_folders()
        (tree.data / "train").mkdir()
        (tree.data / "train" / "rows.csv").write_text("1,2")
        (tree.data / "train" / "link").symlink_to(outside)
        (tree.data / "train" / "rows.csv").chmod(0o400)
    finally:
        os.umask(before)
    list(_mounts(Launch("image", tree.root, {}, {}, print)))
    assert mode(tree.data / "train" / "rows.csv") == 0o444
    assert {mode(folder) for folder in tree.root.rglob("*") if folder.is_dir()} == {0o755}
    assert mode(outside) == 0o600
