"""The Flask application of the console: its pages, its files, and how errors look."""

from __future__ import annotations

import importlib.util
import logging
import uuid
from pathlib import Path

from flask import Flask, Response, render_template, send_from_directory
from werkzeug.exceptions import HTTPException, NotFound

from wildsage.local_runner.console import formats, pages, security
from wildsage.local_runner.console.cloud import EXTENSION, Cloud
from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.wire.errors import AwsError

VENDOR = {"plotly.min.js": ("plotly", "package_data")}
"""Scripts of others: a file, the package that brings it, and the folder in the package."""
log = logging.getLogger(__name__)


def make_app(cloud: Cloud) -> Flask:
    """The console of a server."""
    app = Flask(__name__)
    app.extensions[EXTENSION] = cloud
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(formats.FILTERS)
    app.jinja_env.globals.update(navigation=pages.navigation)
    security.protect(app, cloud.settings)
    for _, blueprint in pages.all_pages():
        app.register_blueprint(blueprint)
    app.add_url_rule("/vendor/<path:name>", "vendor", vendor)
    for kind in (HTTPException, AwsError, S3Error, Exception):
        app.register_error_handler(kind, show_error)
    return app


def vendor(name: str) -> Response:
    """A script of another package."""
    if name not in VENDOR:
        raise NotFound
    package, folder = VENDOR[name]
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin
    return send_from_directory(Path(spec.origin).parent / folder, name, max_age=3600)


def show_error(error: Exception) -> tuple[str, int]:
    """The page of an error. What nobody expected stays in the server's log, under a reference."""
    if isinstance(error, HTTPException):
        return render_template("error.html", title=error.name, message=error.description), error.code or 500
    if isinstance(error, (AwsError, S3Error)):
        return render_template("error.html", title=error.code, message=str(error)), error.status
    reference = uuid.uuid4().hex[:8]
    log.exception("console, request %s", reference)
    if disk.is_full(error):
        return render_template("error.html", title="The disk is full", message=f"{error} Reference: {reference}."), 507
    message = f"Wildsage failed. Its server.log has the reason under {reference}."
    return render_template("error.html", title="Internal error", message=message), 500
