"""A local AWS in this process, which all tests of operations share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.local_runner import in_process
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.server.app import App
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings

STAND_IN = Path(__file__).parents[1] / "stand_in.py"


@pytest.fixture(scope="session")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    """The services of the local AWS."""
    command = (sys.executable, "-S", str(STAND_IN))
    found = Regions(ServerSettings(tmp_path_factory.mktemp("aws"), command=command))
    yield found
    found.close()


@pytest.fixture(scope="session")
def aws(aws_class: Any, regions: Regions) -> Any:
    """One local AWS for all tests that do not stop it. Its clients are boto3's, with no server between."""
    found = aws_class(regions.settings.data, None, in_process.ENDPOINT)
    in_process.connect(found.session, App(regions))
    return found


@pytest.fixture
def context(regions: Regions, tmp_path: Path) -> Iterator[RequestContext]:
    """What an operation works with, for a test that calls it as a function. Its store is empty, and there is a bucket."""
    with closing(Store(tmp_path / "state")) as store:
        services = replace(regions.services("us-east-1"), store=store)
        if not services.objects.has_bucket("bucket"):
            services.objects.create_bucket("bucket")
        yield RequestContext(services)
