"""The environment variables that make an unmodified AWS client talk to this machine.

Source: botocore's configuration variables.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from wildsage.local_runner.proxy.files import BUNDLE, TRUSTSTORE, TRUSTSTORE_PASSWORD, authority_folder
from wildsage.local_runner.signatures import keys

SHIM = Path(__file__).parent / "shim"
REGION = "us-east-1"

PUBLISHED_AT = "WILDSAGE_PUBLISHED_AT"
"""Variable in a container: the URL of its local AWS on the host, such as http://127.0.0.1:4577; see docker-compose.yml."""

# With any of these a client would use real credentials or another endpoint. `variables` sets the last two again.
CONFLICTING = (
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
    "AWS_ENDPOINT_URL",
    "WILDSAGE_SDK_POLLING",
)
SERVICE_ENDPOINT = "AWS_ENDPOINT_URL_"  # AWS_ENDPOINT_URL_S3 and others take precedence over AWS_ENDPOINT_URL
LOOPBACK = ("127.0.0.1", "localhost")
# botocore and the AWS CLI · requests · OpenSSL and Go · curl · Node
BUNDLE_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
NO_ACCOUNT_FILE = Path(__file__).with_name("no_account.ini")
"""An empty default profile: where there is none, Java's SDK logs a trace."""
NO_ACCOUNT = {
    "AWS_CONFIG_FILE": str(NO_ACCOUNT_FILE),
    "AWS_SHARED_CREDENTIALS_FILE": str(NO_ACCOUNT_FILE),
    "AWS_EC2_METADATA_DISABLED": "true",
}


def conflicting(environment: Mapping[str, str]) -> list[str]:
    """Names of the variables in `environment` with which a client would use real credentials or another endpoint."""
    return [name for name in environment if name in CONFLICTING or name.startswith(SERVICE_ENDPOINT)]


def remove_credentials(environment: MutableMapping[str, str]) -> None:
    """Remove real credentials from the environment of a server, which its jobs and endpoints inherit.

    It also hides the user's AWS files from the server, because they may name a profile that does not exist.
    """
    for name in (*conflicting(environment), "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.pop(name, None)
    environment.update(NO_ACCOUNT)


def variables(
    endpoint: str, data: Path, sdk_polling: bool, environment: Mapping[str, str], proxy: str | None = None
) -> dict[str, str]:
    """The variables to set for a client of `endpoint`, where `environment` holds those that are set already.

    The region of the user's shell stays. The keys are those of the data folder `data`, or placeholders where no server ever
    checked signatures. The user's AWS files are hidden, so a script cannot reach a real account. With `sdk_polling` the SDK
    keeps its own sleeps of 5 to 120 s between two calls. With the address of a `proxy`, clients keep AWS's addresses and
    reach `endpoint` through it.
    """
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or REGION
    signing = keys.of_clients(data)
    return {
        **(
            {"AWS_ENDPOINT_URL": endpoint}
            if proxy is None
            else _proxy_variables(proxy, authority_folder(data), environment)
        ),
        "AWS_ACCESS_KEY_ID": signing.access_key,
        "AWS_SECRET_ACCESS_KEY": signing.secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **NO_ACCOUNT,
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        **_no_proxy(environment),
        "PYTHONPATH": _prepend(str(SHIM), environment.get("PYTHONPATH", ""), os.pathsep),
        "WILDSAGE_ENDPOINT": endpoint,
        **({"WILDSAGE_SDK_POLLING": "1"} if sdk_polling else {}),
    }


def portable(variables: Mapping[str, str], data: Path) -> dict[str, str]:
    """The entries of `variables` that are also valid outside this container, because they name no file in it."""
    folders = (str(SHIM), str(data))
    kept = {name: value for name, value in variables.items() if not any(folder in value for folder in folders)}
    return {name: os.devnull if value == str(NO_ACCOUNT_FILE) else value for name, value in kept.items()}


def client_environment(
    endpoint: str, data: Path, sdk_polling: bool, environment: Mapping[str, str], proxy: str | None = None
) -> dict[str, str]:
    """A copy of `environment` for a client of `endpoint`, through `proxy` if its address is given."""
    drop = conflicting(environment)
    kept = {name: value for name, value in environment.items() if name not in drop}
    return kept | variables(endpoint, data, sdk_polling, environment, proxy)


def _proxy_variables(proxy: str, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that name the proxy and its certificate authority, for each library; `folder` holds the authority's files."""
    address, bundle = urlsplit(proxy), str(folder / BUNDLE)
    java = {
        "https.proxyHost": str(address.hostname),
        "https.proxyPort": str(address.port),
        "http.nonProxyHosts": "|".join(LOOPBACK),
        "javax.net.ssl.trustStore": str(folder / TRUSTSTORE),
        "javax.net.ssl.trustStorePassword": TRUSTSTORE_PASSWORD,
    }
    options = [f"-D{name}={value}" for name, value in java.items()]
    given = [option for option in shlex.split(environment.get("JAVA_TOOL_OPTIONS", "")) if option not in options]
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        **dict.fromkeys(BUNDLE_VARIABLES, bundle),
        "JAVA_TOOL_OPTIONS": shlex.join([*given, *options]),
    }


def _no_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """The loopback addresses bypass the proxy. Both names are set, since libraries differ; hosts already listed stay."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    for host in LOOPBACK:
        given = given if host in given.split(",") else _prepend(host, given, ",")
    return {"NO_PROXY": given, "no_proxy": given}


def _prepend(entry: str, entries: str, separator: str) -> str:
    rest = [e for e in entries.split(separator) if e and e != entry]
    return separator.join([entry, *rest])
