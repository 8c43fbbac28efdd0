"""Lines of requests and of answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.pieces import PIECE_BYTES
from wildsage.containers.codecs.text import json_lines


def test_a_wrong_line_is_named_and_blank_ones_are_not_counted():
    with pytest.raises(BadRecord, match="row 2: the line is not valid JSON"):
        list(json_lines.decode([b'{"features": [1]}\n\n{"features": [1}\n']))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_how_the_bytes_arrive_does_not_matter(size):
    body = b'\xef\xbb\xbf{"features": [1, 2]}\r\n\n{"features": [3, 4]}'
    (batch,) = json_lines.decode(body[i : i + size] for i in range(0, len(body), size))
    assert batch.features.tolist() == [[1, 2], [3, 4]]


def test_many_blocks_of_lines():
    rows = np.arange(200_000, dtype=np.float32).reshape(-1, 2)
    lines = "".join(json.dumps({"features": row}) + "\n" for row in rows.tolist())
    batches = list(json_lines.decode([lines.encode()]))
    assert len(batches) > 1
    assert np.array_equal(torch.cat([batch.features for batch in batches]).numpy(), rows)


def test_a_block_of_blank_lines_is_passed_over_and_rows_are_counted_over_all_blocks():
    blank, row = (b" " * 1023 + b"\n") * (3 * PIECE_BYTES // 1024), b'{"features": [1, 2]}\n'
    assert [len(batch) for batch in json_lines.decode([row, blank, row * 2])] == [1, 2]
    with pytest.raises(BadRecord, match="row 3: 1 columns, expected 2 as in the rows before"):
        list(json_lines.decode([row, blank, row, b'{"features": [1]}']))
    with pytest.raises(BadRecord, match="row 3: the line is not valid JSON"):
        list(json_lines.decode([row, blank, row, b"x"]))


def test_every_line_ends():
    columns = {"closest_cluster": torch.tensor([1.0, 0.0]), "distance_to_cluster": torch.tensor([3.0, 0.5])}
    body = json_lines.encode(columns, Response("predictions", tuple(columns)))
    assert body == (
        b'{"closest_cluster": 1.0, "distance_to_cluster": 3.0}\n{"closest_cluster": 0.0, "distance_to_cluster": 0.5}\n'
    )


def test_compact_lines_are_those_of_recorded_answers():
    """Two recorded answers of linear learner, and numbers that JSON prints in other ways."""
    response = Response("predictions", ("score", "predicted_label"), compact_lines=True)
    columns = {
        "score": torch.tensor([0.9899773597717285, 0.5041388273239136, 1.0, 1e-17, -2.5, 3e20]),
        "predicted_label": torch.tensor([1, 1, 1, 0, 0, 1]),
    }
    assert json_lines.encode(columns, response).decode().splitlines() == [
        '{"predicted_label":1,"score":0.989977359771728}',
        '{"predicted_label":1,"score":0.504138827323913}',
        '{"predicted_label":1,"score":1.0}',
        '{"predicted_label":0,"score":0.0}',
        '{"predicted_label":0,"score":-2.5}',
        '{"predicted_label":1,"score":3.000000060122632e+20}',
    ]


def test_a_list_of_probabilities_is_cut_too():
    response = Response("predictions", ("score",), compact_lines=True)
    body = json_lines.encode({"score": torch.tensor([[0.1, 0.9]])}, response)
    assert body == b'{"score":[0.100000001490116,0.899999976158142]}\n'


def test_large_numbers_are_not_cut():
    response = Response("predictions", ("score",), compact_lines=True)
    body = json_lines.encode({"score": torch.tensor([9e15, 1.1e16, math.inf, 0.1])}, response)
    assert body.splitlines() == [
        b'{"score":8999999815811072.0}',
        b'{"score":1.0999999655575552e+16}',
        b'{"score":null}',
        b'{"score":0.100000001490116}',
    ]
