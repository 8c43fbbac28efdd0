"""The variables of a client: which are set, which are kept, and which are taken away."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from wildsage.local_runner.client import environment as client
from wildsage.local_runner.proxy.files import TRUSTSTORE_PASSWORD, authority_folder

ENDPOINT = "http://127.0.0.1:4577"
DATA = Path("/data")


def test_nothing_of_the_users_account_is_left() -> None:
    given = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "HOME": "/home/me",
    }
    environment = client.client_environment("http://127.0.0.1:4577", Path("/data"), False, given)
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment
    assert "AWS_ENDPOINT_URL_S3" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == environment["AWS_SECRET_ACCESS_KEY"] == "wildsage"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == str(client.NO_ACCOUNT_FILE)
    assert Path(environment["AWS_CONFIG_FILE"]).read_text() == "[default]\n"
    assert environment["HOME"] == "/home/me"


@pytest.mark.parametrize(
    ("given", "region"),
    [({}, "us-east-1"), ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"), ({"AWS_REGION": "us-west-2"}, "us-west-2")],
)
def test_the_region_of_the_shell_is_kept(given: dict[str, str], region: str) -> None:
    environment = client.client_environment("http://127.0.0.1:1", Path("/data"), False, given)
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == region


def test_lists_of_paths_and_hosts_are_added_to() -> None:
    given = {"PYTHONPATH": "/mine", "NO_PROXY": "example.org"}
    environment = client.client_environment("http://127.0.0.1:1", Path("/data"), False, given)
    assert environment["PYTHONPATH"] == f"{client.SHIM}{os.pathsep}/mine"
    assert environment["no_proxy"] == environment["NO_PROXY"] == "localhost,127.0.0.1,example.org"
    again = client.client_environment("http://127.0.0.1:1", Path("/data"), False, environment)
    assert again == environment


def test_a_server_forgets_the_users_account_and_keeps_the_rest() -> None:
    environment = {
        "AWS_PROFILE": "p",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_CA_BUNDLE": "/ca",
        "HOME": "/me",
    }
    client.remove_credentials(environment)
    assert environment == {"AWS_CA_BUNDLE": "/ca", "HOME": "/me", **client.NO_ACCOUNT}


def variables(given: dict[str, str] | None = None, **options) -> dict[str, str]:
    return client.variables(ENDPOINT, DATA, options.pop("sdk_polling", False), given or {}, **options)


def test_a_client_is_sent_to_the_endpoint() -> None:
    found = variables()
    assert found["AWS_ENDPOINT_URL"] == found["WILDSAGE_ENDPOINT"] == ENDPOINT
    assert (found["SAGEMAKER_SUPPRESS_V2_WARNING"], found["SAGEMAKER_VALIDATE_ROLE"]) == ("1", "false")
    assert found["PYTHONPATH"] == str(client.SHIM)
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1"
    assert found["AWS_EC2_METADATA_DISABLED"] == "true" and "HTTPS_PROXY" not in found


def test_the_sdk_keeps_its_sleeps_on_request() -> None:
    assert "WILDSAGE_SDK_POLLING" not in variables()
    assert variables(sdk_polling=True)["WILDSAGE_SDK_POLLING"] == "1"


def test_through_a_proxy_clients_keep_the_addresses_of_aws() -> None:
    proxy, folder = "http://127.0.0.1:4578", authority_folder(DATA)
    found = variables({"JAVA_TOOL_OPTIONS": "-Xmx1g -Dx='a b'"}, proxy=proxy)
    assert "AWS_ENDPOINT_URL" not in found and found["WILDSAGE_ENDPOINT"] == ENDPOINT
    assert found["HTTPS_PROXY"] == found["https_proxy"] == proxy
    bundles = {found[name] for name in client.BUNDLE_VARIABLES}
    assert bundles == {str(folder / client.BUNDLE)}
    assert shlex.split(found["JAVA_TOOL_OPTIONS"]) == [
        "-Xmx1g",
        "-Dx=a b",
        "-Dhttps.proxyHost=127.0.0.1",
        "-Dhttps.proxyPort=4578",
        "-Dhttp.nonProxyHosts=127.0.0.1|localhost",
        f"-Djavax.net.ssl.trustStore={folder / client.TRUSTSTORE}",
        f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}",
    ]
    again = variables(found, proxy=proxy)
    assert again["JAVA_TOOL_OPTIONS"] == found["JAVA_TOOL_OPTIONS"], "they are added once"


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ({"no_proxy": "a", "NO_PROXY": "b"}, "localhost,127.0.0.1,a"),
        ({"no_proxy": "", "NO_PROXY": "b"}, "localhost,127.0.0.1,b"),
        ({"no_proxy": "localhost"}, "127.0.0.1,localhost"),
        ({"no_proxy": "a,127.0.0.1"}, "localhost,a,127.0.0.1"),
        ({"no_proxy": "127.0.0.10,,"}, "localhost,127.0.0.1,127.0.0.10"),
    ],
)
def test_hosts_that_bypass_a_proxy_are_added_to(given: dict[str, str], listed: str) -> None:
    found = variables(given)
    assert found["no_proxy"] == found["NO_PROXY"] == listed


def test_the_region_of_newer_clients_wins() -> None:
    found = variables({"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "eu-west-1"})
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-west-2"


def test_the_folder_of_the_shim_stands_first_and_once() -> None:
    given = {"PYTHONPATH": os.pathsep.join(("/mine", str(client.SHIM), "", "/other"))}
    assert variables(given)["PYTHONPATH"] == os.pathsep.join((str(client.SHIM), "/mine", "/other"))


def test_variables_that_another_machine_can_use_name_no_file_of_this_one() -> None:
    found = client.portable(variables(proxy="http://127.0.0.1:4578"), DATA)
    assert "PYTHONPATH" not in found and "AWS_CA_BUNDLE" not in found and "JAVA_TOOL_OPTIONS" not in found
    assert found["AWS_CONFIG_FILE"] == found["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert (found["HTTPS_PROXY"], found["AWS_REGION"]) == ("http://127.0.0.1:4578", "us-east-1")


@pytest.mark.parametrize("name", [*client.CONFLICTING, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"])
def test_variables_that_would_win_over_ours_are_found(name: str) -> None:
    assert client.conflicting({name: "x", "AWS_REGION": "y", "HOME": "/me"}) == [name]
