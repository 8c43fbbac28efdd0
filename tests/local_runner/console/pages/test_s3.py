"""The pages of S3: what buckets hold, uploads, downloads, presigned links, deletion."""

from __future__ import annotations

import io
import re
from html import unescape
from urllib.parse import quote, urlsplit

import pytest

from wildsage.local_runner.console import PATH
from wildsage.local_runner.console.pages import s3
from wildsage.local_runner.s3.errors import NoSuchKey

MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def store(visitor):
    """The store of the visitor's server, with a bucket."""
    visitor.regions.objects.create_bucket("bucket")
    return visitor.regions.objects


def held(store, key: str) -> bytes:
    return store.get("bucket", key).path.read_bytes()


def test_buckets_are_listed_created_and_deleted(visitor):
    assert "There are no buckets yet" in visitor.text("/s3/")
    assert visitor.post("/s3/", {"name": "my-data"}).location == f"{PATH}/s3/buckets/my-data"
    assert "my-data" in visitor.text("/s3/")
    refused = visitor.post("/s3/", {"name": "My Data"})
    assert refused.status_code == 400 and "InvalidBucketName" in refused.text
    assert visitor.post("/s3/buckets/my-data/delete").location == f"{PATH}/s3/"
    assert "Deleted bucket my-data." in visitor.text("/s3/")
    assert visitor.get("/s3/buckets/my-data").status_code == 404


def test_a_bucket_shows_folders_and_objects(visitor, store):
    for key in ("train/a.csv", "train/deep/b.csv", "readme.txt"):
        store.put("bucket", key, [b"1,2\n"])
    top = visitor.text("/s3/buckets/bucket")
    assert ">train/</a>" in top and ">readme.txt</a>" in top and "a.csv" not in top
    below = visitor.text("/s3/buckets/bucket?prefix=train/")
    assert ">a.csv</a>" in below and ">deep/</a>" in below and "readme" not in below
    assert ">deep/</a>" in visitor.text("/s3/buckets/bucket?prefix=train/d")
    assert "No key begins with nothing" in visitor.text("/s3/buckets/bucket?prefix=nothing")


def rows_read(store, monkeypatch) -> list[int]:
    """How many rows each query of the index gives from now on."""
    query, counts = store.index.rows, []

    def counted(*arguments) -> list:
        found = query(*arguments)
        counts.append(len(found))
        return found

    monkeypatch.setattr(store.index, "rows", counted)
    return counts


def test_ten_thousand_objects_are_paged(visitor, store, monkeypatch):
    pending = store.put("bucket", "folder/0", [b""])
    row = "SELECT bucket, 'folder/' || printf('%05d', ?), 'hashed/' || ?, size, modified_ns, etag, checksums, attributes FROM objects LIMIT 1"
    with store.index.writing():
        for number in range(10_000):
            store.index.row(f"INSERT INTO objects {row}", (number, number))
    read = rows_read(store, monkeypatch)
    page = visitor.text("/s3/buckets/bucket?prefix=folder/")
    assert sum(read) == 501, "one more than are shown tells that there are more"
    names, pages = re.findall(r">(\d{5})</a>", page), 1
    while following := re.search(r'rel="next" href="([^"]+)"', page):
        page = visitor.text(unescape(following[1]).removeprefix(PATH))
        names += re.findall(r">(\d{5})</a>", page)
        pages += 1
    assert names == [f"{number:05d}" for number in range(10_000)]
    assert pages == 21 and pending.size == 0
    assert sum(read) == 10_000 + 1 + 20, "each page is read from where the one before ended"


def test_files_are_uploaded_below_a_folder(visitor, store):
    files = [(io.BytesIO(b"1,2\n"), "a.csv"), (io.BytesIO(b"x" * 3_000_000), "b.bin")]
    response = visitor.post("/s3/buckets/bucket", {"prefix": "in/", "files": files})
    assert response.location == f"{PATH}/s3/buckets/bucket?prefix=in/"
    assert held(store, "in/a.csv") == b"1,2\n" and len(held(store, "in/b.bin")) == 3_000_000
    assert store.get("bucket", "in/a.csv").content_type == "text/csv"
    assert "Stored a.csv, b.bin." in visitor.text("/s3/buckets/bucket?prefix=in/")


def test_an_upload_of_another_site_is_refused(visitor, store):
    data = {"files": [(io.BytesIO(b"x"), "a.csv")]}
    assert visitor.post("/s3/buckets/bucket", data, origin="http://localhost:8888").status_code == 403
    assert list(store.list("bucket")) == []


def test_an_object_has_a_preview_and_its_facts(visitor, store):
    store.put("bucket", "in/a.csv", [b"age,name\n7,Ann\n"], "text/csv", {"origin": MARKUP})
    page = visitor.text("/s3/buckets/bucket/object?key=in/a.csv")
    assert '<th scope="col">age</th>' in page and "<td>Ann</td>" in page
    assert "x-amz-meta-origin" in page and "text/csv" in page and "s3://bucket/in/a.csv" in page


@pytest.mark.parametrize(
    ("key", "content", "kind"),
    [
        ("a.html", MARKUP.encode(), "text/html"),
        ("a.csv", f'"{MARKUP}",1\n'.encode(), "text/csv"),
        ("a.json", f'{{"{MARKUP}": "{MARKUP}"}}'.encode(), "application/json"),
        (f"{MARKUP}.txt", b"x", MARKUP),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
    ],
)
def test_nothing_of_an_object_becomes_markup(visitor, store, key, content, kind):
    store.put("bucket", key, [content], kind, {"note": "<script>"})
    response = visitor.client.get(
        f"{PATH}/s3/buckets/bucket/object", query_string={"key": key}, headers={"Host": "localhost:4577"}
    )
    assert response.status_code == 200
    assert "<script>" not in response.text.replace("<script src=", "") and "<svg" not in response.text
    assert "<script>" not in visitor.text("/s3/buckets/bucket")


def test_a_picture_is_shown_out_of_the_page_itself(visitor, store):
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "PNG")
    store.put("bucket", "a.png", [file.getvalue()])
    assert 'src="data:image/png;base64,' in visitor.text("/s3/buckets/bucket/object?key=a.png")


def test_a_download_is_an_attachment_without_a_type(visitor, store):
    store.put("bucket", "in/page.html", [b"<script>" * 100_000], "text/html")
    response = visitor.get("/s3/buckets/bucket/download?key=in/page.html")
    assert response.data == b"<script>" * 100_000
    headers = response.headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment; filename=page.html"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Content-Security-Policy"] == "sandbox"
    assert headers["Content-Length"] == "800000"


def test_a_presigned_link_reads_the_object(open_console, tmp_path):
    from wildsage.local_runner.signatures import keys

    visitor = open_console(keys=keys.ensure(tmp_path / "aws"))
    visitor.regions.objects.create_bucket("bucket")
    visitor.regions.objects.put("bucket", "a b/ü.txt", [b"content"])
    token = re.search(r'form-token" content="([^"]+)"', visitor.get("/login").text)[1]
    headers = {"Host": "localhost:4577", "Origin": "http://localhost:4577"}
    secret = keys.ensure(tmp_path / "aws").secret
    visitor.client.post(f"{PATH}/login", data={"form_token": token, "secret": secret}, headers=headers)
    page = visitor.text("/s3/buckets/bucket/object?key=a b/ü.txt&hours=24")
    link = unescape(re.search(r"http://localhost:4577/bucket/[^<\s]+", page)[0])
    assert "X-Amz-Expires=86400" in link
    address = urlsplit(link)
    answer = visitor.client.get(address.path, query_string=address.query, headers={"Host": "localhost:4577"})
    assert answer.data == b"content"
    assert visitor.client.get(address.path, headers={"Host": "localhost:4577"}).status_code == 403


def test_an_object_is_deleted(visitor, store):
    store.put("bucket", "in/a.csv", [b"1"])
    assert "data-confirm=" in visitor.text("/s3/buckets/bucket/object?key=in/a.csv")
    assert (
        visitor.post("/s3/buckets/bucket/object/delete", {"key": "in/a.csv"}).location
        == f"{PATH}/s3/buckets/bucket?prefix=in/"
    )
    with pytest.raises(NoSuchKey):
        store.get("bucket", "in/a.csv")


def test_an_s3_uri_leads_to_its_object_or_prefix(visitor, store):
    store.put("bucket", "in/a.csv", [b"1"])
    ways = {
        "s3://bucket/in/a.csv": "/object?key=in/a.csv",
        "s3://bucket/in": "?prefix=in",
        "s3://bucket/in/": "?prefix=in/",
        "s3://bucket": "",
    }
    for uri, way in ways.items():
        assert visitor.get(f"/s3/at?uri={uri}").location == f"{PATH}/s3/buckets/bucket{way}"
    assert visitor.get("/s3/at?uri=bucket").status_code == 404


def test_what_is_not_there_is_said(visitor, store):
    for path in (
        "/s3/buckets/gone",
        "/s3/buckets/bucket/object?key=gone",
        "/s3/buckets/bucket/object",
        "/s3/buckets/bucket/download?key=x",
    ):
        assert visitor.get(path).status_code == 404, path


def test_control_characters_in_a_key_reach_neither_headers_nor_what_is_copied(visitor, store):
    key = "in/a\x1b[201~\nb.csv"
    store.put("bucket", key, [b"1,2"])
    at = f"key={quote(key, safe='')}"
    download = visitor.get(f"/s3/buckets/bucket/download?{at}")
    assert download.data == b"1,2" and "\\x1b" in download.headers["Content-Disposition"]
    assert r"s3://bucket/in/a\x1b[201~\x0ab.csv</pre>" in visitor.text(f"/s3/buckets/bucket/object?{at}")


@pytest.mark.parametrize(("count", "said"), [(3, "Stored 0.csv, 1.csv, 2.csv."), (4, "Stored 0.csv, 1.csv, 2.csv ….")])
def test_three_uploaded_files_are_named(visitor, store, count, said):
    files = [(io.BytesIO(b"1"), f"{number}.csv") for number in range(count)]
    assert visitor.post("/s3/buckets/bucket", {"files": files}).location == f"{PATH}/s3/buckets/bucket"
    assert said in visitor.text("/s3/buckets/bucket")
    assert [one.key for one in store.list("bucket")] == [f"{number}.csv" for number in range(count)]


def test_a_file_of_unknown_type_is_bytes_and_one_without_a_name_is_left_out(visitor, store):
    visitor.post("/s3/buckets/bucket", {"files": [(io.BytesIO(b"1"), "a.unknown"), (io.BytesIO(b""), "")]})
    assert [one.key for one in store.list("bucket")] == ["a.unknown"]
    assert store.get("bucket", "a.unknown").content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("asked", "seconds"), [("", 3_600), ("&hours=1", 3_600), ("&hours=168", 604_800), ("&hours=2", 3_600)]
)
def test_a_link_is_valid_for_an_hour_or_as_long_as_offered(visitor, store, asked, seconds):
    store.put("bucket", "a", [b"1"])
    page = unescape(visitor.text(f"/s3/buckets/bucket/object?key=a{asked}"))
    assert f"X-Amz-Expires={seconds}&" in page
    assert re.search(r'<option value="(\d+)" selected>', page)[1] == str(seconds // 3_600)


def test_the_way_to_an_object_leads_through_its_folders(visitor, store):
    store.put("bucket", "a/b/c.txt", [b"1"])
    page = unescape(visitor.text("/s3/buckets/bucket/object?key=a/b/c.txt"))
    for prefix in ("?prefix=a/", "?prefix=a/b/"):
        assert f'href="{PATH}/s3/buckets/bucket{prefix}"' in page
    assert "<h1>c.txt</h1>" in page
    assert [crumb.prefix for crumb in s3.trail("bucket", "a/b/")] == ["", "a/", "a/b/"]
    assert s3.trail("bucket", "") == [s3.Crumb("bucket", "")]


def test_an_object_that_is_a_folder_has_a_title_and_a_file_name(visitor, store):
    for key, name in (("a/b/", "b"), ("/", "object")):
        store.put("bucket", key, [b"1"])
        assert f"<h1>{key}</h1>" in visitor.text(f"/s3/buckets/bucket/object?key={key}")
        found = visitor.get(f"/s3/buckets/bucket/download?key={key}")
        assert found.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_deletion_shows_the_folder_in_which_the_object_lay(visitor, store):
    store.put("bucket", "top", [b"1"])
    store.put("bucket", "a/b/c", [b"1"])
    for key, way in (("top", ""), ("a/b/c", "?prefix=a/b/")):
        found = visitor.post("/s3/buckets/bucket/object/delete", {"key": key})
        assert found.location == f"{PATH}/s3/buckets/bucket{way}"
        assert f"Deleted {key}." in visitor.text("/s3/")


def test_a_bucket_with_objects_is_not_deleted(visitor, store):
    store.put("bucket", "a", [b"1"])
    assert visitor.post("/s3/buckets/bucket/delete").status_code == 409
    assert "Delete the bucket" not in visitor.text("/s3/buckets/bucket")
