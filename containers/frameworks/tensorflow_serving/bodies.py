"""What the image does to a body before TensorFlow Serving gets it: other JSON, JSON Lines and CSV become `instances`.

Source: contract script-mode, section 5; tensorflowServing.js of aws/sagemaker-tensorflow-serving-container.
"""

from __future__ import annotations

import re

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.containers.frameworks.tensorflow_serving.errors import ServingError

JSON_TYPES = ("application/json", "application/jsonlines", "application/jsons")
CSV = "text/csv"

OF_THE_SERVER = re.compile(r'"(instances|inputs|examples)"\s*:')
SEVERAL_VALUES = re.compile(r"[}\]]\s*[\[{]")
ARRAY_OF_ARRAYS = re.compile(r"\s*\[\s*\[")
QUOTED_OR_NUMERIC = re.compile(r'\s*("|[\d.Ee+\-]+.*)')
ATTRIBUTE = re.compile(r"(tfs-[a-z\-]+)=([^,=]+)(?=,|$)")


class UnsupportedBody(ServingError):
    """A content type that the image does not take; they are compared as they are, without parameters."""

    status = 415

    def __init__(self, content_type: str | None) -> None:
        super().__init__(f"Unsupported Media Type: {content_type or 'Unknown'}")


def to_json(request: HttpRequest) -> str:
    """The body as TensorFlow Serving's JSON. Raises UnsupportedBody."""
    text = request.body.decode(errors="replace")
    if request.content_type == CSV:
        return _of_csv(text)
    if request.content_type not in JSON_TYPES:
        raise UnsupportedBody(request.content_type)
    if OF_THE_SERVER.search(text):
        return text
    if SEVERAL_VALUES.search(text):
        return _of_lines(text)
    return f'{{"instances":{text if ARRAY_OF_ARRAYS.match(text) else f"[{text}]"}}}'


def attributes(header: str | None) -> dict[str, str]:
    """`tfs-model-name`, `tfs-model-version` and `tfs-method` of the header with custom attributes."""
    return {name: value.strip() for name, value in ATTRIBUTE.findall(header or "")}


def _of_lines(text: str) -> str:
    """Values one a line. A single line with several values stays as it is, which the server rejects, as in the image."""
    lines = re.split(r"\r?\n", text.strip())
    values = ",".join(line.strip() for line in lines if line.strip())
    return f'{{"instances":{values if len(lines) == 1 else f"[{values}]"}}}'


def _of_csv(text: str) -> str:
    """Lines become arrays, and a lone column values. Cells are quoted if the first one is neither a number nor quoted."""
    quote = not QUOTED_OR_NUMERIC.match(text)
    lines = (line.strip() for line in re.split(r"\r?\n", text.strip()))
    return f'{{"instances":[{",".join(_of_csv_line(line, quote) for line in lines if line)}]}}'


def _of_csv_line(line: str, quote: bool) -> str:
    cells = line
    if quote:
        escaped = line.replace('"', '\\"').replace(",", '","')
        cells = f'"{escaped}"'
    return f"[{cells}]" if "," in line else cells
