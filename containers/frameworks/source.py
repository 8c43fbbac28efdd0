"""Brings the user's code into a folder: an archive or a file in S3, or an archive, a file or a folder of the container.

Source: contract script-mode, sections 1 and 2.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive
from wildsage.containers.contract.paths import DEFAULT_ROOT, OptML


def bring(uri: str, target: Path, opt_ml: OptML) -> None:
    """Bring the code at `uri` (s3://bucket/key, file://path or a path) into the folder `target`.

    A path below /opt/ml is one of this container. An object of S3 may lie in `target` already, where the container cannot
    reach S3. Raises UserError where there is no code, or it cannot be unpacked.
    """
    address = urlsplit(uri)
    target.mkdir(parents=True, exist_ok=True)
    if address.scheme == "s3":
        if (brought := target / Path(address.path).name).is_file():
            _place(brought, target)
            return
        with tempfile.TemporaryDirectory() as folder:
            downloaded = Path(folder) / (Path(address.path).name or "code")
            _download(address.netloc, address.path.lstrip("/"), downloaded, uri)
            _place(downloaded, target)
        return
    source = _local(address.path if address.scheme == "file" else uri, opt_ml)
    if not source.exists():
        raise UserError(
            f"The code at {uri} does not exist. sagemaker_submit_directory names a folder or a tar.gz archive."
        )
    _place(source, target)


def _local(path: str, opt_ml: OptML) -> Path:
    return opt_ml.inside(path) if Path(path).is_relative_to(DEFAULT_ROOT) else Path(path)


def _place(source: Path, target: Path) -> None:
    if source.is_dir():
        if source.resolve() != target.resolve():
            shutil.copytree(source, target, dirs_exist_ok=True)
    elif archive.is_archive(source):
        archive.unpack(source, target)
    elif source.parent != target:
        shutil.copy(source, target / source.name)


def _download(bucket: str, key: str, target: Path, uri: str) -> None:
    import boto3  # a quarter of a second that only code in S3 needs
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        boto3.client("s3").download_file(bucket, key, str(target))
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"The code at {uri} cannot be downloaded: {error}") from None
