"""A model for servers that something other than SageMaker starts: fetched and unpacked before they do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive, train_options
from wildsage.containers.contract.paths import ROOT_VARIABLE, OptML
from wildsage.containers.launchers import channels
from wildsage.containers.launchers.job_folder import MODEL_ARCHIVE


@contextmanager
def provided(arguments: Sequence[str]) -> Iterator[None]:
    """Within the block `SAGEMAKER_DATA_PATH` holds the model that `--model PLACE` names, a file or an object.

    Without the option nothing is prepared. Raises UserError for other options, and for what is not a model archive.
    """
    model = train_options.parse_serve(arguments)
    if not model:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="wildsage-", ignore_cleanup_errors=True) as root:
        Path(root).chmod(0o755)  # workers run as another user
        folder = OptML(Path(root))
        [found, *others] = channels.items("model", model)
        if others:
            raise UserError(f"--model {model}: {len(others) + 1} files, expected one, such as {MODEL_ARCHIVE}.")
        packed = folder.root / MODEL_ARCHIVE
        found.put(packed)
        archive.unpack(packed, folder.model)
        packed.unlink()
        os.environ[ROOT_VARIABLE] = root
        yield
