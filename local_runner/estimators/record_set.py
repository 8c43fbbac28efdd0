"""Rows in S3 for a training channel: one object of records per instance, and a manifest that lists the objects."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sagemaker.core.shapes import Channel, DataSource, S3DataSource

from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor

RECORDIO_PROTOBUF = "application/x-recordio-protobuf"


@dataclass
class RecordSet:
    """The records of a channel. `s3_data` is the URI of a manifest, or a prefix if `s3_data_type` is S3Prefix.

    `record_set` of an estimator uploads rows and returns one. This one is of records that are in S3 already: `num_records`
    rows of `feature_dim` columns. Source: `sagemaker.amazon.amazon_estimator.RecordSet` of SDK v2.

    >>> from wildsage import RecordSet
    >>> train = RecordSet("s3://my-bucket/train/", num_records=300, feature_dim=3, s3_data_type="S3Prefix")
    >>> train.data_channel("Pipe").channel_name
    'train'
    """

    s3_data: str
    num_records: int
    feature_dim: int
    s3_data_type: str = "ManifestFile"
    channel: str = "train"
    distribution: str = "ShardedByS3Key"

    def data_channel(self, input_mode: str) -> Channel:
        """The entry of a training job's InputDataConfig."""
        source = S3DataSource(
            s3_data_type=self.s3_data_type, s3_uri=self.s3_data, s3_data_distribution_type=self.distribution
        )
        return Channel(channel_name=self.channel, data_source=DataSource(s3_data_source=source), input_mode=input_mode)


def upload(s3: Any, folder: str, shards: int, rows_nd: NDArray, labels_n: NDArray | None, encrypt: bool) -> str:
    """Write rows (n, d) and labels (n,) below `folder`, `s3://bucket/prefix/`, and return the manifest's URI.

    `s3` is a boto3 client. Raises ValueError for fewer rows than `shards`.
    """
    if len(rows_nd) < shards:
        raise ValueError(f"Got {len(rows_nd)} rows for {shards} instances, expected at least one row per instance.")
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    extra = {"ServerSideEncryption": "AES256"} if encrypt else {}
    names = []
    for number, (start, stop) in enumerate(_row_ranges(len(rows_nd), shards)):
        names.append(f"matrix_{number:0{len(str(shards))}d}.pbr")
        with tempfile.TemporaryFile() as file:
            write_numpy_to_dense_tensor(file, rows_nd[start:stop], None if labels_n is None else labels_n[start:stop])
            file.seek(0)
            s3.put_object(Bucket=bucket, Key=f"{prefix}{names[-1]}", Body=file, **extra)
    manifest = json.dumps([{"prefix": folder}, *names])
    s3.put_object(Bucket=bucket, Key=f"{prefix}.amazon.manifest", Body=manifest.encode(), **extra)
    return f"{folder}.amazon.manifest"


def _row_ranges(rows: int, shards: int) -> list[tuple[int, int]]:
    """(start, stop) of equal parts, as in SDK v2: the last part also takes the remaining rows."""
    starts = np.arange(shards) * (rows // shards)
    return list(zip(starts.tolist(), [*starts[1:].tolist(), rows], strict=True))
