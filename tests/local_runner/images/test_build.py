"""How `wildsage build` builds: what it fetches, how it calls the engine, and what it leaves; images are tested where they run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.__main__ import app
from wildsage.local_runner.images import build

FETCH = build._fetch
DOCKER = """\
#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open({calls!r}, "a") as calls:
    print(json.dumps(words + [os.environ.get("DOCKER_BUILDKIT", "")]), file=calls)
if words[0] == "--version":
    print("Docker version {version}, build 0")
elif words[0] == "buildx":
    sys.exit(0 if {buildx} and print("github.com/docker/buildx v0.14.0") is None else 1)
elif words[:2] == ["image", "inspect"]:
    sys.exit(1)
elif words[0] == "build":
    sys.exit({status})
"""


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


class Docker:
    """A `docker` command that writes down how it was called: a command's last word is its DOCKER_BUILDKIT."""

    def __init__(self, folder: Path, version: str = "28.2.2", buildx: bool = False, status: int = 0) -> None:
        self._calls = folder / "calls"
        command = folder / "docker"
        command.write_text(DOCKER.format(calls=str(self._calls), version=version, buildx=buildx, status=status))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self._calls.read_text().splitlines()]

    def called(self, word: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] == word]


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Puts a `docker` command on the PATH; pip has nothing to fetch, and of the sources there is what an image is built by."""
    sources = tmp_path / "sources"
    shutil.copytree(build.ROOT / "containers" / "docker", sources / "containers" / "docker")
    shutil.copy(build.ROOT / "containers" / "Dockerfile", sources / "containers")
    shutil.copy(build.ROOT / "pyproject.toml", sources)
    for part in build.PARTS:
        (sources / part).mkdir(exist_ok=True)
    monkeypatch.setattr(build, "ROOT", sources)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    monkeypatch.setattr(build, "_fetch", lambda *_: None)
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path))  # its lock is not that of builds outside this test
    return lambda **options: Docker(tmp_path, **options)


@pytest.mark.parametrize("command", ["build", "push"])
def test_every_command_explains_itself_with_examples(command):
    status, text = said(command, "--help")
    assert status == 0 and f"wildsage {command}" in text


@pytest.mark.parametrize("command", ["build", "push"])
def test_an_unknown_algorithm_is_rejected_before_anything_is_fetched(command):
    status, text = said(command, "kmean")
    assert status == 2 and "Did you mean kmeans?" in text and "runner" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], "--all"), (["--all", "kmeans"], "--all"), (["--all", "--tag", "mine:1"], "--tag names one image")],
)
def test_what_to_build_is_said_in_one_way(arguments, expected):
    status, text = said("build", *arguments)
    assert status == 2 and expected in text


def test_without_docker_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    status, text = said("build", "kmeans")
    assert status == 3 and "install Docker" in text


def test_packages_that_pip_cannot_find_are_named_with_what_to_do(docker, monkeypatch, tmp_path):
    docker()
    monkeypatch.setattr(build, "_fetch", FETCH)
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    status, text = said("build", "kmeans")
    assert status == 3 and "pip cannot" in text and "==" in text


@pytest.mark.parametrize(
    ("version", "buildx", "expected"),
    [
        ("28.2.2", True, "1"),
        ("28.2.2", False, "0"),
        ("23.0.0", False, "0"),
        ("22.06.0-beta.0", False, "1"),
        ("20.10.24+dfsg1", False, "1"),
        ("19.03.15", False, "1"),
        ("18.06.1", False, "0"),
    ],
)
def test_buildkit_builds_where_the_command_has_it(docker, tmp_path, version, buildx, expected):
    called = docker(version=version, buildx=buildx)
    build.Engine.found(os.environ).build(tmp_path, "tag", {"A": "1"}, "--target", "b")
    (words,) = called.called("build")
    assert words[-1] == expected and ("--force-rm" in words) == (expected == "0")
    places = ["--file", str(tmp_path / "containers/Dockerfile"), "--tag", "tag"]
    assert [word for word in words[1:-1] if word != "--force-rm"] == [
        *("--target", "b"),
        *places,
        *("--build-arg", "A=1"),
        str(tmp_path),
    ]


def test_each_image_is_announced(docker):
    docker()
    told: list[str] = []
    build.build(["kmeans"], "cpu", "mine:1", told.append)
    assert told == [
        "Fetching the packages that all images share, with pip …",
        "Building wildsage/packages:cpu …",
        "Building mine:1 …",
    ]


def test_the_users_choice_of_a_builder_stands(docker, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    called = docker(buildx=True)
    build.Engine.found(os.environ).build(tmp_path, "tag", {})
    assert called.called("build")[0][-1] == "0"


def test_all_images_stand_on_one_image_of_packages(docker):
    called = docker()
    assert build.build(["kmeans", "knn"], "cuda", None, lambda _: None) == ["wildsage/kmeans:cuda", "wildsage/knn:cuda"]
    packages, *images = called.called("build")
    assert packages[packages.index("--tag") + 1] == "wildsage/packages:cuda"
    assert not [word for word in packages if word.startswith("ALGORITHM=")]
    for words, algorithm in zip(images, ("kmeans", "knn"), strict=True):
        assert {f"ALGORITHM={algorithm}", "TARGET=cuda", "PACKAGES=wildsage/packages:cuda"} <= set(words)


@pytest.mark.parametrize("status", [0, 1])
def test_what_has_no_name_is_removed_also_after_a_failure(docker, status):
    called = docker(status=status)
    try:
        build.build(["kmeans"], "cpu", None, lambda _: None)
    except PlatformError:
        assert status
    pruned = [words for words in called.called("image") if words[1] == "prune"]
    assert pruned and pruned[-1][-2] == f"label={build.OURS}"
    assert called.calls[-1] == pruned[-1]


def test_an_image_is_built_from_the_sources_and_nothing_else():
    with build._context((*build.PARTS, "pyproject.toml")) as context:
        assert sorted(path.name for path in context.iterdir()) == sorted([*build.PARTS, "pyproject.toml"])
        assert (context / "algorithms" / "kmeans" / "algorithm.py").read_bytes()
        assert (context / "wildsage" / "containers").is_symlink()
        assert not [*context.rglob("__pycache__")]
    assert not context.exists()


def test_what_was_installed_without_its_sources_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    with pytest.raises(PlatformError, match=f"which {tmp_path} does not hold: use a clone"), build._context(("a",)):
        pass


def test_our_code_does_not_change_the_image_of_packages(tmp_path):
    with build._context(("containers",)) as context:
        before = build._hash(context, "cpu")
        (context / "containers" / "train.py").write_text("")
        (context / "containers" / "docker" / "install-wildsage").write_text("")
        assert build._hash(context, "cpu") == before != build._hash(context, "cuda")
        (context / "containers" / "docker" / "packages.txt").write_text("numpy\n")
        assert build._hash(context, "cpu") != before


def test_wheels_come_with_a_pip_that_installs_them(tmp_path, monkeypatch):
    """Of an algorithm whose only extra package is a wheel made here; pip itself comes from the index of this machine."""
    monkeypatch.setattr(build, "_picked", lambda *_: "wildsage-nothing==1.0 --hash=sha256:" + empty_wheel(tmp_path))
    monkeypatch.setenv("PIP_FIND_LINKS", f"{os.environ.get('PIP_FIND_LINKS', '')} {tmp_path}".strip())
    with build._context(("containers",)) as context:
        build._fetch(context, "cpu", "any")
        wheels = sorted(path.name.split("-")[0] for path in (context / "containers/docker/wheels").iterdir())
    assert wheels == ["pip", "wildsage_nothing"]


def empty_wheel(folder: Path) -> str:
    """Write a wheel without modules; returns its SHA-256."""
    path = folder / "wildsage_nothing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        information = "wildsage_nothing-1.0.dist-info"
        wheel.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: wildsage-nothing\nVersion: 1.0\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("fails", [True, False])
def test_no_image_without_a_name_is_left_by_the_engine_here(engine, tmp_path, monkeypatch, fails):
    """A real build of two stages; images of other builds, which bear another label, stay."""
    label = f"org.wildsage.test={tmp_path.name}"
    monkeypatch.setattr(build, "OURS", label)
    context = tmp_path / "context"
    (context / "containers").mkdir(parents=True)
    (context / "containers" / "Dockerfile").write_text(
        f"FROM scratch AS one\nLABEL {label}\nCOPY containers /a\n"
        f"FROM scratch\nLABEL {label}\nCOPY --from=one /a/{'nothing' if fails else 'Dockerfile'} /b\n"
    )
    tag = f"wildsage-test/stages:{tmp_path.name.lower()}"
    builder = build.Engine.found(os.environ)
    try:
        if fails:
            with pytest.raises(PlatformError):
                builder.build(context, tag, {})
        else:
            builder.build(context, tag, {})
            assert engine.images.get(tag)
        builder.remove_dangling()
        assert engine.images.list(filters={"dangling": True, "label": label}) == []
    finally:
        builder.output("image", "rm", tag)


def test_builds_wait_for_each_other(docker):
    docker()
    messages: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with build._one_at_a_time(messages.append):
            other = pool.submit(build.build, ["kmeans"], "cpu", None, messages.append)
            while not messages:
                assert not other.done()
            assert messages == ["Waiting for another `wildsage build` to end …"]
        assert other.result() == ["wildsage/kmeans:cpu"]
