"""What a script learns about its job from its variables."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from wildsage.containers.frameworks import variables
from wildsage.containers.frameworks.variables import (
    count_gpus,
    module_name,
    platform_variables,
    script_variables,
)

TWO_GROUPS = [
    {"instance_group_name": "first", "instance_type": "ml.c5.large", "hosts": ["algo-1"]},
    {"instance_group_name": "second", "instance_type": "ml.m5.large", "hosts": ["algo-2"]},
]


def nvidia_smi(folder, text: str, monkeypatch) -> None:
    """Let only this program be found under that name."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_gpus_are_counted_by_the_drivers_list(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_gpus() == 0
    monkeypatch.setattr(variables, "DRIVER_WITHIN_S", 240)
    nvidia_smi(tmp_path, 'test "$1" = --list-gpus && printf "GPU 0: A\\nGPU 1: B\\nwarning: GPU 2\\n"', monkeypatch)
    assert count_gpus() == 2


def test_a_driver_that_does_not_answer_has_no_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(variables, "DRIVER_WITHIN_S", 0.1)
    nvidia_smi(tmp_path, "exec sleep 30", monkeypatch)
    assert count_gpus() == 0


@pytest.mark.parametrize(
    ("program", "module"), [("train.py", "train"), ("a/b.py", "a/b"), ("run.sh", "run.sh"), ("a.b.py", "a.b"), ("", "")]
)
def test_the_module_of_an_entry_point(program, module):
    assert module_name(program) == module


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (None, ""),
        ("", ""),
        (0, "0"),
        (False, "false"),
        ({"b": [1, 2], "a": None}, '{"a":null,"b":[1,2]}'),
    ],
)
def test_values_are_text_or_compact_json(value, text):
    assert variables.text(value) == text


def test_a_job_describes_itself(script_job):
    job = script_job(hosts=2, host="algo-2", epochs=5, sagemaker_program="train.py", sagemaker_mpi_enabled=False)
    root = job.opt_ml.root
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1", "algo-2"]}
    expected = {
        "additional_framework_parameters": {"sagemaker_mpi_enabled": False},
        "channel_input_dirs": {"training": f"{root}/input/data/training"},
        "current_host": "algo-2",
        "current_instance_group": "homogeneousCluster",
        "current_instance_group_hosts": ["algo-1", "algo-2"],
        "current_instance_type": "ml.m5.large",
        "distribution_hosts": ["algo-1", "algo-2"],
        "distribution_instance_groups": [],
        "framework_module": "sagemaker_sklearn_container.training:main",
        "hosts": ["algo-1", "algo-2"],
        "hyperparameters": {"epochs": 5},
        "input_config_dir": f"{root}/input/config",
        "input_dir": f"{root}/input",
        "instance_groups": ["homogeneousCluster"],
        "instance_groups_dict": {"homogeneousCluster": group},
        "is_hetero": False,
        "is_master": False,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": "job-1",
        "log_level": 20,
        "master_hostname": "algo-1",
        "model_dir": f"{root}/model",
        "module_dir": f"{root}/code",
        "module_name": "train",
        "network_interface_name": "lo",
        "num_cpus": len(os.sched_getaffinity(0)),
        "num_neurons": 0,
        "output_data_dir": f"{root}/output/data",
        "output_dir": f"{root}/output",
        "output_intermediate_dir": f"{root}/output/intermediate",
        "user_entry_point": "train.py",
    }
    assert {name: value for name, value in job.description.items() if name in expected} == expected
    assert job.description.keys() - expected.keys() == {"input_data_config", "num_gpus", "resource_config"}
    assert job.description["input_data_config"]["training"]["ContentType"] == "text/csv"


def test_a_job_with_a_distribution_names_the_group_that_runs_it(script_job):
    found = script_job(sagemaker_mpi_enabled=True, sagemaker_container_log_level=10).description
    assert (found["distribution_instance_groups"], found["log_level"]) == (["homogeneousCluster"], 10)
    assert script_job(sagemaker_other_enabled=True).description["distribution_instance_groups"] == []


def test_groups_of_instances_are_told_apart(script_job):
    job = script_job(hosts=2)
    config = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "current_group_name": "second",
        "instance_groups": TWO_GROUPS,
    }
    job.opt_ml.resource_config.write_text(json.dumps(config))
    found = job.description
    assert (found["current_instance_group"], found["current_instance_group_hosts"]) == ("second", ["algo-2"])
    assert found["is_hetero"] and found["instance_groups"] == ["first", "second"]
    assert found["current_instance_type"] == "local" and found["resource_config"] == config


def test_without_a_description_of_its_instances_a_job_is_local(script_job):
    job = script_job()
    job.opt_ml.resource_config.write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
    found = replace(job, framework="other").description
    assert (found["current_instance_type"], found["current_instance_group"]) == ("local", "homogeneousCluster")
    assert (found["current_instance_group_hosts"], found["instance_groups"]) == ([], [])
    assert found["is_master"] and found["framework_module"] is None


def test_a_script_gets_what_the_toolkit_gives_and_no_more(script_job):
    job = script_job(epochs=5, sagemaker_program="train.py", sagemaker_submit_directory="s3://bucket/code")
    found = script_variables(job)
    of_parts = {"SM_CHANNEL_TRAINING": job.description["channel_input_dirs"]["training"], "SM_HP_EPOCHS": "5"}
    assert of_parts.items() <= found.items()
    assert json.loads(found["SM_TRAINING_ENV"]) == job.description
    assert (found["SM_CHANNELS"], found["SM_HPS"]) == ('["training"]', '{"epochs":5}')
    assert (found["SM_USER_ARGS"], found["SM_FRAMEWORK_PARAMS"]) == ('["--epochs","5"]', "{}")
    assert (found["SM_MODULE_DIR"], found["SM_LOG_LEVEL"]) == ("s3://bucket/code", "20")
    left_out = {
        *("SM_ADDITIONAL_FRAMEWORK_PARAMETERS", "SM_CHANNEL_INPUT_DIRS", "SM_HYPERPARAMETERS", "SM_DISTRIBUTION_HOSTS"),
        *(
            "SM_IS_MASTER",
            "SM_JOB_NAME",
            "SM_MASTER_HOSTNAME",
            "SM_IS_SMDDPRUN_INSTALLED",
            "SM_IS_MODELPARALLEL_ENABLED",
        ),
    }
    assert not left_out & found.keys()


def test_the_platform_gives_host_job_and_region(script_job):
    assert platform_variables(script_job(host="algo-1"), {"AWS_REGION": "eu-west-1"}) == {
        "CURRENT_HOST": "algo-1",
        "SAGEMAKER_JOB_NAME": "job-1",
        "SAGEMAKER_REGION": "eu-west-1",
    }
    named = script_job(sagemaker_job_name="own", sagemaker_region="us-east-2")
    found = platform_variables(named, {"AWS_REGION": "eu-west-1"})
    assert (found["SAGEMAKER_JOB_NAME"], found["SAGEMAKER_REGION"]) == ("own", "us-east-2")
    assert platform_variables(script_job(), {})["SAGEMAKER_REGION"] == ""
