"""The variants of an endpoint with their shares of the requests, and what a request has to name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from wildsage.local_runner.console.endpoint_view import direct_containers, takes_target_model, variants
from wildsage.local_runner.jobs.hosting.invocations import InvocationTimes


def endpoint(*weights: float, mode: str = "SingleModel", execution: str = "Serial") -> dict:
    containers = [{"Name": name, "Mode": mode} for name in ("first", "second")]
    found = [
        {
            "VariantName": f"v{number}",
            "Weight": weight,
            "InstanceCount": number + 1,
            "Containers": containers,
            "ExecutionMode": execution,
        }
        for number, weight in enumerate(weights)
    ]
    return {"EndpointName": "e", "Deployment": {"Variants": found}}


@pytest.mark.parametrize(
    ("weights", "shares"),
    [((1.0,), [1.0]), ((3.0, 1.0), [0.75, 0.25]), ((0.0, 0.5), [0.0, 1.0]), ((0.0, 0.0), [0.5, 0.5])],
)
def test_variants_share_the_requests_by_weight_or_equally(weights, shares):
    times = InvocationTimes()
    with times.measured("e", "v0"):
        pass
    services = SimpleNamespace(endpoints=SimpleNamespace(invocations=times))
    found = variants(services, endpoint(*weights))
    assert [one.share for one in found] == shares
    assert [one.instances for one in found] == list(range(1, len(weights) + 1))
    assert [one.invocations.count for one in found] == [1] + [0] * (len(weights) - 1)
    assert found[0].name == "v0" and len(found[0].containers) == 2


def test_a_request_names_a_model_or_a_container_where_there_are_several():
    assert takes_target_model(endpoint(1.0, mode="MultiModel"))
    assert not takes_target_model(endpoint(1.0))
    assert direct_containers(endpoint(1.0, 1.0, execution="Direct")) == ["first", "second"]
    assert direct_containers(endpoint(1.0)) == []


def test_the_invocations_of_five_minutes_are_counted():
    windows: list[float] = []
    times = SimpleNamespace(summary=lambda endpoint, variant, window_s: windows.append(window_s))
    variants(SimpleNamespace(endpoints=SimpleNamespace(invocations=times)), endpoint(1.0))
    assert windows == [300]
