"""AWS's own descriptions of its services."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.model import ServiceModel


@cache
def service_model(service: str) -> ServiceModel:
    """AWS's own description of a service, as botocore ships it. Raises botocore's UnknownServiceError."""
    return botocore.session.get_session().get_service_model(service)
