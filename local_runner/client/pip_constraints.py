"""Keeps the major version of the SageMaker SDK when a program calls pip.

Notebooks begin with `!pip install --upgrade sagemaker`. Version 3 of the SDK has none of version 2's modules, so such a
line breaks the notebook that holds it. The limits reach every pip below the program by environment variables.

Sources: pip's documentation of PIP_CONSTRAINT, uv's of UV_CONSTRAINT.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SDK = "sagemaker"
VARIABLES = ("PIP_CONSTRAINT", "UV_CONSTRAINT")
KEPT = "WILDSAGE_KEPT_SDK"


@contextmanager
def keep_sdk(environment: Mapping[str, str], upgrade_allowed: bool) -> Iterator[dict[str, str]]:
    """The variables to add to `environment`, so that pip keeps the installed major version; none if there is no SDK."""
    version = installed_version()
    if upgrade_allowed or version is None:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="wildsage-pip-") as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text(constraint(version) + "\n")
        files = {name: f"{environment.get(name, '')} {file}".strip() for name in VARIABLES}
        yield {**files, KEPT: str(file)}


def installed_version() -> str | None:
    """Version of the SDK beside this package, or None."""
    from importlib import metadata  # only here, since it brings the reader of e-mail

    try:
        return metadata.version(SDK)
    except metadata.PackageNotFoundError:
        return None


def constraint(version: str) -> str:
    """Any version with the same major version: `sagemaker>=2,<3` for 2.257.1."""
    major = int(version.split(".")[0])
    return f"{SDK}>={major},<{major + 1}"
