"""AWS's own descriptions of its services."""

from __future__ import annotations

from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

LOADER = Loader()
"""Reads the files that botocore ships. A session, which clients need, would take longer to make than most of them to read."""


@cache
def service_model(service: str) -> ServiceModel:
    """AWS's own description of a service, as botocore ships it. Raises botocore's UnknownServiceError."""
    return ServiceModel(LOADER.load_service_model(service, "service-2"), service)
