"""STS: the identity of the caller. All callers have the same role. Its keys are those of the data folder where requests have to be
signed, and placeholders elsewhere."""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.signatures.keys import Keys

SERVICE = "sts"
SESSION = "local"
ROLE_ID = "AROA00000000000000000"
DEFAULT_DURATION_S = 3600
PLACEHOLDERS = Keys("ASIA0000000000000000", "local")


def get_caller_identity(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns an assumed role, because the SageMaker SDK takes its execution role from this ARN and rejects a user's."""
    arn = _session_arn(context, context.services.settings.role, SESSION)
    return {"UserId": f"{ROLE_ID}:{SESSION}", "Account": ACCOUNT, "Arn": arn}


def assume_role(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns credentials for any role: the caller's own keys."""
    keys = context.services.settings.keys or PLACEHOLDERS
    role, session = request["RoleArn"].rpartition("/")[2], request["RoleSessionName"]
    return {
        "Credentials": {
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret,
            "SessionToken": "local",
            "Expiration": time.time() + request.get("DurationSeconds", DEFAULT_DURATION_S),
        },
        "AssumedRoleUser": {"AssumedRoleId": f"{ROLE_ID}:{session}", "Arn": _session_arn(context, role, session)},
    }


def _session_arn(context: RequestContext, role: str, session: str) -> str:
    return f"arn:{context.partition}:sts::{ACCOUNT}:assumed-role/{role}/{session}"
