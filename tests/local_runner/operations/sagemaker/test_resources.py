"""What all operations on resources share: names, tags, S3 URIs, and the selection and tokens of lists."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import TAGS, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.wire.errors import AwsError

KIND = Kind("thing", "Thing", "useful thing")
ARN = "arn:aws:sagemaker:us-east-1:000000000000:thing/one"


def names(found: list[dict[str, Any]]) -> str:
    return "".join(one["ThingName"] for one in found)


def rejection(call: Any, *arguments: Any, **fields: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        call(*arguments, **fields)
    return caught.value.code, str(caught.value)


def test_a_resource_is_created_found_and_deleted_with_its_tags(context):
    before = time.time()
    request = {"ThingName": "One", "Size": 1, "Tags": [{"Key": "a", "Value": "b"}]}
    assert resources.create(context, KIND, request) == {"ThingArn": ARN}
    found = resources.find(context, KIND, "One")
    assert before <= found.pop("CreationTime") <= time.time()
    assert found == {"ThingName": "One", "Size": 1, "ThingArn": ARN}
    assert context.services.store.get(TAGS, ARN) == {"a": "b"}
    taken = ("ValidationException", f'Cannot create already existing useful thing "{ARN}".')
    assert rejection(resources.create, context, KIND, {"ThingName": "one"}) == taken
    resources.delete(context, KIND, "One")
    missing = ("ValidationException", f'Could not find useful thing "{ARN}".')
    assert (
        rejection(resources.find, context, KIND, "One") == rejection(resources.delete, context, KIND, "One") == missing
    )
    with pytest.raises(NotFound):
        context.services.store.get(TAGS, ARN)


def test_a_new_resource_has_no_tags_of_an_earlier_one(context):
    resources.save_tags(context, ARN, {"Tags": [{"Key": "old", "Value": "1"}]})
    resources.save_tags(context, ARN, {})
    assert context.services.store.get(TAGS, ARN) == {}


@pytest.mark.parametrize(
    ("container", "address"),
    [
        ({}, None),
        ({"ModelDataUrl": "s3://b/m.tar.gz"}, "s3://b/m.tar.gz"),
        ({"ModelDataSource": {}}, None),
        (
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3DataType": "S3Object", "CompressionType": "Gzip", "S3Uri": "s3://b/m"}
                }
            },
            "s3://b/m",
        ),
        (
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": "s3://b/m"}
                }
            },
            "s3://b/m/",
        ),
        (
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": "s3://b/m/"}
                }
            },
            "s3://b/m/",
        ),
    ],
)
def test_where_a_model_lies(container, address):
    assert resources.model_address(container) == address


@pytest.mark.parametrize(("kind", "compression"), [("S3Object", "None"), ("S3Prefix", "Gzip")])
def test_other_places_of_a_model_are_rejected(kind, compression):
    source = {"S3DataSource": {"S3DataType": kind, "CompressionType": compression, "S3Uri": "s3://b/m"}}
    code, text = rejection(resources.model_address, {"ModelDataSource": source})
    assert code == "ValidationException" and f"got S3DataType {kind} with CompressionType {compression}" in text


def test_a_target_needs_its_bucket(context):
    resources.check_target(context, "S3OutputPath", "s3://bucket/anything")
    code, text = rejection(resources.check_target, context, "S3OutputPath", "s3://absent/x")
    assert code == "ValidationException"
    assert text == "S3OutputPath s3://absent/x: the bucket absent does not exist. Create it first."
    assert rejection(resources.bucket_of, "http://bucket/x")[0] == "ValidationException"


@pytest.mark.parametrize("image", [None, "", "of-nobody:1"])
def test_an_image_that_cannot_run_is_rejected(context, image):
    assert rejection(resources.check_image, context, image)[0] == "ValidationException"


def test_a_backend_is_asked_to_isolate_one_container_that_does_not_serve_unless_told_otherwise(context):
    asked: list[tuple[int, bool]] = []
    backend = SimpleNamespace(check_isolation=lambda hosts, serves: asked.append((hosts, serves)))
    view = RequestContext(replace(context.services, backend=backend))
    resources.check_isolation(view)
    resources.check_isolation(view, 3, serves=True)
    assert asked == [(1, False), (3, True)]


def test_several_hosts_cannot_be_isolated_as_processes(context):
    code, text = rejection(resources.check_isolation, context, 2)
    assert code == "ValidationException" and "EnableNetworkIsolation cannot be kept here" in text


@pytest.fixture
def things(context):
    """Five things, a to e, created at 1 to 5 s, changed at 10 to 50 s; c and e have failed."""
    for number, name in enumerate("abcde", start=1):
        document = {
            "ThingName": name,
            "TransformJobStatus": "Failed" if name in "ce" else "Completed",
            "CreationTime": float(number),
            "LastModifiedTime": 10.0 * number,
        }
        context.services.store.insert("thing", name, document)
    return context


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ({}, "edcba"),
        ({"SortOrder": "Ascending"}, "abcde"),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, "abcde"),
        ({"SortBy": "Status", "SortOrder": "Ascending"}, "abdce"),
        ({"NameContains": "c"}, "c"),
        ({"StatusEquals": "Failed"}, "ec"),
        ({"CreationTimeAfter": 2.0}, "edc"),
        ({"CreatedAfter": 2.0}, "edc"),
        ({"CreationTimeBefore": 4.0}, "cba"),
        ({"CreatedBefore": 4.0}, "cba"),
        ({"CreationTimeAfter": 2.0, "CreationTimeBefore": 4.0}, "c"),
        ({"LastModifiedTimeAfter": 20.0}, "edc"),
        ({"LastModifiedTimeBefore": 40.0}, "cba"),
        ({"MaxResults": 2}, "ed"),
        ({"MaxResults": 2, "StatusEquals": "Completed"}, "db"),
    ],
)
def test_a_list_selects_and_sorts(things, request_, wanted):
    found, _ = resources.page(things, "thing", request_)
    assert names(found) == wanted


def test_a_list_may_select_by_name_and_by_the_first_time_that_counts(things):
    def listed(request: dict[str, Any] | None = None, **choice: Any) -> str:
        return names(resources.page(things, "thing", request or {}, "Ascending", **choice)[0])

    assert listed() == "abcde"
    assert listed(names=["b", "d"]) == "bd"
    assert listed(names=[]) == ""
    assert listed(since=3.0) == "cde"
    assert listed({"CreationTimeAfter": 3.0}, since=3.0) == "de"
    assert listed({"CreationTimeAfter": 1.0}, since=3.0) == "cde"


def test_a_page_has_ten(context):
    for number in range(11):
        context.services.store.insert("thing", f"{number:02d}", {"CreationTime": float(number)})
    first, token = resources.page(context, "thing", {})
    last, end = resources.page(context, "thing", token)
    assert (len(first), len(last), end) == (10, 1, {})


def test_resources_that_come_and_go_do_not_move_the_next_page(things):
    request = {"SortOrder": "Ascending", "MaxResults": 2}
    found, token = resources.page(things, "thing", request)
    things.services.store.delete("thing", "b")
    things.services.store.insert("thing", "new", {"ThingName": "new", "CreationTime": 0.5})
    assert names(found) + names(resources.page(things, "thing", {**request, **token})[0]) == "abcd"


def token(key: Any) -> dict[str, str]:
    return {"NextToken": base64.urlsafe_b64encode(json.dumps(key).encode()).decode()}


FOREIGN = "NextToken was not created for this list and its order. Start the list again without it."


@pytest.mark.parametrize("key", [None, 1, [], [1], ["x", "a"], [1.0, 2], [1.0, "a", 3], {"a": 1}])
def test_tokens_of_other_lists_are_rejected(things, key):
    assert rejection(resources.page, things, "thing", token(key)) == ("ValidationException", FOREIGN)


@pytest.mark.parametrize("text", ["%%%", "bm90IEpTT04=", "x"])
def test_what_was_never_a_token_is_rejected(things, text):
    assert rejection(resources.page, things, "thing", {"NextToken": text}) == ("ValidationException", FOREIGN)


def test_a_token_of_one_order_is_not_one_of_another(things):
    _, by_time = resources.page(things, "thing", {"MaxResults": 1})
    _, by_name = resources.page(things, "thing", {"MaxResults": 1, "SortBy": "Name"})
    assert names(resources.page(things, "thing", {"SortBy": "Name", **by_name})[0]) == "dcba"
    assert rejection(resources.page, things, "thing", {"SortBy": "Name", **by_time})[1] == FOREIGN
    assert rejection(resources.page, things, "thing", by_name)[1] == FOREIGN


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_numbered_pages_hold_everything_once(size):
    documents = [{"Name": number} for number in range(4)]
    found, pages, more = [], 0, {}
    while True:
        page, more = resources.numbered_page(documents, {"MaxResults": size, **more})
        found, pages = [*found, *page], pages + 1
        if not more:
            break
    assert found == documents
    assert pages == -(-4 // size)


def test_numbered_pages_select_by_a_status():
    documents = [{"Status": "A"}, {"Status": "B"}, {}]
    assert resources.numbered_page(documents, {"StatusEquals": "B"}, "Status") == ([{"Status": "B"}], {})
    assert resources.numbered_page(documents, {}) == (documents, {})


@pytest.mark.parametrize(("begin", "accepted"), [(0, True), (7, True), (2**53 - 1, True), (-1, False), (2**53, False)])
def test_a_number_is_not_negative_and_fits_the_store(begin, accepted):
    if accepted:
        assert resources.numbered_place(token([begin])) == (begin, 10)
    else:
        assert rejection(resources.numbered_place, token([begin]))[1] == FOREIGN


@pytest.mark.parametrize(("end", "count", "more"), [(3, 4, True), (4, 4, False), (5, 4, False)])
def test_a_token_is_given_if_something_follows(end, count, more):
    found = resources.numbered_token(end, count)
    assert (resources.numbered_place(found)[0] == end) if more else found == {}
