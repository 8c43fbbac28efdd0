"""Rules on the machines of jobs and endpoints. Source: ResourceConfig, TransformResources, CreateEndpointConfig (API reference)."""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.inputs.workspace import HAS_OWN_DISKS
from wildsage.local_runner.operations.rules import Request, Rule, value_at, values_at


def has_local_storage(instance_type: str) -> bool:
    """Whether an instance type has disks of its own, whose encryption takes no key and whose size is not a choice."""
    return bool(HAS_OWN_DISKS.match(instance_type))


def no_key_with_local_storage(types: str, key: str) -> Rule:
    """A key encrypts EBS volumes only. `types` and `key` are paths of the instance types and of the key."""

    def rule(request: Request) -> Iterator[str]:
        local = [one for one in values_at(request, *types.split(".")) if has_local_storage(one)]
        if local and value_at(request, key):
            yield f"You can't request a {key} when using an instance type with local storage, got {local[0]}."

    return rule


def machines(request: Request) -> Iterator[str]:
    """ResourceConfig says how many machines of which type, and how large their volume is if they have no disks of their own."""
    config = request.get("ResourceConfig", {})
    if not config.get("InstanceType"):
        yield "ResourceConfig needs an InstanceType."
    elif not config.get("InstanceCount"):
        yield f"ResourceConfig.InstanceCount: got {config.get('InstanceCount', 'none')}, expected 1 or more."
    elif "VolumeSizeInGB" not in config and not has_local_storage(config["InstanceType"]):
        yield f"ResourceConfig needs VolumeSizeInGB, because {config['InstanceType']} has no local storage."
    for field in ("SelectedInstanceType", "SelectedInstanceCount"):
        if field in config:
            yield f"ResourceConfig.{field} is read-only: descriptions have it, requests do not."
