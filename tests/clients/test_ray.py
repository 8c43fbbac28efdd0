"""The recipe for Ray in docs/how_to/clusters.md, on a cluster of three nodes, against a job of three hosts of SageMaker."""

import hashlib
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests import forks
from wildsage.algorithms.base.ports import free_port
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("algo-1", "algo-2", "algo-3")
KMEANS = {"k": "2", "feature_dim": "2"}
WITHIN_S = 900

CLUSTER = """
import ray
from ray.cluster_utils import Cluster
unused = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **unused})
for _ in range(2):
    cluster.add_node(num_cpus=1)
ray.init(address=cluster.address)
"""

END = """
ray.shutdown()
cluster.shutdown()
"""

pytestmark = pytest.mark.slow


def recipe(rows: Path, model: Path) -> str:
    """The page's program, with this test's data."""
    page = (ROOT / "docs" / "how_to" / "clusters.md").read_text()
    [program] = re.findall(r"^```python\n(.*?TorchTrainer.*?)^```", page, re.DOTALL | re.MULTILINE)
    ours = {
        "s3://bucket/rows/": str(rows),
        "s3://bucket/models/first": str(model),
        '"k=10"': '"k=2"',
        "feature_dim=784": "feature_dim=2",
        "num_workers=4": "num_workers=3",
    }
    for published, here in ours.items():
        assert published in program
        program = program.replace(published, here)
    return program


def trained_by_sagemakers_contract(shares: list[bytes], folder: Path, containers: forks.Forks) -> dict[str, str]:
    """Digests of the model's files."""
    port = free_port()
    places = [OptML(folder / host) for host in HOSTS]
    running = []
    for place, host, share in zip(places, HOSTS, shares, strict=True):
        place.make_folders()
        place.channel("train").mkdir()
        (place.channel("train") / "rows.csv").write_bytes(share)
        TrainingJob(KMEANS, {"train": ChannelConfig("text/csv;label_size=0")}, host, HOSTS).write(place)
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SAGEMAKER_DATA_PATH": str(place.root)}
        environment = {**os.environ, "WILDSAGE_ALGORITHM": "kmeans", **meeting}
        command = containers.module("wildsage.containers", "train")
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    assert [process.wait(WITHIN_S) for process in running] == [0, 0, 0]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in places[0].model.iterdir()}


def test_rays_trainer_trains_the_model_that_sagemaker_trains_on_as_many_hosts(tool, tmp_path, containers_python):
    python = tool("ray", "bin", "python")
    rows = tmp_path / "rows"
    rows.mkdir()
    shares = ["".join(f"{row % 7},{(row * row) % 11}\n" for row in range(n, 600, 3)).encode() for n in range(3)]
    for number, share in enumerate(shares):
        (rows / f"{number}.csv").write_bytes(share)
    program = tmp_path / "program.py"
    program.write_text(CLUSTER + recipe(rows, tmp_path / "out") + END)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "HOME": str(tmp_path)}
    run = subprocess.run([python, program], env=environment, capture_output=True, text=True, timeout=WITHIN_S)
    assert run.returncode == 0, run.stdout + run.stderr
    with tarfile.open(tmp_path / "out" / "model.tar.gz") as archive:
        files = [member for member in archive if member.isfile()]
        found = {member.name: hashlib.sha256(archive.extractfile(member).read()).hexdigest() for member in files}
    assert found == trained_by_sagemakers_contract(shares, tmp_path, containers_python)
