"""QueryLineage on a small graph: how far it goes, in which direction, what it selects, and the way to that."""

from __future__ import annotations

import pytest

from wildsage.local_runner.jobs.lineage import ARTIFACT, ASSOCIATION, BACK, COMPONENT
from wildsage.local_runner.operations.sagemaker.lineage_queries import query_lineage
from wildsage.local_runner.wire.errors import AwsError

LONG = "t" * 41


def add(context, name: str, **fields) -> None:
    document = {"ArtifactArn": name, "ArtifactType": fields.pop("of_type", name.upper()), "CreationTime": 1.0, **fields}
    context.services.store.insert(ARTIFACT.name, name, document)


def associate(context, source: str, destination: str, **fields) -> None:
    ends = {"SourceArn": source, "DestinationArn": destination, "AssociationType": "Produced", "CreationTime": 1.0}
    context.services.store.insert(ASSOCIATION, f"{source}>{destination}", ends | fields)


@pytest.fixture
def chain(context):
    """a → b → c → d, and b → x; e is alone."""
    for number, name in enumerate("abcdxe"):
        add(
            context,
            name,
            CreationTime=float(number),
            LastModifiedTime=10.0 * number,
            Properties={"is": name, "all": "1"},
        )
    for ends in ("ab", "bc", "cd", "bx"):
        associate(context, *ends)
    return context


def found(context, start: str, **request) -> str:
    request = {"StartArns": list(start), "IncludeEdges": False, **request}
    return "".join(sorted(one["Arn"] for one in query_lineage(context, request)["Vertices"]))


@pytest.mark.parametrize(
    ("start", "request_", "wanted"),
    [
        ("b", {}, "acdx"),
        ("b", {"Direction": "Both"}, "acdx"),
        ("b", {"Direction": "Descendants"}, "cdx"),
        ("b", {"Direction": "Ascendants"}, "a"),
        ("d", {"Direction": "Ascendants"}, "abc"),
        ("a", {"MaxDepth": 1}, "b"),
        ("a", {"MaxDepth": 2}, "bcx"),
        ("ax", {"MaxDepth": 1}, "b"),
        ("e", {}, ""),
    ],
)
def test_associations_are_followed_in_a_direction_and_up_to_a_depth(chain, start, request_, wanted):
    assert found(chain, start, **request_) == wanted


def test_ten_associations_are_followed_by_default(context):
    for number in range(12):
        add(context, f"{number:02d}", of_type="t")
    for number in range(11):
        associate(context, f"{number:02d}", f"{number + 1:02d}")
    assert len(query_lineage(context, {"StartArns": ["00"], "IncludeEdges": False})["Vertices"]) == 10


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, "bcdx"),
        ({"Types": ["C", "E"]}, "c"),
        ({"LineageTypes": ["Artifact"]}, "bcdx"),
        ({"LineageTypes": ["Action"]}, ""),
        ({"CreatedAfter": 1.0}, "cdx"),
        ({"CreatedBefore": 3.0}, "bc"),
        ({"ModifiedAfter": 10.0}, "cdx"),
        ({"ModifiedBefore": 30.0}, "bc"),
        ({"Properties": {"is": "d", "all": "2"}}, "d"),
        ({"Properties": {"is": "nothing"}}, ""),
        ({"Types": ["C"], "CreatedAfter": 2.0}, ""),
    ],
)
def test_filters_select(chain, filters, wanted):
    assert found(chain, "a", Filters=filters) == wanted


def test_what_was_never_changed_was_changed_when_it_was_created(context):
    add(context, "a")
    add(context, "b", CreationTime=5.0)
    associate(context, "a", "b")
    assert found(context, "a", Filters={"ModifiedAfter": 4.0, "ModifiedBefore": 6.0}) == "b"


def test_with_edges_an_answer_has_the_start_and_the_way_to_what_is_selected(chain):
    answer = query_lineage(chain, {"StartArns": ["a"], "Filters": {"Types": ["D"]}})
    assert [one["Arn"] for one in answer["Vertices"]] == ["a", "b", "c", "d"]
    assert [(one["SourceArn"], one["DestinationArn"]) for one in answer["Edges"]] == [
        ("a", "b"),
        ("b", "c"),
        ("c", "d"),
    ]
    assert answer["Edges"][0] == {"SourceArn": "a", "DestinationArn": "b", "AssociationType": "Produced"}
    without = query_lineage(chain, {"StartArns": ["a"], "IncludeEdges": False})
    assert without["Edges"] == [] and "a" not in [one["Arn"] for one in without["Vertices"]]


def test_all_shortest_ways_are_shown_and_a_circle_ends(context):
    for name in "abcd":
        add(context, name)
    for ends in ("ab", "ac", "bd", "cd", "da"):
        associate(context, *ends)
    answer = query_lineage(context, {"StartArns": ["a"], "Direction": "Descendants", "Filters": {"Types": ["D"]}})
    assert [one["Arn"] for one in answer["Vertices"]] == ["a", "b", "c", "d"]
    edges = ["".join((one["SourceArn"], one["DestinationArn"])) for one in answer["Edges"]]
    assert sorted(edges) == ["ab", "ac", "bd", "cd", "da"]


def test_an_association_back_is_followed_down_from_the_start_alone(context):
    for name in "abc":
        add(context, name)
    associate(context, "a", "b", **{BACK: True})
    associate(context, "b", "c", **{BACK: True})
    assert found(context, "a", Direction="Descendants") == "b"
    assert found(context, "a") == found(context, "a", Direction="Both") == ""
    assert found(context, "b", Direction="Ascendants") == ""


def test_fifty_vertices_are_a_page(context):
    add(context, "a")
    for number in range(51):
        add(context, f"v{number:02d}")
        associate(context, "a", f"v{number:02d}")
    request = {"StartArns": ["a"], "IncludeEdges": False}
    first = query_lineage(context, request)
    second = query_lineage(context, {**request, "NextToken": first["NextToken"]})
    assert [len(page["Vertices"]) for page in (first, second)] == [50, 1] and "NextToken" not in second
    assert len(query_lineage(context, {**request, "MaxResults": 2})["Vertices"]) == 2


def test_a_vertex_has_the_type_of_its_source_cut_to_forty_characters(context):
    add(context, "a")
    add(context, "b", of_type=LONG)
    associate(context, "a", "b")
    for name, source in (("c", {"Source": {"SourceType": "SageMakerTrainingJob"}}), ("d", {})):
        component = {"TrialComponentArn": name, "CreationTime": 1.0, "Trials": [], **source}
        context.services.store.insert(COMPONENT.name, name, component)
        associate(context, "a", name)
    assert query_lineage(context, {"StartArns": ["a"], "IncludeEdges": False})["Vertices"] == [
        {"Arn": "b", "LineageType": "Artifact", "Type": LONG[:40]},
        {"Arn": "c", "LineageType": "TrialComponent", "Type": "TrainingJob"},
        {"Arn": "d", "LineageType": "TrialComponent"},
    ]
    assert found(context, "a", Filters={"Types": ["TrainingJob"]}) == "c"


def test_ends_that_do_not_exist_any_more_are_left_out_and_no_start(context):
    add(context, "a")
    add(context, "c")
    associate(context, "a", "gone")
    associate(context, "gone", "c")
    assert found(context, "a") == "c"
    with pytest.raises(AwsError, match="No lineage entity has the ARN gone") as caught:
        query_lineage(context, {"StartArns": ["a", "gone"]})
    assert caught.value.code == "ResourceNotFound"
    assert query_lineage(context, {"Filters": {}})["Vertices"] == []
