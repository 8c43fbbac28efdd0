"""Writes docs/compatibility.md, what the local AWS can do, and docs/not_implemented.md: `python scripts/compatibility_page.py`.

The operations are those that botocore lists. The remark on an operation is the first paragraph of its function's docstring,
followed by the fields that it declares as unsupported.
"""

from __future__ import annotations

import inspect
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import botocore
import botocore.session
from botocore import xform_name

from wildsage.local_runner.operations import operations
from wildsage.local_runner.operations.unsupported import unsupported_fields
from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.s3.store import ObjectStore

DOCS = Path(__file__).parents[1] / "docs"
PAGE, OTHERS_PAGE = DOCS / "compatibility.md", DOCS / "not_implemented.md"
SERVICES = {
    "sagemaker": "SageMaker",
    "sagemaker-runtime": "SageMaker runtime",
    "s3": "S3",
    "logs": "CloudWatch Logs",
    "cloudwatch": "CloudWatch",
    "sts": "STS",
    "iam": "IAM",
    "ecr": "ECR",
}
WIDTH = 130
TITLE = """\
# Compatibility

This page lists what the local AWS answers, operation by operation. `python scripts/compatibility_page.py` writes it from the
code and from AWS's own description in botocore {version}; a test compares the two. An operation that is not implemented answers
`NotImplemented` with status 501; [not_implemented.md](not_implemented.md) lists them.
"""
RULES = """\
## Fields and rules

Requests are checked against that description, limits, enums and patterns included, and rejected in AWS's words. A field
whose effect is not implemented is rejected by name instead of being ignored. Fields about encryption (KMS keys), networks (`VpcConfig`),
prices, instances, profiling and debugging are accepted and shown again, but there is nothing here that they could act on.

Fields that act on containers do so here too:

- `EnableNetworkIsolation`: in Docker, the containers of a training job reach each other and nothing else. A serving container
  has an internal network: it reaches only what listens on all addresses of this machine, which asks it there. Without Docker,
  a training job of one host and a server of the built-in algorithms get a network namespace of their own. Where the machine has
  none, and for several hosts, the request is rejected.
- `ContainerStartupHealthCheckTimeoutInSeconds`: the time until the first healthy `/ping`; 240 s without it.
- `ModelDataDownloadTimeoutInSeconds`: the time until the model is unpacked.
- `VolumeSizeInGB` of a training job: the input of a host in File mode must fit into it, except on instances with own disks.
- `Environment`: the variables of the container.
- `MultiModelConfig.ModelCacheSetting` Disabled: a model is unloaded after its last request.
- `TensorBoardOutputConfig`: the folder's files are stored below `S3OutputPath/JOB/tensorboard-output` while the job runs and at
  its end. Without Docker the folder must lie below /opt/ml.

`VolumeSizeInGB` of an endpoint's variants has no effect: its containers use this machine's disk.

AWS's documented rules beyond the shapes are kept too, in its words where they are known. The modules
`*_rules.py` in `local_runner/operations` list them.

Regions are apart, as on AWS: the region that a request is signed for has its own jobs, models, endpoints, experiments,
repositories and logs, in its own folder `regions/REGION` of the data folder. Buckets have a region too, but every region
finds them by name. A region that AWS does not have is rejected.

## Strict and lenient

What AWS rejects is rejected here, so that code which passes here does not fail there. Where old notebooks rely on something
that AWS rejects by now, it works here with a warning, unless `--strict` is given to `wildsage up` or `run`. The pytest
fixture is always strict.

| what | lenient: `up`, `run` | strict: `up --strict`, `run --strict`, the pytest fixture |
|---|---|---|
| an image of another region than the request's | runs; the log of each container and the terminal warn | `Cross region ECR image pulls are not allowed` |
| roles, and permissions of any kind | every role may do everything | the same |
| memory of a serverless endpoint | not limited; its MaxConcurrency is | the same |
| prices, quotas of instance types | not checked; 100 instances of any type at a time | the same |
"""  # noqa: E501  a row of a table stands whole


OTHERS_INTRODUCTION = """\
# Operations that are not implemented

Each of these answers `NotImplemented` with status 501 and its name. [compatibility.md](compatibility.md) lists those that work.
`python scripts/compatibility_page.py` writes both pages, with the operations of botocore {version}.
"""


def page() -> str:
    """The page of what works, in Markdown."""
    sections = [_section(service, title) for service, title in SERVICES.items()]
    return "\n".join([TITLE.format(version=botocore.__version__), _overview(), RULES, *sections])


def others_page() -> str:
    """The page of what does not, in Markdown."""
    sections = [_others(service, title) for service, title in SERVICES.items()]
    return "\n".join([OTHERS_INTRODUCTION.format(version=botocore.__version__), *filter(None, sections)])


def names(service: str) -> list[str]:
    """All operations of a service, as botocore lists them."""
    return sorted(botocore.session.get_session().get_service_model(service).operation_names)


def answered(service: str) -> dict[str, Callable[..., Any]]:
    """Operations of a service that the local AWS answers, each with the function that answers it."""
    found: Mapping[str, Callable[..., Any]]
    if service == "s3":
        with tempfile.TemporaryDirectory() as folder:
            found = S3(ObjectStore(Path(folder))).operations
        return {name: found[name] for name in names(service) if name in found}
    here = operations()
    return {name: here[service, xform_name(name)] for name in names(service) if (service, xform_name(name)) in here}


def remark(function: Callable[..., Any]) -> str:
    """First paragraph of the docstring of a function, or of what a partial calls, and its unsupported fields."""
    function = function.func if isinstance(function, partial) else function
    paragraph = (inspect.getdoc(function) or "").partition("\n\n")[0]
    fields = unsupported_fields(function)
    text = f"{paragraph} Rejected: {', '.join(fields)}." if fields else paragraph
    return " ".join(text.split()).replace("|", "\\|")


def _overview() -> str:
    rows = [f"| {title} | {len(answered(service))} | {len(names(service))} |" for service, title in SERVICES.items()]
    return "\n".join(["| service | answered | of |", "|---|---|---|", *rows, ""])


def _section(service: str, title: str) -> str:
    rows = [f"| {name} | {remark(function)} |" for name, function in answered(service).items()]
    return "\n".join([f"## {title}", "", "| operation | remarks |", "|---|---|", *rows, ""])


def _others(service: str, title: str) -> str:
    here = answered(service)
    others = ", ".join(name for name in names(service) if name not in here)
    return "\n".join([f"## {title}", "", *textwrap.wrap(others, WIDTH), ""]) if others else ""


if __name__ == "__main__":
    PAGE.write_text(page())
    OTHERS_PAGE.write_text(others_page())
