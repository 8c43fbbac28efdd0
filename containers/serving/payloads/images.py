"""Encoded images in, probabilities out [contract: image-classification, Inference].

A request is one JPEG or PNG, or RecordIO of several. In JSON, the answer for one image is the bare array of probabilities,
and for several images an array of arrays. In JSON Lines, the default of batch transform, each image has an object.

Axes: n images · h height · w width · c channels
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from wildsage.algorithms.base.algorithm import Columns, Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers import codecs
from wildsage.containers.codecs.images import encoded, image_recordio
from wildsage.containers.codecs.media_type import MediaType, UnsupportedMediaType
from wildsage.containers.codecs.text import json_lines
from wildsage.containers.serving.payloads import with_frame

RECORDIO = "application/x-recordio"
DEFAULT_CONTENT_TYPE = encoded.ANY
ANSWER_TYPES = [codecs.JSON, codecs.JSON_LINES]


class ImageModel(Protocol):
    """What this module needs of a model that takes images."""

    @property
    def mode(self) -> Literal["RGB", "L"]:
        """Pillow's mode of the pictures that `pixels` takes: RGB for colour, L for grey."""

    def pixels(self, picture: Picture) -> NDArray[np.uint8]:
        """Return the picture as (h, w, c), the same shape for every picture."""


def decode(media_type: MediaType, body: bytes, model: Model, lone_records: bool) -> Batch:
    """Return the images upright, in the model's colours and size: (n, c, h, w) uint8.

    Raises BadRecord for an image that cannot be decoded, UserError where there are no images.
    """
    image_model = cast(ImageModel, model)
    pixels = []
    for row, content in enumerate(_contents(media_type, body, lone_records), start=1):
        try:
            with encoded.decoded(content, image_model.mode) as picture:
                pixels.append(image_model.pixels(picture))
        except UserError as error:
            raise BadRecord(row, f"{error}.") from None
    if not pixels:
        raise UserError("the body holds no images")
    return Batch(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))


def _contents(media_type: MediaType, body: bytes, lone_records: bool) -> Iterable[bytes]:
    if media_type.name in encoded.TYPES:
        return [body]
    if media_type.name == RECORDIO:
        content = with_frame(body) if lone_records else body
        return (record.content for record in image_recordio.decode([content], "body"))
    expected = ", ".join((*encoded.TYPES, RECORDIO))
    raise UnsupportedMediaType(f"Content type {str(media_type)!r}: not read here, expected {expected}.")


def encode(accept: MediaType, columns: Columns, response: Response) -> bytes:
    """Return the probabilities as JSON or JSON Lines."""
    if accept.name == codecs.JSON_LINES:
        return json_lines.encode(columns, response)
    (name,) = response.columns
    answers = columns[name].to(torch.float32).tolist()
    return json.dumps(answers[0] if len(answers) == 1 else answers).encode()
