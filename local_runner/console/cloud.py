"""What the pages show: the services of the server that also answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from flask import abort, current_app

from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.wire.regions import partitions

EXTENSION = "wildsage"
USER_AGENT = "wildsage-console"


class Cloud(Protocol):
    """A server's regions and what they share."""

    @property
    def settings(self) -> ServerSettings:
        """Options of the server."""

    @property
    def objects(self) -> ObjectStore:
        """The buckets and objects of S3."""

    @property
    def queue(self) -> Queue:
        """The queue of the jobs of all regions."""

    def services(self, region: str) -> Services:
        """The services of a region, which is opened if it has not been used."""


def cloud() -> Cloud:
    """The server of the current request."""
    return current_app.extensions[EXTENSION]


def used_regions() -> Iterator[Services]:
    """The services of every region that has been used, sorted by its name."""
    for folder in cloud().settings.existing_regions():
        yield cloud().services(folder.name)


def services_of(region: str) -> Services:
    """The services of a region that an address names. Responds 404 for one that has not been used."""
    if region not in {folder.name for folder in cloud().settings.existing_regions()}:
        abort(404, f"Nothing has been used in region {region}.")
    return cloud().services(region)


def operation_context(region: str) -> RequestContext:
    """What an operation needs that a page performs for its user."""
    if region not in partitions():
        abort(404, f"AWS has no region {region}.")
    return RequestContext(cloud().services(region), region, USER_AGENT)
