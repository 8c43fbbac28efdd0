"""Operations are found, not registered: every public function is an operation that AWS knows."""

import pytest
from botocore import xform_name

from wildsage.local_runner.operations import operations
from wildsage.local_runner.server.app import service_model


@pytest.mark.parametrize(("service", "name"), sorted(operations()), ids=str)
def test_a_public_function_of_an_operations_module_is_an_operation(service, name):
    assert name in map(xform_name, service_model(service).operation_names)


def test_what_the_sdk_needs_is_there():
    needed = {
        "sagemaker": "create_training_job describe_training_job stop_training_job create_model create_endpoint_config "
        "create_endpoint describe_endpoint update_endpoint delete_endpoint add_tags list_tags",
        "sagemaker-runtime": "invoke_endpoint",
        "logs": "describe_log_streams get_log_events filter_log_events",
        "sts": "get_caller_identity",
        "iam": "get_role simulate_principal_policy",
        "cloudwatch": "get_metric_statistics",
    }
    assert {(service, name) for service, names in needed.items() for name in names.split()} <= set(operations())
