"""The page for health checks."""

from __future__ import annotations

import wildsage
from wildsage.local_runner.operations import operations
from wildsage.local_runner.server import health


def test_the_page_names_the_version_and_the_services():
    page = health.page()
    assert (page.status_code, page.content_type) == (200, "application/json")
    found = page.get_json()
    assert (found["status"], found["version"]) == ("running", wildsage.__version__)
    assert found["services"] == sorted(found["services"])
    assert set(found["services"]) == {"s3"} | {service for service, _ in operations()}
    assert {"sagemaker", "sts", "logs"} <= set(found["services"])
