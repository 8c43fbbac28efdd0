"""Objects in a store, and the previews of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from wildsage.local_runner.console.previews import objects
from wildsage.local_runner.console.previews.kinds import Preview
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def show(tmp_path) -> Iterator[Callable[..., Preview]]:
    """Stores bytes as an object and gives its preview."""
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")

    def preview(key: str, content: bytes, content_type: str = "binary/octet-stream") -> Preview:
        store.put("bucket", key, [content], content_type)
        stored, file = store.open("bucket", key)
        with file:
            return objects.preview(stored, file)

    yield preview
    store.close()
