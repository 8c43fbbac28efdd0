"""Python runs this file at start-up if its folder is on PYTHONPATH; `wildsage run` puts it there.

It acts only if WILDSAGE_ENDPOINT is set. It waits until the AWS libraries are imported, then patches what no environment
variable changes:

1. SageMaker's SDK creates its STS client with `endpoint_url="https://sts.<region>.amazonaws.com"`, which takes
   precedence over AWS_ENDPOINT_URL. The patch drops such addresses, so that the variable decides.
2. The SDK and botocore's waiters sleep 5 to 120 s between two calls, which suits jobs of hours. Here jobs take seconds,
   so the patch limits sleeps to `LONGEST_SLEEP_S`, unless WILDSAGE_SDK_POLLING is set.
3. The SDK sends telemetry to an AWS address after each call. Its own way to opt out is a defaults file, which version 2
   then validates dozens of times for one `deploy`, at 0.1 s each, and mentions in every session's log.
4. botocore logs that it found AWS_ENDPOINT_URL. AWS has no such line, since there the variable is not set.

It uses the standard library only, because it runs in the user's environment. The user's own sitecustomize runs as well.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

LONGEST_SLEEP_S = 0.25
SDK = "sagemaker"
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

replaced: list[tuple[Any, str, Any]] = []
"""The replaced attributes: owner, name, former value."""


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Set an attribute; `uninstall` restores it."""
    replaced.append((owner, name, getattr(owner, name)))
    setattr(owner, name, replacement)


def is_aws_address(url: str | None) -> bool:
    """True for an endpoint of the real AWS, which a local client must not call."""
    return (urlsplit(url or "").hostname or "").endswith(AWS_DOMAINS)


def drop_aws_endpoints(botocore_session: ModuleType) -> None:
    """Drop endpoints of the real AWS that code passes to `create_client`, so that AWS_ENDPOINT_URL applies."""
    create_client = botocore_session.Session.create_client

    @functools.wraps(create_client)
    def create_local_client(self: Any, *args: Any, endpoint_url: str | None = None, **settings: Any) -> Any:
        return create_client(
            self, *args, endpoint_url=None if is_aws_address(endpoint_url) else endpoint_url, **settings
        )

    replace(botocore_session.Session, "create_client", create_local_client)


def drop_telemetry(module: ModuleType) -> None:
    """Send no telemetry, whatever the user's defaults file says."""
    for name in ("_send_telemetry_request", "_send_telemetry"):
        if hasattr(module, name):
            replace(module, name, lambda *args, **settings: None)


def hide_endpoint_messages(botocore_configprovider: ModuleType) -> None:
    """Log at level DEBUG that an endpoint was configured."""
    logger = botocore_configprovider.logger
    replace(logger, "info", logger.debug)


class PollingClock:
    """Replaces the `time` module in a module that polls: it shortens long sleeps, and `time()` still counts them in full.

    Counting them matters, because the SDK describes a job only once 30 s have passed on this clock.
    """

    def __init__(self) -> None:
        self.skipped_s = 0.0

    def sleep(self, seconds: float) -> None:
        """Sleep at most `LONGEST_SLEEP_S` seconds."""
        slept_s = min(seconds, LONGEST_SLEEP_S)
        self.skipped_s += seconds - slept_s
        time.sleep(slept_s)

    def time(self) -> float:
        """Seconds since 1970, plus all seconds that `sleep` left out."""
        return time.time() + self.skipped_s

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def shorten_sleeps(module: ModuleType) -> None:
    """Replace `time` in a module that imported it."""
    replace(module, "time", PollingClock())


def shorten_waits(botocore_waiter: ModuleType) -> None:
    """Make waiters poll more often for the same total time. A waiter gives up after a number of calls, not after a time."""
    wait = botocore_waiter.Waiter.wait

    @functools.wraps(wait)
    def wait_quickly(self: Any, **request: Any) -> None:
        given = request.pop("WaiterConfig", {})
        delay_s = given.get("Delay", self.config.delay)
        attempts = given.get("MaxAttempts", self.config.max_attempts)
        if delay_s > LONGEST_SLEEP_S:
            delay_s, attempts = LONGEST_SLEEP_S, int(attempts * delay_s / LONGEST_SLEEP_S)
        wait(self, WaiterConfig={"Delay": delay_s, "MaxAttempts": attempts}, **request)

    replace(botocore_waiter.Waiter, "wait", wait_quickly)


LOCAL_CLIENTS: dict[str, Callable[[ModuleType], None]] = {
    "botocore.session": drop_aws_endpoints,
    "botocore.configprovider": hide_endpoint_messages,
    "sagemaker.telemetry.telemetry_logging": drop_telemetry,
    "sagemaker.serve.utils.telemetry_logger": drop_telemetry,
    "sagemaker.core.telemetry.telemetry_logging": drop_telemetry,  # SDK v3
}
SHORT_POLLING: dict[str, Callable[[ModuleType], None]] = {
    "botocore.waiter": shorten_waits,
    "sagemaker.session": shorten_sleeps,
    "sagemaker.core.resources": shorten_sleeps,  # SDK v3: this line and all below
    "sagemaker.core.helper.session_helper": shorten_sleeps,
    "sagemaker.core.common_utils": shorten_sleeps,
    "sagemaker.core.processing": shorten_sleeps,
    "sagemaker.core.transformer": shorten_sleeps,
}


class ImportPatcher(MetaPathFinder):
    """Patches modules right after their first import, so that the start of Python imports nothing large."""

    def __init__(self, patches: dict[str, Callable[[ModuleType], None]]) -> None:
        self.patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module to patch and wrap its loader; None for any other module."""
        patch = self.patches.get(name)
        spec = PathFinder.find_spec(name, path) if patch else None
        if patch is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


def install(patches: dict[str, Callable[[ModuleType], None]]) -> None:
    """Patch the modules that are imported already now, and the others when they are imported."""
    for name, patch in patches.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, ImportPatcher(patches))


def installed() -> bool:
    """True between `install` and `uninstall`."""
    return any(isinstance(finder, ImportPatcher) for finder in sys.meta_path)


def uninstall() -> None:
    """Undo `install`."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, ImportPatcher)]
    while replaced:
        setattr(*replaced.pop())


def installs_sdk(command: Sequence[str]) -> bool:
    """True for a command line of pip that names the SDK, such as `python -m pip install --upgrade sagemaker`."""
    names = [os.path.basename(word) for word in command]
    is_pip = any(name == "pip" or name.startswith("pip3") for name in names[:4])
    return is_pip and "install" in names and SDK in (re.split(r"[][<>=!~; ]", name)[0] for name in names)


def report_kept_sdk(limits: str) -> None:
    """Say once for a program that pip keeps the SDK's major version; `limits` is the file of constraints."""
    said = limits + ".said"
    try:
        os.close(os.open(said, os.O_CREAT | os.O_EXCL))
        with open(limits) as file:
            kept = file.read().strip()
    except OSError:  # said already, or the program has ended
        return
    print(
        f"wildsage run: pip keeps {kept}, since another major version breaks programs written for this one."
        " To let pip replace it: wildsage run --allow-sdk-upgrade",
        file=sys.stderr,
        flush=True,
    )


def run_next_sitecustomize() -> None:
    """Run the next sitecustomize on the path, since Python runs only the first."""
    own = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [place for place in sys.path if os.path.abspath(place) != own])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":  # a test session imports it by its full name, and then nothing happens
    if os.environ.get("WILDSAGE_ENDPOINT"):
        install(LOCAL_CLIENTS if os.environ.get("WILDSAGE_SDK_POLLING") else LOCAL_CLIENTS | SHORT_POLLING)
    if os.environ.get("WILDSAGE_KEPT_SDK") and installs_sdk(getattr(sys, "orig_argv", [])):
        report_kept_sdk(os.environ["WILDSAGE_KEPT_SDK"])
    run_next_sitecustomize()
