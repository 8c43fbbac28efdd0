"""The local S3 alone: `python -m wildsage.local_runner.s3 FOLDER --bind 127.0.0.1:9000`, then boto3 with that endpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from gunicorn.app.base import BaseApplication
from werkzeug.wrappers import Request

from wildsage.containers.contract import gunicorn_options
from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore

THREADS = 32  # mutants: equivalent: no client sees one thread more or less


class S3Server(BaseApplication):
    """gunicorn with one worker process and many threads. The worker opens the store after the fork."""

    def __init__(self, folder: Path, bind: str, public: str | None) -> None:
        self._folder, self._bind, self._public = folder, bind, public
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options: the address and the threads."""
        gunicorn_options.apply({"bind": self._bind, "threads": THREADS}, self.cfg)

    def load(self) -> Callable[..., Any]:
        """Open the store in the worker and return the WSGI application."""
        gunicorn_options.limit_malloc_arenas()
        store = ObjectStore(self._folder)
        s3 = S3(store, PublicBuckets(store, self._public) if self._public else None)
        return lambda environ, start_response: s3.respond(Request(environ))(environ, start_response)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of buckets and objects.")],
    bind: Annotated[str, typer.Option(help="Address and port to listen on.")] = "127.0.0.1:9000",
    public: Annotated[str | None, typer.Option(help="Endpoint to read buckets from that do not exist here.")] = None,
) -> None:
    """Serve a folder as S3 until stopped."""
    S3Server(folder, bind, public).run()


if __name__ == "__main__":
    typer.run(main)
