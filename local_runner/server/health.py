"""Whether the server answers: a page for scripts and health checks, under a path that no bucket can have."""

from __future__ import annotations

import json

from werkzeug import Response

import wildsage
from wildsage.local_runner.operations import operations

PATH = "/_wildsage/health"


def page() -> Response:
    """JSON with the version and the names of the services."""
    services = sorted({"s3", *(service for service, _ in operations())})
    body = json.dumps({"status": "running", "version": wildsage.__version__, "services": services})
    return Response(body, content_type="application/json")
