"""The binary model of XGBoost 0.4 to 2.x, which 3.1 dropped, decoded into the document that every later version reads.

Layout, all little-endian [source: dmlc/xgboost 1.7, learner.cc, gbtree_model.h, gblinear_model.h and tree_model.cc below src]:

    learner     base_score f4, num_feature u4, num_class i4, has attributes i4, has metrics i4, major u4, minor u4, 27 × 4 reserved
    objective, booster              texts: length u8, bytes
    gbtree      trees i4, roots i4, features i4, 4 padding, buffer i8, groups i4, leaf vector i4, 32 × 4 reserved
      tree      roots i4, nodes i4, deleted i4, depth i4, features i4, leaf vector i4, 31 × 4 reserved
                node: parent i4, left i4, right i4, split u4, value f4 · statistics: gain f4, cover f4, weight f4, leaves i4
      groups    i4 a tree · dart: length u8, f4 a tree
    gblinear    features u4, groups i4, 32 × 4 reserved · length u8, f4 a weight
    attributes  length u8, pairs of texts

Axes: t trees · v nodes of a tree
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.model_files.objectives import renamed

HEADER = b"binf"
LEFT_BIT, INDEX_BITS, DELETED = 1 << 31, (1 << 31) - 1, (1 << 32) - 1
LEARNER_BYTES, GBTREE_BYTES, TREE_BYTES, GBLINEAR_BYTES = 136, 160, 148, 136
NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
STATISTICS = np.dtype([("gain", "<f4"), ("cover", "<f4"), ("weight", "<f4"), ("leaves", "<i4")])
MARGIN_TO_PREDICTION: Mapping[str, Callable[[float], float]] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), lambda margin: 1 / (1 + np.exp(-np.float32(margin)))),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"), np.exp),
    "binary:hinge": lambda margin: float(margin > 0),
}
"""How a base score became an answer in versions before 1.0, which stored it as a margin; the others leave it as it is."""


@dataclass(frozen=True)
class Decoded:
    """What a file holds: names, numbers, and `gradient_booster` in the words of XGBoost's JSON schema."""

    objective: str
    base_score: float
    num_class: int
    num_feature: int
    gradient_booster: dict[str, Any]
    attributes: dict[str, str]


def read(content: bytes) -> Decoded:
    """Decode a model with or without its header. Raises UserError where the bytes end too early or contradict themselves."""
    reader = _ByteReader(content.removeprefix(HEADER))
    try:
        return _learner(reader)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"The binary model is damaged at byte {reader.place}: {error}.") from None


def _learner(reader: _ByteReader) -> Decoded:
    base_score, num_feature, num_class, has_attributes, _, major = struct.unpack(
        "<fIiiiI", reader.take(LEARNER_BYTES)[:24]
    )
    objective, booster = reader.text(), reader.text()
    if booster not in BOOSTERS:
        raise ValueError(f"booster {booster!r} is not one of {', '.join(BOOSTERS)}")
    gradient_booster = BOOSTERS[booster](reader)
    attributes = {reader.text(): reader.text() for _ in range(reader.count())} if has_attributes else {}
    objective = renamed(objective)
    if major < 1:
        base_score = float(MARGIN_TO_PREDICTION.get(objective, float)(base_score))
    return Decoded(objective, base_score, num_class, num_feature, gradient_booster, attributes)


def _gbtree(reader: _ByteReader) -> dict[str, Any]:
    (trees,) = struct.unpack("<i", reader.take(GBTREE_BYTES)[:4])
    if trees < 0:
        raise ValueError(f"{trees} trees")
    decoded = [_tree(reader, number) for number in range(trees)]
    groups_t = reader.array("<i4", trees).tolist()
    sizes = {"num_trees": str(trees), "num_parallel_tree": "1", "size_leaf_vector": "0"}
    model = {"gbtree_model_param": sizes, "trees": decoded, "tree_info": groups_t}
    return {"name": "gbtree", "model": model}


def _dart(reader: _ByteReader) -> dict[str, Any]:
    gbtree = _gbtree(reader)
    weights_t = reader.array("<f4", reader.count()).tolist() if gbtree["model"]["trees"] else []
    return {"name": "dart", "gbtree": gbtree, "weight_drop": weights_t}


def _gblinear(reader: _ByteReader) -> dict[str, Any]:
    reader.take(GBLINEAR_BYTES)
    weights = reader.array("<f4", reader.count()).astype(np.float32)
    # The file does not have the number of rounds. Without one the library does not make the base score a margin.
    return {"name": "gblinear", "model": {"boosted_rounds": 1, "weights": weights}}


def _tree(reader: _ByteReader, number: int) -> dict[str, Any]:
    _, nodes, deleted, _, features, leaf_vector = struct.unpack("<6i", reader.take(TREE_BYTES)[:24])
    nodes_v, statistics_v = reader.array(NODE, nodes), reader.array(STATISTICS, nodes)
    if leaf_vector:
        reader.array("<f4", reader.count())
    _check_shape(nodes_v, number, features)
    sizes = {"num_nodes": nodes, "num_deleted": deleted, "num_feature": features, "size_leaf_vector": 0}
    return {
        "tree_param": {name: str(size) for name, size in sizes.items()},
        "id": number,
        "loss_changes": statistics_v["gain"].astype(np.float32),
        "sum_hessian": statistics_v["cover"].astype(np.float32),
        "base_weights": statistics_v["weight"].astype(np.float32),
        "left_children": nodes_v["left"].astype(np.int32),
        "right_children": nodes_v["right"].astype(np.int32),
        "parents": (nodes_v["parent"].astype(np.int64) & INDEX_BITS).astype(np.int32),
        "split_indices": (nodes_v["split"] & INDEX_BITS).astype(np.int32),
        "split_conditions": nodes_v["value"].astype(np.float32),
        "default_left": (nodes_v["split"] >= LEFT_BIT).astype(np.uint8),
        "split_type": np.zeros(nodes, np.uint8),
        "categories": np.zeros(0, np.int32),
        "categories_nodes": np.zeros(0, np.int32),
        "categories_segments": np.zeros(0, np.int64),
        "categories_sizes": np.zeros(0, np.int64),
    }


def _check_shape(nodes_v: NDArray, number: int, num_feature: int) -> None:
    """The nodes in use form one tree on known features: the library follows them without looking."""
    if not len(nodes_v):
        raise ValueError(f"tree {number} has no nodes")
    inner = np.flatnonzero((nodes_v["left"] != -1) & (nodes_v["split"] != DELETED))
    parents_v = nodes_v["parent"].astype(np.int64) & INDEX_BITS
    for side in ("left", "right"):
        children = nodes_v[side][inner]
        if ((children < 1) | (children >= len(nodes_v))).any() or (parents_v[children] != inner).any():
            raise ValueError(f"the nodes of tree {number} do not form a tree")
    if (nodes_v["split"][inner] & INDEX_BITS >= num_feature).any():
        raise ValueError(f"tree {number} splits on a feature beyond the model's {num_feature}")


BOOSTERS: Mapping[str, Callable[[_ByteReader], dict[str, Any]]] = {
    "gbtree": _gbtree,
    "dart": _dart,
    "gblinear": _gblinear,
}


class _ByteReader:
    """Bytes from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self.place = 0

    def take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._content) - self.place:
            raise ValueError(f"{size} bytes expected, {len(self._content) - self.place} are left")
        self.place += size
        return self._content[self.place - size : self.place]

    def count(self) -> int:
        return struct.unpack("<Q", self.take(8))[0]

    def text(self) -> str:
        return bytes(self.take(self.count())).decode()

    def array(self, dtype: np.dtype | str, length: int) -> NDArray:
        return np.frombuffer(self.take(length * np.dtype(dtype).itemsize), dtype)
