"""Lists of objects, page by page, with prefixes and delimiters."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.s3.listing import list_page
from wildsage.local_runner.s3.objects import ObjectSummary

keys = st.text("ab/é🚀", min_size=1, max_size=6)


def plain_listing(names: set[str], prefix: str, delimiter: str) -> list[str]:
    """All entries in order, the obvious way: common prefixes are marked by a leading *."""
    entries = set()
    for name in names:
        if name.startswith(prefix):
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            entries.add(("*" if found else "", prefix + head + found if found else name))
    return [mark + entry for mark, entry in sorted(entries, key=lambda pair: pair[1].encode())]


def summaries(names: Iterable[str]) -> list[ObjectSummary]:
    return [ObjectSummary(bucket="bucket", key=name, size=0, etag="", modified_ns=0) for name in names]


@given(st.sets(keys, max_size=15), st.text("ab/", max_size=2), st.sampled_from(["", "/", "a", "b/"]), st.integers(1, 5))
def test_pages_of_any_size_give_the_plain_listing(names, prefix, delimiter, limit):
    def page(bucket, prefix, start, count):
        assert 1 <= count <= limit + 1, "one more than the page holds tells whether there is a next"
        found = sorted((n for n in names if n.startswith(prefix) and n >= start), key=str.encode)
        return summaries(found[:count])

    seen, after = [], ""
    while True:
        listing = list_page(page, "bucket", prefix, delimiter, after, limit)
        assert listing.count == len(listing.objects) + len(listing.common_prefixes) <= limit
        assert listing.count == limit or not listing.is_truncated
        entries = [entry.key for entry in listing.objects] + ["*" + common for common in listing.common_prefixes]
        seen += sorted(entries, key=lambda entry: entry.removeprefix("*").encode())
        after = listing.last
        if not listing.is_truncated:
            break
    assert seen == plain_listing(names, prefix, delimiter)


@pytest.mark.parametrize(("folders", "files", "most_rows"), [(10, 1000, 1500), (100, 100, 1500), (1000, 10, 10_000)])
def test_of_large_folders_few_keys_are_read(folders, files, most_rows):
    names = [f"{folder:04d}/{file:04d}" for folder in range(folders) for file in range(files)]
    rows = []

    def page(bucket, prefix, start, count):
        at = bisect_left(names, start)
        rows.append(len(names[at : at + count]))
        return summaries(names[at : at + count])

    listing = list_page(page, "bucket", "", "/", "", 1000)
    assert listing.common_prefixes == [f"{folder:04d}/" for folder in range(folders)]
    assert sum(rows) <= most_rows
    assert len(rows) <= folders + 1


@pytest.fixture
def filled(s3, bucket) -> str:
    for key in ("a", "dir/1", "dir/2", "dir/sub/3", "z\x01&<é +%"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_boto3_pages_through_both_versions(s3, filled, operation, page_size):
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, PaginationConfig={"PageSize": page_size}))
    assert [e["Key"] for page in pages for e in page["Contents"]] == ["a", "dir/1", "dir/2", "dir/sub/3", "z\x01&<é +%"]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_delimiter_folds_folders(s3, filled, operation):
    pages = list(
        s3.get_paginator(operation).paginate(
            Bucket=filled, Prefix="dir/", Delimiter="/", PaginationConfig={"PageSize": 2}
        )
    )
    assert [e["Key"] for page in pages for e in page.get("Contents", ())] == ["dir/1", "dir/2"]
    assert [e["Prefix"] for page in pages for e in page.get("CommonPrefixes", ())] == ["dir/sub/"]


def test_start_after_and_the_fields_of_an_entry(s3, filled):
    answer = s3.list_objects_v2(Bucket=filled, StartAfter="dir/1", MaxKeys=1)
    assert answer["IsTruncated"] and answer["KeyCount"] == 1
    entry = answer["Contents"][0]
    assert (entry["Key"], entry["Size"], entry["StorageClass"]) == ("dir/2", 5, "STANDARD")
    assert entry["ETag"] == s3.head_object(Bucket=filled, Key="dir/2")["ETag"]
    assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["CRC32"], "FULL_OBJECT")


def test_a_list_may_start_after_any_text_inside_a_folder(s3, filled):
    """The folder is listed if a key of it follows."""
    for after, folders in (("dir/1", ["dir/"]), ("dir/sub/", ["dir/"]), ("dir/sub/3", []), ("dir/", [])):
        answer = s3.list_objects_v2(Bucket=filled, StartAfter=after, Delimiter="/")
        assert [common["Prefix"] for common in answer.get("CommonPrefixes", ())] == folders
        assert [entry["Key"] for entry in answer["Contents"]] == ["z\x01&<é +%"]


def test_a_page_repeats_what_was_asked_for(s3, filled):
    asked = s3.list_objects_v2(Bucket=filled, Delimiter="/", Prefix="dir/")
    assert (asked["Name"], asked["Prefix"], asked["Delimiter"]) == (filled, "dir/", "/")
    assert "Delimiter" not in s3.list_objects_v2(Bucket=filled)


@pytest.mark.parametrize("page_size", [1, 2, 3, 4])
def test_a_paginator_that_starts_after_a_key_reads_on_to_the_last(s3, filled, page_size):
    """Three keys follow: pages of one and of three are all full, and the last of them has no token."""
    paginator = s3.get_paginator("list_objects_v2")
    pages = list(paginator.paginate(Bucket=filled, StartAfter="dir/1", PaginationConfig={"PageSize": page_size}))
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == ["dir/2", "dir/sub/3", "z\x01&<é +%"]
    assert len(pages) == -(-3 // page_size)
    for page, following in pairwise(pages):
        assert page["IsTruncated"] and page["NextContinuationToken"] == following["ContinuationToken"]
    assert not pages[-1]["IsTruncated"] and "NextContinuationToken" not in pages[-1]
    assert {page["StartAfter"] for page in pages} == {"dir/1"}
    assert "StartAfter" not in s3.list_objects_v2(Bucket=filled)


def test_a_page_has_a_thousand_entries_at_most_and_one_of_none_is_the_last(s3, filled):
    assert s3.list_objects_v2(Bucket=filled)["MaxKeys"] == 1000
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=1001)["MaxKeys"] == 1000
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=999)["MaxKeys"] == 999
    none = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"], none.get("Contents", [])) == (0, False, [])


def test_owners_are_listed_by_version_1_and_where_they_are_asked_for(s3, filled):
    def owners(answer: dict) -> set[bool]:
        return {"Owner" in entry for entry in answer["Contents"]}

    assert owners(s3.list_objects(Bucket=filled)) == {True}
    assert owners(s3.list_objects_v2(Bucket=filled)) == {False}
    assert owners(s3.list_objects_v2(Bucket=filled, FetchOwner=False)) == {False}
    assert owners(s3.list_objects_v2(Bucket=filled, FetchOwner=True)) == {True}


def test_the_next_marker_is_told_where_a_delimiter_may_have_hidden_it(s3, filled):
    """ListObjects: "This element is returned only if you have the delimiter request parameter specified." (API reference)"""
    first = s3.list_objects(Bucket=filled, Delimiter="/", MaxKeys=2)
    assert (first["IsTruncated"], first["NextMarker"]) == (True, "dir/")
    last = s3.list_objects(Bucket=filled, Delimiter="/", MaxKeys=2, Marker=first["NextMarker"])
    assert [entry["Key"] for entry in last["Contents"]] == ["z\x01&<é +%"]
    assert not last["IsTruncated"] and "NextMarker" not in last and last["Marker"] == "dir/"
    assert "NextMarker" not in s3.list_objects(Bucket=filled, MaxKeys=2)


def test_bad_arguments_are_named(s3, filled, server):
    right = s3.list_objects_v2(Bucket=filled, MaxKeys=1)["NextContinuationToken"]
    for wrong in ("ÿ", f"!{right}", right[:-1]):
        with pytest.raises(ClientError, match="continuation token"):
            s3.list_objects_v2(Bucket=filled, ContinuationToken=wrong)
    with pytest.raises(ClientError, match="encoding-type: got 'xml', expected url"):
        s3.list_objects_v2(Bucket=filled, EncodingType="xml")
    with pytest.raises(ClientError, match="max-keys"):
        s3.list_objects_v2(Bucket=filled, MaxKeys=-1)


def test_a_control_character_of_a_key_is_a_reference_unless_the_client_asks_for_an_encoding(local):
    """The reference is what S3 writes, although XML 1.0 has none for this character."""
    local.store.put("bucket", "a\x01/b c", [b"x"])
    for query in ("", "list-type=2", "versions"):
        plain = local.http.get(f"/bucket?{query}&delimiter=%2F&prefix=a%01").data
        assert b"<CommonPrefixes><Prefix>a&#x1;/</Prefix></CommonPrefixes>" in plain
        assert b"<Key>a&#x1;/b c</Key>" in local.http.get(f"/bucket?{query}").data
        encoded = local.http.get(f"/bucket?{query}&encoding-type=url").data
        assert b"<Key>a%01/b%20c</Key>" in encoded and b"<EncodingType>url</EncodingType>" in encoded


def test_resource_interface(server, filled):
    resource = boto3.resource(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    assert [entry.key for entry in resource.Bucket(filled).objects.filter(Prefix="dir/sub")] == ["dir/sub/3"]
    resource.Bucket(filled).objects.filter(Prefix="dir/").delete()
    assert [entry.key for entry in resource.Bucket(filled).objects.all()] == ["a", "z\x01&<é +%"]


def test_every_object_is_its_only_version(s3, bucket):
    for key in ("a", "b/1", "b/2", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    paginator = s3.get_paginator("list_object_versions")
    pages = paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    versions = [version for page in pages for version in page["Versions"]]
    assert [version["Key"] for version in versions] == ["a", "b/1", "b/2", "c"]
    assert {(version["VersionId"], version["IsLatest"], version["Size"]) for version in versions} == {("null", True, 1)}
    for page_size in (1, 2, 3):
        found = paginator.paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": page_size}
        ).build_full_result()
        assert [version["Key"] for version in found["Versions"]] == ["a", "c"]
        assert [common["Prefix"] for common in found["CommonPrefixes"]] == ["b/"]
    s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions]}
    )
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
