"""The archive of a script for containers that cannot reach S3 of this machine: it is there before they start."""

from __future__ import annotations

from collections.abc import Iterable

from wildsage.containers.contract import json_text
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import Objects, channel_files
from wildsage.local_runner.inputs.workspace import link_file

SUBMIT_DIRECTORY = "sagemaker_submit_directory"


def bring(uri: str | None, trees: Iterable[OptML], objects: Objects) -> None:
    """Place the object at `uri`, which may be JSON as in hyperparameters, in the folder of the code of every host.

    Anything but an S3 URI is left to the container. Raises InputError where there is no such object.
    """
    address = _decoded(uri or "")
    if not address.startswith("s3://"):
        return
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": address}}
    for tree in trees:
        (files,) = channel_files({"ChannelName": "code", "DataSource": source}, objects, hosts=1)
        for file in files:
            link_file(file, tree.code / file.name)


def _decoded(value: str) -> str:
    try:
        return str(json_text.parse(value))
    except ValueError:
        return value
