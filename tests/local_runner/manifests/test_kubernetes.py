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


def test_a_pod_that_fails_ends_its_job_and_all_pods_run_at_the_same_time(workload):
    [service, job] = checked(kubernetes.job(workload), VERSIONS[0])
    spec = job["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (3, 3, 0)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert service["spec"]["publishNotReadyAddresses"], "hosts look for each other before all are ready"
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 9000}]


def test_a_container_has_what_was_asked_for_and_nothing_else(workload):
    for manifest in (kubernetes.job, kubernetes.deployment):
        plain = replace(workload, claim=None, secret=None)
        pod = checked(manifest(plain), VERSIONS[0])[1]["spec"]["template"]["spec"]
        assert "volumes" not in pod and not {"envFrom", "volumeMounts"} & set(pod["containers"][0])
        pod = checked(manifest(replace(workload, environment={"NOTE": "x"})), VERSIONS[0])[1]["spec"]["template"][
            "spec"
        ]
        [container], [volume] = pod["containers"], pod["volumes"]
        assert {"name": "NOTE", "value": "x"} in container["env"]
        assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/data"}]
        assert volume["persistentVolumeClaim"] == {"claimName": "rows"}
        assert container["resources"] == {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}


def test_servers_have_no_variables_of_hosts(workload):
    pod = checked(kubernetes.deployment(workload), VERSIONS[0])[1]["spec"]["template"]["spec"]
    assert "env" not in pod["containers"][0]


def test_a_server_has_minutes_to_begin_answers_pings_and_ends_after_what_is_under_way(workload):
    [service, deployment] = checked(kubernetes.deployment(workload), VERSIONS[0])
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["ports"] == [{"containerPort": 8080}] and service["spec"]["ports"][0]["port"] == 80
    start, ready, live = (container[f"{name}Probe"] for name in ("startup", "readiness", "liveness"))
    for probe in (start, ready, live):
        assert probe["httpGet"] == {"path": "/ping", "port": 8080}
    assert start["periodSeconds"] * start["failureThreshold"] == 240
    assert ready["timeoutSeconds"] == 2, "a ping may take as long as SageMaker lets it"
    failures = 3  # Kubernetes' own number, since the probe sets none
    assert ready["periodSeconds"] * failures == 15 and "failureThreshold" not in ready, (
        "then no requests are sent to it"
    )
    assert live["periodSeconds"] * live["failureThreshold"] == 60
    assert live["timeoutSeconds"] == live["periodSeconds"] / 2
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert pod["terminationGracePeriodSeconds"] == 60
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 1


def test_documents_are_written_to_be_read(workload):
    text = kubernetes.job(replace(workload, arguments=("train", "--hp", " ".join(["word"] * 100))))
    assert " ".join(["word"] * 100) in text and text.index("requests:") < text.index("limits:")
    for document in yaml.safe_load_all(text):
        assert list(document) == ["apiVersion", "kind", "metadata", "spec"]
