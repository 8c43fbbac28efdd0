"""A data folder as servers leave it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.settings import ServerSettings


@pytest.fixture
def settings(tmp_path) -> ServerSettings:
    return ServerSettings(tmp_path)


@pytest.fixture
def stores(settings) -> Iterator[Callable[[str], Store]]:
    """The store of a region, which is used from then on."""
    with ExitStack() as opened:

        def open_store(region: str = "us-east-1") -> Store:
            folder = settings.region(region)
            folder.path.mkdir(parents=True, exist_ok=True)
            return opened.enter_context(closing(Store(folder.state)))

        yield open_store


@pytest.fixture
def store(stores) -> Store:
    return stores("us-east-1")


@pytest.fixture
def overview(settings, store) -> Iterator[Overview]:
    with closing(Overview(settings.data)) as overview:
        yield overview
