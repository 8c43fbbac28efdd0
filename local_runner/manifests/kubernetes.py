"""Manifests of Kubernetes: an Indexed Job for training, a Deployment for serving.

Sources: https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/,
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ (probes and termination).
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from wildsage.local_runner.manifests.description import PORT, Workload

SERVING_PORT = 8080
DRAIN_S = 5
"""So long a server goes on after the cluster has decided to end it: until then requests may still be sent to it."""

GRACE_S = 60


def job(workload: Workload) -> str:
    """An Indexed Job, whose pods are the hosts, and the service that gives them names. One that fails ends the Job."""
    environment = {"WORLD_SIZE": str(workload.count), "MASTER_ADDR": f"{workload.name}-0.{workload.name}"}
    pod = {
        "subdomain": workload.name,
        "restartPolicy": "Never",
        **_volumes(workload),
        "containers": [{**_container("train", workload, environment), "ports": [{"containerPort": PORT}]}],
    }
    indexed = {
        "completions": workload.count,
        "parallelism": workload.count,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "template": {"metadata": {"labels": _labels(workload)}, "spec": pod},
    }
    names = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": _labels(workload)}
    return documents(
        _document("v1", "Service", workload, names),
        _document("batch/v1", "Job", workload, indexed),
    )


def deployment(workload: Workload) -> str:
    """A Deployment of servers and its service. A server that is ended answers what is under way, and loses no request."""
    container = {
        **_container("serve", workload, {}),
        "ports": [{"containerPort": SERVING_PORT}],
        "startupProbe": {**_ping(), "periodSeconds": 2, "failureThreshold": 120},
        "readinessProbe": {**_ping(), "periodSeconds": 5, "timeoutSeconds": 2},
        "livenessProbe": {**_ping(), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_S)]}}},
    }
    pod = {"terminationGracePeriodSeconds": GRACE_S, **_volumes(workload), "containers": [container]}
    servers = {
        "replicas": workload.count,
        "selector": {"matchLabels": _labels(workload)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": _labels(workload)}, "spec": pod},
    }
    port = {"port": 80, "targetPort": SERVING_PORT}
    return documents(
        _document("v1", "Service", workload, {"selector": _labels(workload), "ports": [port]}),
        _document("apps/v1", "Deployment", workload, servers),
    )


def documents(*found: dict[str, Any]) -> str:
    """Documents of YAML, one after another."""
    return yaml.safe_dump_all(found, sort_keys=False, width=math.inf)


def resources(workload: Workload) -> dict[str, Any]:
    """What a container asks for. It may use more processors where some are idle, but no more memory."""
    return {
        "requests": {"cpu": workload.cpus, "memory": workload.memory},
        "limits": {"memory": workload.memory},
    }


def variables(values: dict[str, str]) -> list[dict[str, str]]:
    """Environment variables as Kubernetes lists them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def _ping() -> dict[str, Any]:
    return {"httpGet": {"path": "/ping", "port": SERVING_PORT}}


def _container(name: str, workload: Workload, environment: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "image": workload.image,
        "args": list(workload.arguments),
        "resources": resources(workload),
    }
    if values := {**environment, **workload.environment}:
        found["env"] = variables(values)
    if workload.secret:
        found["envFrom"] = [{"secretRef": {"name": workload.secret}}]
    if workload.claim:
        found["volumeMounts"] = [{"name": "data", "mountPath": workload.claim.path}]
    return found


def _volumes(workload: Workload) -> dict[str, Any]:
    if not workload.claim:
        return {}
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": workload.claim.name}}]}


def _labels(workload: Workload) -> dict[str, str]:
    return {"app.kubernetes.io/name": workload.name}


def _document(version: str, kind: str, workload: Workload, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": workload.name, "labels": _labels(workload)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
