"""Two and three hosts, as processes and as containers on a network: every way of sharing data out, hosts without data, and
hosts that are lost."""

from __future__ import annotations

import gzip
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wildsage import algorithms

JOINED_WITHIN_S = 120
ENDED_WITHIN_S = 30
PROCESSES = [("processes", name) for name in algorithms.on_the_toolkit()]
WAYS = [*PROCESSES, ("containers", "kmeans")]
"""Places and algorithms. All algorithms are tried as processes, which run the code of containers, and one in containers as well."""


@pytest.fixture
def place(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def settings(hyperparameters, data) -> dict[str, str]:
    """Batches small enough for every host's share."""
    return {**hyperparameters, "mini_batch_size": {"rows": "50", "images": "8"}[data]}


@pytest.mark.parametrize(
    ("place", "name", "hosts", "distribution"),
    [
        *((*way, 2, "FullyReplicated") for way in PROCESSES),
        *((*way, 3, "ShardedByS3Key") for way in WAYS),
        ("containers", "image_classification", 2, "ShardedByS3Key"),
    ],
    indirect=["place", "name"],
)
def test_hosts_make_one_model(place, image, settings, put, hosts, distribution):
    """In containers too, also of image classification, whose hosts share gradients instead of sums. Which files a host gets is
    settled before one starts, wherever it runs.
    """
    outcome = place.train(image, settings, put(place, distribution=distribution), hosts)
    assert outcome.statuses == [0] * hosts, outcome.ending
    assert outcome.model


@pytest.mark.parametrize(("place", "name"), PROCESSES, indirect=True)
def test_a_manifest_is_shared_out_too(place, image, settings, put):
    channel = put(place)
    manifest = [{"prefix": "s3://bucket/train/"}, *(f"part-{number}.rec" for number in range(4))]
    place.objects.put("bucket", "listed.manifest", [json.dumps(manifest).encode()])
    source = {
        "S3DataType": "ManifestFile",
        "S3Uri": "s3://bucket/listed.manifest",
        "S3DataDistributionType": "ShardedByS3Key",
    }
    outcome = place.train(image, settings, channel | {"DataSource": {"S3DataSource": source}}, 2)
    assert outcome.statuses == [0, 0], outcome.ending
    assert outcome.model


@pytest.mark.parametrize(("place", "name"), WAYS, indirect=True)
def test_a_host_without_data_fails_the_job_in_the_originals_words(place, image, settings, put):
    outcome = place.train(image, settings, put(place, count=1, distribution="ShardedByS3Key"), 2)
    assert all(outcome.statuses) and outcome.model is None, outcome.ending
    assert outcome.reason.startswith("ClientError: No training data processed."), outcome.ending


@pytest.fixture
def endless(place, data, settings, put) -> tuple[dict[str, str], dict]:
    """Settings and a channel that keep hosts at work for minutes: many passes, or rows over and over, zipped to next to nothing."""
    channel = put(place, count=1)
    if data == "images":
        return settings | {"epochs": "100000"}, channel
    rows = place.objects.get("bucket", "train/part-0.rec").path.read_bytes()
    zipped = gzip.compress(rows * 100, compresslevel=1)
    place.objects.put("bucket", "train/part-0.rec", [zipped] * 200)  # members of one file follow each other
    return settings, channel | {"CompressionType": "Gzip", "InputMode": "Pipe"}


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), WAYS, indirect=True)
def test_a_host_killed_in_training_ends_the_job_with_a_reason(place, image, endless):
    settings, channel = endless
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(place.train, image, settings, channel, 2)
        deadline = time.monotonic() + JOINED_WITHIN_S
        while sum("Number of GPUs being used" in line for line in place.lines) < 2:
            assert time.monotonic() < deadline and not job.done(), place.lines
            time.sleep(0.05)
        place.running[1].kill()
        killed = time.monotonic()
        outcome = job.result(timeout=ENDED_WITHIN_S)
        assert time.monotonic() - killed < ENDED_WITHIN_S
    assert all(outcome.statuses) and outcome.model is None, outcome.ending
    assert re.match("AlgorithmError: algo-[12] ended with exit code 137", outcome.reason), outcome.ending
