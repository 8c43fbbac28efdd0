"""Who may use the console and what its pages may load.

The server has checked Host and Origin already (`containers.contract.host_check`). Here a form is accepted only from a page of
this server, a page loads nothing but the console's own files, and where requests have to be signed the console asks for the key
first. Source for the headers: OWASP, "Content Security Policy" and "Cross-Site Request Forgery Prevention" cheat sheets.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, session, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from wildsage.local_runner.console import PATH
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures.keys import Keys

FIELD, HEADER = "form_token", "X-Form-Token"
MOST_OF_LOGIN_BYTES = 10_000
"""The form for the key is read from everybody."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""The digest of an empty text: plotly adds an empty <style> and writes its rules through the DOM, which a policy allows."""
STALE = "This page is from before the server was started, or from another site. Go back, load it again, and repeat the action."

LOGIN = Blueprint("login", __name__)


def protect(app: Flask, settings: ServerSettings) -> None:
    """Add the checks and headers to an application.

    The cookie's name holds a digest of the data folder: browsers send a cookie to all ports of a host, so to all servers.
    """
    digest = hashlib.sha256(str(settings.data.resolve()).encode()).hexdigest()[:8]
    app.config.update(
        SESSION_COOKIE_NAME=f"wildsage_{digest}",
        SESSION_COOKIE_PATH=PATH,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_HTTPONLY=True,
    )
    keys = settings.keys
    app.secret_key = _cookie_secret(keys) if keys else secrets.token_bytes()
    app.config["KEYS"] = keys
    for check_request in (check_origin, ask_for_key, check_token):  # a body is read last, where it may be sent at all
        app.before_request(check_request)
    app.after_request(add_headers)
    app.register_blueprint(LOGIN)
    app.jinja_env.globals.update(form_token=form_token, token_field=token_field, needs_key=keys is not None)


def form_token() -> str:
    """What a form of this session has to send as `form_token`, and a script in the header X-Form-Token."""
    return session.setdefault("form_token", secrets.token_urlsafe())


def token_field() -> Markup:
    """The token as a field of a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, form_token())


def check_origin() -> None:
    """Responds 403 to a change that does not come from a page of this server."""
    if request.method not in SAFE_METHODS and request.headers.get("Origin", "") != request.host_url.rstrip("/"):
        abort(403, STALE)


def check_token() -> None:
    """Responds 403 to a change without the token of its session."""
    if request.method in SAFE_METHODS:
        return
    expected = session.get("form_token", "")
    if not expected:
        abort(403, STALE)
    if request.endpoint == "login.check":
        request.max_content_length = MOST_OF_LOGIN_BYTES
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        abort(403, STALE)


def ask_for_key() -> AnyResponse | None:
    """Send a browser that has not shown the key to the form for it. Files of the console itself are free."""
    if not _keys() or session.get("signed_in") or request.endpoint in ("login.form", "login.check", "static", "vendor"):
        return None
    if request.method not in SAFE_METHODS or request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        abort(401, "Sign in first.")
    return redirect(url_for("login.form"))


@LOGIN.get("/login")
def form() -> str:
    """The form for the key."""
    return render_template("login.html")


@LOGIN.post("/login")
def check() -> AnyResponse | tuple[str, int]:
    """Compare the key and remember in the cookie that it was right."""
    keys = _keys()
    if keys and not hmac.compare_digest(request.form.get("secret", "").strip().encode(), keys.secret.encode()):
        return render_template("login.html", wrong=True), 403
    session["signed_in"] = True
    return redirect(url_for("overview.page"))


@LOGIN.post("/logout")
def leave() -> AnyResponse:
    """Forget the key."""
    session.clear()
    return redirect(url_for("login.form"))


def add_headers(response: Response) -> Response:
    """Headers of every response. Objects of S3 have the same origin, so scripts are allowed by their path."""
    own = url_for("static", filename="", _external=True)
    vendor = url_for("vendor", name="", _external=True)
    policy = {
        "default-src": "'none'",
        "script-src": f"{own} {vendor}",
        "style-src": f"{own} {EMPTY_STYLE}",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    response.headers.setdefault(
        "Content-Security-Policy", "; ".join(f"{name} {value}" for name, value in policy.items())
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.endpoint not in ("static", "vendor"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _keys() -> Keys | None:
    return current_app.config["KEYS"]


def _cookie_secret(keys: Keys) -> bytes:
    """Signs the cookies, so that who has signed in stays so over a restart of the server."""
    return hmac.digest(keys.secret.encode(), b"cookies of the console", "sha256")
