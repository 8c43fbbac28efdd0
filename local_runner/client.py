"""What makes an unmodified AWS client talk to this machine: its environment.

Sources: botocore's configuration variables; SageMaker SDK 2.257, where telemetry and defaults files are read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SHIM = Path(__file__).parent / "shim"
REGION = "us-east-1"

# Each of these would lead a client to real credentials or past the local endpoint; the last is set anew where wanted.
REMOVED = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "SAGEBRUSH_SDK_POLLING",
)
SERVICE_ENDPOINT = "AWS_ENDPOINT_URL_"  # AWS_ENDPOINT_URL_S3 and its like outrank AWS_ENDPOINT_URL
LOOPBACK = ("127.0.0.1", "localhost")
TELEMETRY_OFF = """\
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


def removed(environment: Mapping[str, str]) -> list[str]:
    """Names of the variables in `environment` that would lead a client elsewhere."""
    return [name for name in environment if name in REMOVED or name.startswith(SERVICE_ENDPOINT)]


def variables(endpoint: str, data: Path, sdk_polling: bool, environment: Mapping[str, str]) -> dict[str, str]:
    """What must be set for a client of `endpoint`, given what is set already.

    The region of the user's shell stays. Keys are dummies, since the server checks no signature, and the user's AWS
    files are hidden: whatever a script does, it holds nothing that opens a real account. `data` is the runner's data
    folder, where the SDK finds the file that turns its telemetry off (it would call an AWS address after each job).
    With `sdk_polling` the SDK keeps its own pace of 5 to 120 s between two questions.
    """
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or REGION
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "sagebrush",
        "AWS_SECRET_ACCESS_KEY": "sagebrush",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **_telemetry_off(data, environment),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        **_past_the_proxy(environment),
        "PYTHONPATH": _first(str(SHIM), environment.get("PYTHONPATH", ""), os.pathsep),
        "SAGEBRUSH_ENDPOINT": endpoint,
        **({"SAGEBRUSH_SDK_POLLING": "1"} if sdk_polling else {}),
    }


def environment_for(endpoint: str, data: Path, sdk_polling: bool, environment: Mapping[str, str]) -> dict[str, str]:
    """A copy of `environment` in which AWS is `endpoint`."""
    drop = removed(environment)
    kept = {name: value for name, value in environment.items() if name not in drop}
    return kept | variables(endpoint, data, sdk_polling, environment)


def write_telemetry_opt_out(data: Path) -> None:
    """Write the defaults file that `variables` points the SDK to."""
    data.mkdir(parents=True, exist_ok=True)
    _opt_out(data).write_text(TELEMETRY_OFF)


def _opt_out(data: Path) -> Path:
    return data / "sagemaker-defaults.yaml"


def _telemetry_off(data: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Take the administrator's slot if it is free: the user's own defaults file then still applies on top."""
    taken = environment.get("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", str(_opt_out(data))) != str(_opt_out(data))
    slot = "SAGEMAKER_USER_CONFIG_OVERRIDE" if taken else "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"
    return {slot: str(_opt_out(data))}


def _past_the_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Both spellings, since libraries differ in which they read; a list already there is kept."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    for host in LOOPBACK:
        given = given if host in given.split(",") else _first(host, given, ",")
    return {"NO_PROXY": given, "no_proxy": given}


def _first(entry: str, entries: str, separator: str) -> str:
    rest = [e for e in entries.split(separator) if e and e != entry]
    return separator.join([entry, *rest])
