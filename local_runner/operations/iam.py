"""IAM: every role exists, may do everything, and trusts SageMaker. The local AWS does not control access."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sts import ROLE_ID
from wildsage.local_runner.settings import ACCOUNT

SERVICE = "iam"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def get_role(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Every role exists and trusts SageMaker."""
    return {"Role": _role(context, request["RoleName"])}


def list_roles(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Lists one role, that of all callers."""
    return {"Roles": [_role(context, context.services.settings.role)], "IsTruncated": False}


def simulate_principal_policy(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Everything is allowed."""
    allowed = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in request["ActionNames"]]
    return {"EvaluationResults": allowed, "IsTruncated": False}


def _role(context: RequestContext, name: str) -> dict[str, Any]:
    """`CreateDate` is that of the data folder."""
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": ROLE_ID,
        "Arn": f"arn:{context.partition}:iam::{ACCOUNT}:role/{name}",
        "CreateDate": context.services.settings.data.stat().st_ctime,
        "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),
    }
