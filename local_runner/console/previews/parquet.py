"""The first rows of a Parquet file, read by a process of its own: `python -m wildsage.local_runner.console.previews.parquet FILE`.

pyarrow believes the sizes in a file, so that a damaged one can end the process that reads it or take all memory.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
from itertools import islice
from pathlib import Path

from wildsage.containers.contract import json_text
from wildsage.local_runner.console.previews.kinds import NoPreview, Preview, TablePreview
from wildsage.local_runner.console.previews.text import MOST_COLUMNS, cell
from wildsage.local_runner.processes import python

MOST_ROWS = 50
MOST_MEMORY_BYTES = 4 << 30
"""Of addresses, of which pyarrow reserves many without using them."""
WITHIN_S = 20


def preview(path: Path) -> Preview:
    """Show the first rows of a file on disk, where pyarrow is installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return NoPreview("pyarrow, which reads Parquet, is not installed. Install it to see the rows.")
    try:
        answer = subprocess.run(
            python.command("wildsage.local_runner.console.previews.parquet", str(path)),
            env=python.environment({**os.environ, "OMP_NUM_THREADS": "1"}),
            capture_output=True,
            timeout=WITHIN_S,
        )
        found = json_text.parse(answer.stdout)  # nothing, or half a document, if the process failed
        return TablePreview(found["columns"], found["rows"], found["note"])
    except (subprocess.TimeoutExpired, ValueError):
        return NoPreview("The Parquet file is damaged, or needs more memory or time than a preview may take.")


def read(path: str) -> dict[str, object]:
    """The members of a `TablePreview`: at most `MOST_ROWS` rows of at most `MOST_COLUMNS` columns."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        shown = names[:MOST_COLUMNS]
        # mutants: equivalent: the rows are the same
        batches = file.iter_batches(MOST_ROWS, columns=shown, use_threads=False)
        rows = [list(row.values()) for batch in islice(batches, 1) for row in batch.to_pylist()]
        count = file.metadata.num_rows
    note = (
        f"It has {count:,} rows and {len(names):,} columns." if count > len(rows) or len(names) > MOST_COLUMNS else ""
    )
    return {
        "columns": [cell(name) for name in names[:MOST_COLUMNS]],
        "rows": [[cell(str(value)) for value in row] for row in rows],
        "note": note,
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    json.dump(read(sys.argv[1]), sys.stdout)
