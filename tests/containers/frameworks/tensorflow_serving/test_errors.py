"""Failures in the form of TensorFlow Serving."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.endpoint import HttpResponse
from wildsage.containers.frameworks.tensorflow_serving.errors import (
    InvalidArgument,
    ServableNotFound,
    ServingError,
    error_response,
)


@pytest.mark.parametrize(("kind", "status"), [(ServingError, 500), (InvalidArgument, 400), (ServableNotFound, 404)])
def test_a_failure_has_its_status_and_its_text_as_json(kind, status):
    expected = HttpResponse(status, '{ "error": "é \\"quoted\\"" }'.encode(), "application/json")
    assert kind('é "quoted"').response == expected == error_response(status, 'é "quoted"')
