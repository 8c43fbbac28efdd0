"""Which requests are for the console: those below a path that no bucket can have, and a browser's request for `/`.

The pages themselves are imported with the first such request: a server that no browser visits has none of it in memory.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.utils import redirect

from wildsage.local_runner.console import PATH
from wildsage.local_runner.s3.call import VIRTUAL_HOST

if TYPE_CHECKING:
    from wildsage.local_runner.console.cloud import Cloud

NEEDS = "plotly"
"""Package of the extra `console`, whose script draws the charts."""
INSTALL = 'pip install "wildsage[console]"'
NOT_INSTALLED = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Wildsage</title></head>
<body>
<h1>Wildsage runs</h1>
<p>The local AWS answers its clients at this address. Its console for browsers is not installed. This command installs it:</p>
<pre>{INSTALL}</pre>
<p>Then start the server again.</p>
</body>
</html>
"""


class Entrance:
    """Answers the requests that are for the console."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._pages: Callable[..., Iterable[bytes]] | None = None

    def respond(self, request: Request) -> Response | None:
        """The response of the console, or None if the request is not for it."""
        at_root = is_visit(request)
        if not at_root and request.path != PATH and not request.path.startswith(f"{PATH}/"):
            return None
        if importlib.util.find_spec(NEEDS) is None:
            return Response(NOT_INSTALLED, 501, content_type="text/html; charset=utf-8")
        if at_root or request.path == PATH:
            response = redirect(f"{PATH}/")
            response.vary.add("Accept")
            return response
        return Response.from_app(self._opened(), below(PATH, request.environ))

    def _opened(self) -> Callable[..., Iterable[bytes]]:
        with self._lock:
            if self._pages is None:
                from wildsage.local_runner.console.app import make_app  # Flask and the pages

                self._pages = make_app(self._cloud)
            return self._pages


def is_visit(request: Request) -> bool:
    """Whether a person visits `/` with a browser. ListBuckets has the same address: clients of S3 sign it or ask for no HTML."""
    return (
        request.method in ("GET", "HEAD")
        and request.path == "/"
        and not request.query_string
        and "Authorization" not in request.headers
        and "text/html" in request.headers.get("Accept", "")
        and not VIRTUAL_HOST.fullmatch(request.host.lower())
    )


def below(path: str, environ: dict[str, Any]) -> dict[str, Any]:
    """The environment of a request for an application that is mounted at `path`."""
    return {**environ, "SCRIPT_NAME": path, "PATH_INFO": environ["PATH_INFO"].removeprefix(path)}
