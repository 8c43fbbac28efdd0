"""Where a serving container listens."""

from __future__ import annotations

import pytest

from wildsage.containers.serving import address


@pytest.mark.parametrize(
    ("variables", "bound"),
    [
        ({}, "127.0.0.1:8080"),
        ({"SAGEMAKER_HTTP_PORT": "8001"}, "127.0.0.1:8001"),
        ({"SAGEMAKER_HTTP_PORT": "8001", "SAGEMAKER_BIND_TO_PORT": "8002"}, "127.0.0.1:8002"),
        ({"SAGEMAKER_HTTP_PORT": "8001", "SAGEMAKER_BIND_TO_PORT": ""}, "127.0.0.1:8001"),
        ({"WILDSAGE_BIND_HOST": "0.0.0.0", "SAGEMAKER_HTTP_PORT": ""}, "0.0.0.0:8080"),
        ({"WILDSAGE_LISTEN_FD": "5", "SAGEMAKER_BIND_TO_PORT": "8002", "WILDSAGE_BIND_HOST": "0.0.0.0"}, "fd://5"),
        ({"WILDSAGE_LISTEN_FD": "", "SAGEMAKER_BIND_TO_PORT": "8002"}, "127.0.0.1:8002"),
    ],
)
def test_variables_say_where(variables, bound):
    assert address.bind(variables) == bound
    assert bound.startswith("fd://") or address.port(variables) == bound.rpartition(":")[2]
