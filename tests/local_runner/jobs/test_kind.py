"""AWS's names of a resource's fields follow from what the resource is called."""

from wildsage.local_runner.jobs.kind import Kind


def test_fields_begin_with_the_stem():
    kind = Kind("training-job", "TrainingJob", "training job")
    assert (kind.name_field, kind.arn_field, kind.status_field) == (
        "TrainingJobName",
        "TrainingJobArn",
        "TrainingJobStatus",
    )
