"""Manifests of Kubernetes against its published schemas."""

from dataclasses import replace

import kubernetes_validate
import pytest
import yaml

from wildsage.containers.launchers import place
from wildsage.local_runner.manifests import kubernetes

VERSIONS = [kubernetes_validate.latest_version(), "1.28"]


def checked(text: str, version: str) -> list[dict]:
    found = list(yaml.safe_load_all(text))
    for document in found:
        kubernetes_validate.validate(document, version, strict=True)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [kubernetes.job, kubernetes.deployment])
def test_the_published_schema_knows_every_field(workload, manifest, version):
    for one in (workload, replace(workload, secret=None, claim=None)):
        assert [document["metadata"]["name"] for document in checked(manifest(one), version)] == ["first", "first"]


def test_the_schema_would_notice(workload):
    [_, job] = checked(kubernetes.job(workload), VERSIONS[0])
    job["spec"]["template"]["spec"]["containers"][0]["argument"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[0], strict=True)


def test_a_pod_of_the_job_finds_its_place(workload):
    """Kubernetes adds the index of the pod; the name of the first is that of its Job and of its subdomain."""
    [service, job] = checked(kubernetes.job(workload), VERSIONS[0])
    pod = job["spec"]["template"]["spec"]
    variables = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
    found = place.find({**variables, "JOB_COMPLETION_INDEX": "2"})
    assert (found.rank, found.size, found.address) == (2, job["spec"]["completions"], "first-0.first")
    assert pod["subdomain"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == job["spec"]["template"]["metadata"]["labels"]


def test_a_deployment_ends_no_server_before_another_is_ready(workload):
    [service, deployment] = checked(kubernetes.deployment(workload), VERSIONS[0])
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["port"] == service["spec"]["ports"][0]["targetPort"]
    assert "*id" not in kubernetes.deployment(workload), "kubectl reads anchors, people do not"
