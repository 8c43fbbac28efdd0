"""Our images in the SageMaker SDK's own local mode, which starts them with docker compose and knows nothing of us."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

sagemaker = pytest.importorskip("sagemaker")

from sagemaker.deserializers import JSONDeserializer  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.local import LocalSession  # noqa: E402
from sagemaker.serializers import CSVSerializer  # noqa: E402
from sagemaker.telemetry import telemetry_logging  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
PROJECT_FOLDER = "com.docker.compose.project.working_dir"
"""The label by which docker compose says which folder a container was started from."""
CORNERS = np.array([[0, 0], [9, 0], [0, 9]], np.float32)


@pytest.fixture
def session(monkeypatch, tmp_path, engine) -> Iterator[LocalSession]:
    """A local session without AWS: nothing of it is asked."""
    # The SDK's own way to opt out, a file, has it check that file against a schema whenever it looks something up: for ten seconds.
    monkeypatch.setattr(telemetry_logging, "_send_telemetry_request", lambda *_: None)
    compose_v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True)
    if "v2" not in compose_v2.stdout and not shutil.which("docker-compose"):
        pytest.skip(
            "the SDK's local mode needs docker compose v2 or docker-compose; `make docker` installs one on Debian"
        )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }.items():
        monkeypatch.setenv(name, value)
    local = LocalSession()
    (tmp_path / "work").mkdir()
    local.config = {"local": {"local_code": True, "container_root": str(tmp_path / "work")}}
    yield local
    for container in started_below(engine, tmp_path, all=True):  # the SDK keeps those that have ended
        container.remove(force=True)


def started_below(engine, folder: Path, **options) -> list:
    """The containers that docker compose started from a folder below this one: those of this test and of no other program."""
    labelled = engine.containers.list(filters={"label": PROJECT_FOLDER}, **options)
    return [one for one in labelled if Path(one.labels[PROJECT_FOLDER]).is_relative_to(folder)]


@pytest.mark.slow
def test_fits_on_one_host_and_on_two_deploys_predicts_and_cleans_up(session, our_image, engine, tmp_path):
    rows = np.repeat(CORNERS, 40, axis=0) + np.random.default_rng(0).normal(0, 0.1, (120, 2)).astype(np.float32)
    (tmp_path / "train").mkdir()
    np.savetxt(tmp_path / "train" / "rows.csv", rows, fmt="%.5f", delimiter=",")
    fitted = [fit(session, our_image("kmeans"), tmp_path, instances) for instances in (1, 2)]
    assert all(Path(estimator.model_data.removeprefix("file://")).is_file() for estimator in fitted)
    # The local session waits for the container itself. With `wait` the SDK then asks after 30 s whether AWS has an endpoint.
    predictor = fitted[-1].deploy(1, "local", serializer=CSVSerializer(), deserializer=JSONDeserializer(), wait=False)
    try:
        answer = predictor.predict(CORNERS)["predictions"]
    finally:
        predictor.delete_endpoint()
    assert len({row["closest_cluster"] for row in answer}) == 3
    assert max(row["distance_to_cluster"] for row in answer) < 0.5
    assert started_below(engine, tmp_path, all=True) and not started_below(engine, tmp_path)


def fit(session: LocalSession, image: str, folder: Path, instances: int) -> Estimator:
    """Train on the rows of a folder on so many hosts."""
    estimator = Estimator(
        image_uri=image,
        role=ROLE,
        instance_count=instances,
        instance_type="local",
        output_path=f"file://{folder}/out-{instances}",
        sagemaker_session=session,
        hyperparameters={"k": 3, "feature_dim": 2, "mini_batch_size": 50},
    )
    estimator.fit({"train": TrainingInput(f"file://{folder}/train", content_type="text/csv;label_size=0")})
    return estimator
