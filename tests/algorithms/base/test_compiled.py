"""Where compiled functions are kept."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base import compiled

PROGRAM = """
from wildsage.algorithms.base.compiled import exact

@exact
def double(value):
    return 2 * value

print(double(3), double.stats.cache_path)
"""


@pytest.mark.parametrize(("mode", "kept"), [(0o755, 1), (0o777, 0)])
def test_a_folder_in_which_everybody_may_write_keeps_no_compiled_functions(tmp_path, mode, kept):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "__pycache__").mkdir(mode=0o755)
    (tmp_path / "__pycache__").chmod(mode)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=300)
    expected = f"6 {tmp_path / '__pycache__'}" if kept else "6 None"
    assert done.stdout.strip() == expected, done.stderr
    assert len(list((tmp_path / "__pycache__").iterdir())) == 2 * kept  # an index and the code


@pytest.mark.parametrize(
    ("user", "mode", "private"), [(1000, 0o755, True), (0, 0o755, True), (1001, 0o700, False), (1000, 0o757, False)]
)
def test_a_folder_is_private_that_belongs_to_the_user_or_root(monkeypatch, user, mode, private):
    monkeypatch.setattr(compiled.os, "getuid", lambda: 1000)
    folder = SimpleNamespace(stat=lambda: SimpleNamespace(st_uid=user, st_mode=mode))
    assert compiled.is_private(folder) == private
