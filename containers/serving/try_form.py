"""A page with which a person tries a model in a browser. `wildsage serve` asks for it; an image of SageMaker has no such page."""

from __future__ import annotations

from pathlib import Path

import flask

from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.containers import codecs
from wildsage.containers.codecs.images import encoded
from wildsage.containers.serving.handler import Handler

FILES = Path(__file__).with_name("form")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
MOST_COLUMNS = 100
CONTENT_TYPES = (codecs.CSV, codecs.JSON, codecs.JSON_LINES, codecs.RECORDIO_PROTOBUF, "text/libsvm", encoded.ANY)
ACCEPTED = (codecs.JSON, codecs.JSON_LINES, codecs.CSV, codecs.RECORDIO_PROTOBUF)


def add_to(app: flask.Flask, endpoint: Endpoint, name: str) -> None:
    """Add the page at `/` and its files to the application of an endpoint."""
    app.template_folder = str(FILES)
    content_type, example = example_for(endpoint)

    @app.get("/")
    def page() -> flask.Response:
        if "text/html" not in flask.request.headers.get("Accept", ""):
            flask.abort(404)  # as a container answers
        values = {
            "content_types": CONTENT_TYPES,
            "accepted": ACCEPTED,
            "content_type": content_type,
            "example": example,
        }
        return _guarded(flask.make_response(flask.render_template("page.html", name=name, **values)))

    @app.get("/form/<any('page.css', 'page.js'):file>")
    def form_file(file: str) -> flask.Response:
        return _guarded(flask.send_from_directory(FILES, file))


def example_for(endpoint: Endpoint) -> tuple[str, str]:
    """Content type and body that the form begins with: a row of zeros where the model says how wide its rows are."""
    if not isinstance(endpoint, Handler):
        return codecs.CSV, ""
    if endpoint.spec.data == "images":
        return encoded.ANY, ""
    width = endpoint.model.feature_dim
    return codecs.CSV, ",".join(["0"] * width) if width <= MOST_COLUMNS else ""


def _guarded(response: flask.Response) -> flask.Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
