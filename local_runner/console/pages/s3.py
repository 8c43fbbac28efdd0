"""S3: buckets, the objects below a prefix, a preview of an object; upload, download, presigned links, deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from wildsage.containers.contract.printable import printable
from wildsage.local_runner.console.cloud import cloud
from wildsage.local_runner.console.previews import objects as previews
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.s3.errors import NoSuchKey
from wildsage.local_runner.s3.listing import list_page
from wildsage.local_runner.s3.objects import StoredObject
from wildsage.local_runner.s3.pending_object import CHUNK_BYTES
from wildsage.local_runner.signatures import keys
from wildsage.local_runner.wire.regions import DEFAULT_REGION

BLUEPRINT = Blueprint("s3", __name__, url_prefix="/s3")
PAGE_ENTRIES = 500
DELIMITER = "/"
LINK_HOURS = {"1": "1 hour", "24": "1 day", "168": "7 days"}
"""How long a presigned link is valid; AWS allows 7 days."""


@dataclass(frozen=True)
class Crumb:
    """A bucket or a folder on the way to a place: its name, and the prefix that it stands for."""

    name: str
    prefix: str


@BLUEPRINT.get("/")
def page() -> str:
    """All buckets."""
    return render_template("s3/buckets.html", buckets=cloud().objects.buckets())


@BLUEPRINT.post("/")
def create_bucket() -> AnyResponse:
    """Create a bucket and show it."""
    name = request.form.get("name", "").strip()
    cloud().objects.create_bucket(name)
    return redirect(url_for("s3.bucket", name=name))


@BLUEPRINT.get("/at")
def place() -> AnyResponse:
    """Where an S3 URI leads: to its object if there is one, otherwise to its prefix."""
    try:
        name, key = split_uri(request.args.get("uri", ""))
    except InputError as error:
        abort(404, str(error))
    if key and not key.endswith(DELIMITER) and cloud().objects.find(name, key):
        return redirect(url_for("s3.object", name=name, key=key))
    return redirect(url_for("s3.bucket", name=name, prefix=key or None))


@BLUEPRINT.get("/buckets/<name>")
def bucket(name: str) -> str:
    """The folders and objects of a bucket that begin with a prefix, one page of them."""
    prefix, after = request.args.get("prefix", ""), request.args.get("after", "")
    store = cloud().objects
    store.bucket(name)
    listing = list_page(store.page, name, prefix, DELIMITER, after, PAGE_ENTRIES)
    folder = prefix[: prefix.rfind(DELIMITER) + 1]
    return render_template(
        "s3/bucket.html",
        name=name,
        prefix=prefix,
        folder=folder,
        trail=trail(name, folder),
        folders=listing.common_prefixes,
        objects=listing.objects,
        after=after,
        following=listing.last if listing.is_truncated else "",
    )


@BLUEPRINT.post("/buckets/<name>")
def upload(name: str) -> AnyResponse:
    """Store the files of a form below a prefix. Large ones have come to a file on disk, and are copied in pieces."""
    prefix = request.form.get("prefix", "")
    files = [file for file in request.files.getlist("files") if file.filename]
    for file in files:
        chunks = iter(lambda stream=file.stream: stream.read(CHUNK_BYTES), b"")  # type: ignore[misc]
        kind = file.mimetype or "binary/octet-stream"
        cloud().objects.put(name, prefix + (file.filename or ""), chunks, kind)
    flash(f"Stored {', '.join(file.filename or '' for file in files[:3])}{' …' if len(files) > 3 else ''}.")
    return redirect(url_for("s3.bucket", name=name, prefix=prefix or None))


@BLUEPRINT.post("/buckets/<name>/delete")
def delete_bucket(name: str) -> AnyResponse:
    """Delete a bucket, which has to be empty."""
    cloud().objects.delete_bucket(name)
    flash(f"Deleted bucket {name}.")
    return redirect(url_for("s3.page"))


@BLUEPRINT.get("/buckets/<name>/object")
def object(name: str) -> str:
    """What an object is and holds."""
    stored, file = cloud().objects.open(name, wanted_key())
    with file:
        preview = previews.preview(stored, file)
    folder = stored.key[: stored.key.rfind(DELIMITER) + 1]
    hours = request.args.get("hours", "1")
    hours = hours if hours in LINK_HOURS else "1"
    return render_template(
        "s3/object.html",
        name=name,
        stored=stored,
        title=stored.key[len(folder) :] or stored.key,
        folder=folder,
        trail=trail(name, folder),
        preview=preview,
        uri=printable(f"s3://{stored.bucket}/{stored.key}"),
        link=presigned(stored, int(hours)),
        hours=hours,
        choices=LINK_HOURS,
    )


@BLUEPRINT.get("/buckets/<name>/download")
def download(name: str) -> Response:
    """The bytes of an object, to be saved and not shown: its content type is the uploader's word."""
    stored, file = cloud().objects.open(name, wanted_key())
    file_name = printable(stored.key.rstrip(DELIMITER).rpartition(DELIMITER)[2]) or "object"
    response = send_file(file, "application/octet-stream", as_attachment=True, download_name=file_name, etag=False)
    response.content_length = stored.size
    response.headers["Content-Security-Policy"] = "sandbox"
    return response


@BLUEPRINT.post("/buckets/<name>/object/delete")
def delete(name: str) -> AnyResponse:
    """Delete an object and show the folder that it lay in."""
    key = request.form.get("key", "")
    cloud().objects.delete(name, key)
    flash(f"Deleted {key}.")
    return redirect(url_for("s3.bucket", name=name, prefix=key[: key.rfind(DELIMITER) + 1] or None))


def wanted_key() -> str:
    """The key that the address names. Raises NoSuchKey without one."""
    key = request.args.get("key", "")
    if not key:
        raise NoSuchKey("", key)
    return key


def trail(name: str, folder: str) -> Sequence[Crumb]:
    """The bucket and the folders above a place, for links."""
    parts = folder.split(DELIMITER)[:-1]
    return [Crumb(name, "")] + [Crumb(part, DELIMITER.join([*parts[:at], part, ""])) for at, part in enumerate(parts)]


def presigned(stored: StoredObject, hours: int) -> str:
    """An address that anybody who can reach this server can read the object at for so long."""
    own = keys.of_clients(cloud().settings.data)
    address = f"{request.host_url}{quote(f'{stored.bucket}/{stored.key}')}"
    unsigned = AWSRequest("GET", address)
    signer: Any = S3SigV4QueryAuth(Credentials(own.access_key, own.secret), "s3", DEFAULT_REGION, expires=3600 * hours)
    signer.add_auth(unsigned)
    return unsigned.url
