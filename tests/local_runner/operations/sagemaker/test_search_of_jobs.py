"""Search by properties of every kind."""

import pytest


@pytest.fixture(scope="module")
def jobs(aws, channel):
    """Three jobs: k is 9, 10 and 11; the last has a score, a tag and a channel of its own."""
    uri = aws.upload("searched", a=b"1")
    names = []
    for k in (9, 10, 11):
        last = k == 11
        names.append(
            aws.train(
                channel(uri, "train" if last else "other"),
                TrainingJobName=f"searched-{k}",
                Tags=[{"Key": "team", "Value": "blue" if last else "red"}],
                k=str(k),
                lines="#quality_metric: host=algo-1, test msd <loss>=0.25" if last else "nothing",
            )
        )
    for name in names:
        aws.finished(name)
    return names


def found(aws, *filters, resource="TrainingJob", **request) -> list[str]:
    names = ",".join(f"searched-{k}" for k in (9, 10, 11))
    named = {"Name": "TrainingJobName", "Operator": "In", "Value": names}
    expression = {"Filters": [named, *filters], **request.pop("expression", {})}
    results = aws.sagemaker.search(Resource=resource, SearchExpression=expression, **request)["Results"]
    return sorted(result["TrainingJob"]["TrainingJobName"].removeprefix("searched-") for result in results)


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("HyperParameters.k", "Equals", "9", ["9"]),
        ("HyperParameters.k", "GreaterThan", "9", ["10", "11"]),
        ("HyperParameters.k", "In", "9,11", ["11", "9"]),
        ("HyperParameters.k", "NotEquals", "9", ["10", "11"]),
        ("TrainingJobStatus", "Equals", "Completed", ["10", "11", "9"]),
        ("Tags.team", "Equals", "blue", ["11"]),
        ("Metrics.test:msd", "LessThanOrEqualTo", "0.25", ["11"]),
        ("Metrics.test:msd", "NotExists", None, ["10", "9"]),
        ("InputDataConfig.ChannelName", "Equals", "train", ["11"]),
        ("EnableManagedSpotTraining", "Equals", "false", ["10", "11", "9"]),
        ("CreationTime", "LessThan", "2020-01-01T00:00:00Z", []),
        ("CreationTime", "GreaterThan", "2020-01-01T00:00:00Z", ["10", "11", "9"]),
    ],
)
def test_a_filter_finds_what_it_describes(aws, jobs, name, operator, value, expected):
    given = {"Name": name, "Operator": operator, **({"Value": value} if value is not None else {})}
    assert found(aws, given) == expected


def test_a_name_that_is_a_number_is_found_as_a_number(aws):
    job = aws.train(TrainingJobName="20261129")
    aws.finished(job)
    for value in (job, f"{job}.0"):
        filters = [{"Name": "TrainingJobName", "Value": value}]
        found = aws.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": filters})["Results"]
        assert [one["TrainingJob"]["TrainingJobName"] for one in found] == [job]


def test_a_nested_filter_wants_one_member_that_passes_all(aws, jobs):
    def nested(channel: str) -> dict:
        filters = [
            {"Name": "InputDataConfig.ChannelName", "Value": channel},
            {"Name": "InputDataConfig.DataSource.S3DataSource.S3Uri", "Operator": "Contains", "Value": "searched"},
        ]
        return {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}

    assert found(aws, expression=nested("train")) == ["11"]
    assert found(aws, expression=nested("absent")) == []


def test_expressions_within_expressions(aws, jobs):
    either = [{"Name": "HyperParameters.k", "Value": "9"}, {"Name": "Tags.team", "Value": "blue"}]
    assert found(aws, expression={"SubExpressions": [{"Filters": either, "Operator": "Or"}]}) == ["11", "9"]


def test_results_are_sorted_and_paged(aws, jobs):
    request = {
        "Resource": "TrainingJob",
        "SearchExpression": {"Filters": [{"Name": "TrainingJobName", "Operator": "Contains", "Value": "searched"}]},
        "SortBy": "HyperParameters.k",
        "SortOrder": "Descending",
    }
    pages = list(aws.sagemaker.get_paginator("search").paginate(**request, PaginationConfig={"PageSize": 2}))
    sizes = [[one["TrainingJob"]["HyperParameters"]["k"] for one in page["Results"]] for page in pages]
    assert sizes == [["11", "10"], ["9"]]
    assert pages[0]["TotalHits"]["Value"] == 3


def test_a_component_is_found_by_its_experiment(aws):
    name = aws.name("looked-for")
    aws.sagemaker.create_experiment(ExperimentName=name)
    aws.sagemaker.create_trial(TrialName=name, ExperimentName=name)
    aws.sagemaker.create_trial_component(TrialComponentName=name)
    aws.sagemaker.associate_trial_component(TrialComponentName=name, TrialName=name)
    by_parent = {"Filters": [{"Name": "Parents.ExperimentName", "Value": name}]}
    (one,) = aws.sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=by_parent)["Results"]
    assert one["TrialComponent"]["Parents"] == [{"ExperimentName": name, "TrialName": name}]


def test_what_cannot_be_searched_says_so(aws):
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="Search for FeatureGroup is not implemented"):
        aws.sagemaker.search(Resource="FeatureGroup")
