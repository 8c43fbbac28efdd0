"""IAM answers that every role exists, that SageMaker may assume it, and that everything is allowed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from wildsage.local_runner.operations import iam
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ServerSettings


@pytest.fixture
def context(tmp_path) -> RequestContext:
    return RequestContext(SimpleNamespace(settings=ServerSettings(tmp_path, role="Mine")), "cn-north-1")


def test_any_role_exists_and_trusts_sagemaker(context, tmp_path):
    role = iam.get_role(context, {"RoleName": "Any"})["Role"]
    trust = json.loads(unquote(role.pop("AssumeRolePolicyDocument")))
    assert role == {
        "Path": "/",
        "RoleName": "Any",
        "RoleId": "AROA00000000000000000",
        "Arn": "arn:aws-cn:iam::000000000000:role/Any",
        "CreateDate": tmp_path.stat().st_ctime,
    }
    (statement,) = trust["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_the_role_of_the_callers_is_listed(context):
    found = iam.list_roles(context, {})
    assert [role["RoleName"] for role in found["Roles"]] == ["Mine"]
    assert found["IsTruncated"] is False


def test_each_action_is_allowed(context):
    found = iam.simulate_principal_policy(context, {"ActionNames": ["s3:GetObject", "sagemaker:CreateModel"]})
    assert found == {
        "EvaluationResults": [
            {"EvalActionName": "s3:GetObject", "EvalDecision": "allowed"},
            {"EvalActionName": "sagemaker:CreateModel", "EvalDecision": "allowed"},
        ],
        "IsTruncated": False,
    }
