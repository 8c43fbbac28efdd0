"""The JSON files that describe a training job, written and read."""

import json
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.job import ChannelConfig, TrainingJob, checkpoint_folder
from wildsage.containers.contract.paths import OptML


@pytest.fixture
def opt_ml(tmp_path):
    folder = OptML(tmp_path)
    folder.make_folders()
    return folder


def test_what_is_written_is_read(opt_ml):
    job = TrainingJob(
        {"k": "10"},
        {"train": ChannelConfig("text/csv;label_size=0", "Pipe", "ShardedByS3Key"), "test": ChannelConfig()},
        "algo-2",
        ("algo-1", "algo-10", "algo-2"),
    )
    job.write(opt_ml)
    assert TrainingJob.read(opt_ml) == job


def test_the_files_are_as_sagemaker_writes_them(opt_ml):
    TrainingJob({"k": "10"}, {"train": ChannelConfig("text/csv;label_size=0", "File", "ShardedByS3Key")}).write(opt_ml)
    assert json.loads(opt_ml.input_data_config.read_text()) == {
        "train": {
            "ContentType": "text/csv;label_size=0",
            "TrainingInputMode": "File",
            "S3DistributionType": "ShardedByS3Key",
            "RecordWrapperType": "None",
        }
    }
    assert json.loads(opt_ml.resource_config.read_text())["hosts"] == ["algo-1"]


def test_the_type_of_the_instances_is_written_where_it_is_known(opt_ml):
    TrainingJob(hosts=("algo-2", "algo-1"), instance_type="ml.m5.large").write(opt_ml)
    written = json.loads(opt_ml.resource_config.read_text())
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1", "algo-2"]}
    assert written["instance_groups"] == [group] and written["current_group_name"] == "homogeneousCluster"
    assert TrainingJob.read(opt_ml).instance_type == written["current_instance_type"] == "ml.m5.large"
    TrainingJob().write(opt_ml)
    assert set(json.loads(opt_ml.resource_config.read_text())) == {"current_host", "hosts", "network_interface_name"}
    assert TrainingJob.read(opt_ml).instance_type is None


def test_only_the_first_host_by_name_leads():
    hosts = ("algo-1", "algo-10", "algo-2")
    assert [TrainingJob(current_host=host, hosts=hosts).leads for host in hosts] == [True, False, False]


def test_newer_fields_of_the_platform_are_ignored(opt_ml):
    opt_ml.hyperparameters.write_text('{"k": 10, "force_dense": "True"}')
    opt_ml.resource_config.write_text(
        '{"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.large"}'
    )
    assert TrainingJob.read(opt_ml).hyperparameters == {"k": "10", "force_dense": "True"}


def test_without_hyperparameters_the_missing_file_is_named(opt_ml):
    with pytest.raises(PlatformError, match=r"hyperparameters\.json is missing"):
        TrainingJob.read(opt_ml)


@pytest.mark.parametrize(("text", "problem"), [("{", "not valid JSON"), ("[1]", "got list, expected a JSON object")])
def test_a_broken_file_is_named(opt_ml, text, problem):
    opt_ml.hyperparameters.write_text(text)
    with pytest.raises(PlatformError, match=rf"hyperparameters\.json: {problem}"):
        TrainingJob.read(opt_ml)


def test_the_folder_of_checkpoints_is_the_one_named_or_the_usual(opt_ml):
    assert checkpoint_folder(opt_ml) is None
    for content, folder in (("{}", opt_ml.checkpoints), ('{"LocalPath": "/kept"}', Path("/kept"))):
        opt_ml.checkpoint_config.write_text(content)
        assert checkpoint_folder(opt_ml) == folder
    opt_ml.checkpoint_config.write_text("[")
    with pytest.raises(PlatformError, match=r"checkpointconfig\.json: not valid JSON"):
        checkpoint_folder(opt_ml)
