"""The old binary model, written here by its layout and decoded, and one part of it changed at a time."""

import struct

import numpy as np
import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.model_files import legacy_binary

LEFT = 1 << 31
NODES = [(-1, 1, 2, LEFT | 3, 0.5), (LEFT, -1, -1, 0, 1.5), (0, -1, -1, 0, -2.5)]
"""Parent, children, split and value: the root asks for column 3, and what is missing goes left."""


def text(word: bytes) -> bytes:
    return struct.pack("<Q", len(word)) + word


def tree(nodes=NODES, features: int = 5, deleted: int = 0, leaf_vector: int = 0, more: bytes = b"") -> bytes:
    content = struct.pack("<6i", 1, len(nodes), deleted, 0, features, leaf_vector).ljust(148, b"\0")
    content += b"".join(struct.pack("<IiiIf", parent % (1 << 32), *node) for parent, *node in nodes)
    return content + b"".join(struct.pack("<fffi", n + 0.25, n + 0.5, n + 0.75, 0) for n in range(len(nodes))) + more


def trees(*each: bytes, groups=(), count: int | None = None) -> bytes:
    head = struct.pack("<i", len(each) if count is None else count).ljust(160, b"\0")
    return head + b"".join(each) + struct.pack(f"<{len(each)}i", *(groups or [0] * len(each)))


def model(
    booster: bytes = b"gbtree",
    body: bytes | None = None,
    objective: bytes = b"reg:linear",
    base_score: float = 0.25,
    classes: int = 0,
    attributes: bytes | None = None,
    major: int = 1,
) -> bytes:
    head = struct.pack("<fIiiiI", base_score, 7, classes, attributes is not None, 0, major).ljust(136, b"\0")
    return head + text(objective) + text(booster) + (trees(tree()) if body is None else body) + (attributes or b"")


@pytest.mark.parametrize("header", [b"", b"binf"])
def test_the_head_is_read_with_or_without_the_mark_before_it(header):
    attributes = struct.pack("<Q", 2) + text(b"best_iteration") + text(b"3") + text(b"a") + text("é".encode())
    found = legacy_binary.read(header + model(classes=4, attributes=attributes))
    assert (found.objective, found.base_score, found.num_class, found.num_feature) == ("reg:squarederror", 0.25, 4, 7)
    assert found.attributes == {"best_iteration": "3", "a": "é"}
    assert legacy_binary.read(header + model()).attributes == {}


def test_a_tree_is_decoded_part_by_part():
    nodes = [*NODES, (5, -1, -1, (1 << 32) - 1, 0.0)]
    found = legacy_binary.read(model(body=trees(tree(nodes, deleted=1), tree(), groups=(0, 2)))).gradient_booster
    assert found["name"] == "gbtree"
    body = found["model"]
    assert body["tree_info"] == [0, 2]
    assert body["gbtree_model_param"] == {"num_trees": "2", "num_parallel_tree": "1", "size_leaf_vector": "0"}
    first, second = body["trees"]
    assert (first["id"], second["id"]) == (0, 1)
    assert first["tree_param"] == {"num_nodes": "4", "num_deleted": "1", "num_feature": "5", "size_leaf_vector": "0"}
    expected = {
        "loss_changes": [0.25, 1.25, 2.25],
        "sum_hessian": [0.5, 1.5, 2.5],
        "base_weights": [0.75, 1.75, 2.75],
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "parents": [2**31 - 1, 0, 0],
        "split_indices": [3, 0, 0],
        "split_conditions": [0.5, 1.5, -2.5],
        "default_left": [1, 0, 0],
        "split_type": [0, 0, 0],
    }
    assert {name: second[name].tolist() for name in expected} == expected
    kinds = {
        "left_children": np.int32,
        "split_conditions": np.float32,
        "default_left": np.uint8,
        "categories_segments": np.int64,
    }
    assert all(second[name].dtype == kind for name, kind in kinds.items())
    assert all(len(second[f"categories{name}"]) == 0 for name in ("", "_nodes", "_segments", "_sizes"))


def test_leaf_vectors_are_passed_over():
    vectors = struct.pack("<Q3f", 3, 1, 2, 3)
    found = legacy_binary.read(model(body=trees(tree(leaf_vector=1, more=vectors), tree())))
    assert len(found.gradient_booster["model"]["trees"]) == 2


def test_dart_has_a_weight_for_each_tree():
    body = trees(tree(), tree()) + struct.pack("<Q2f", 2, 0.5, 1)
    found = legacy_binary.read(model(b"dart", body)).gradient_booster
    assert found["name"] == "dart" and found["weight_drop"] == [0.5, 1.0] and found["gbtree"]["name"] == "gbtree"
    assert legacy_binary.read(model(b"dart", trees())).gradient_booster["weight_drop"] == []


def test_a_linear_model_has_weights():
    body = bytes(136) + struct.pack("<Q3f", 3, 0.5, 1, -2)
    found = legacy_binary.read(model(b"gblinear", body)).gradient_booster
    assert found["name"] == "gblinear" and found["model"]["boosted_rounds"] == 1
    assert found["model"]["weights"].tolist() == [0.5, 1, -2]


MARGINS = {
    "binary:logistic": 1 / (1 + np.exp(-0.75)), "reg:logistic": 1 / (1 + np.exp(-0.75)), "count:poisson": np.exp(0.75),
    "reg:gamma": np.exp(0.75), "reg:tweedie": np.exp(0.75), "survival:cox": np.exp(0.75), "binary:hinge": 1.0, "multi:softmax": 0.75,
    "reg:squarederror": 0.75, "binary:logitraw": 0.75,
}  # fmt: skip


@pytest.mark.parametrize("objective", MARGINS)
def test_a_base_score_was_a_margin_before_version_1(objective):
    old = legacy_binary.read(model(objective=objective.encode(), base_score=0.75, major=0))
    assert old.base_score == pytest.approx(MARGINS[objective], rel=1e-6)
    assert legacy_binary.read(model(objective=objective.encode(), base_score=0.75, major=1)).base_score == 0.75


def test_a_margin_of_0_is_the_first_class_of_the_hinge():
    assert legacy_binary.read(model(objective=b"binary:hinge", base_score=0.0, major=0)).base_score == 0


def with_root(**changes) -> bytes:
    parts = dict(zip(("parent", "left", "right", "split", "value"), NODES[0], strict=True)) | changes
    return model(body=trees(tree([tuple(parts.values()), *NODES[1:]])))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (with_root(left=0), "the nodes of tree 0 do not form a tree"),
        (with_root(right=3), "the nodes of tree 0 do not form a tree"),
        (with_root(left=-5), "the nodes of tree 0 do not form a tree"),
        (model(body=trees(tree(), tree([NODES[0], (1, -1, -1, 0, 0.0), NODES[2]]))), "the nodes of tree 1 do not form a tree"),
        (with_root(split=5), "tree 0 splits on a feature beyond the model's 5"),
        (with_root(split=LEFT | 5), "tree 0 splits on a feature beyond the model's 5"),
        (model(body=trees(tree([]))), "tree 0 has no nodes"),
        (model(body=trees(count=-1)), "-1 trees"),
        (model(b"gbforest"), "booster 'gbforest' is not one of gbtree, dart, gblinear"),
        (model(objective=b"\xff"), "'utf-8' codec"),
        (model()[:-1], "4 bytes expected, 3 are left"),
        (model(body=trees(tree(), count=2)), "148 bytes expected, 4 are left"),
        (model()[:136] + struct.pack("<Q", 1 << 63), "9223372036854775808 bytes expected, "),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_named(content, problem):
    with pytest.raises(UserError) as raised:
        legacy_binary.read(content)
    assert str(raised.value).startswith("The binary model is damaged at byte ") and problem in str(raised.value)


def test_the_last_feature_may_be_asked_for():
    assert legacy_binary.read(with_root(split=4)).num_feature == 7


def test_the_place_of_the_damage_is_where_reading_ended():
    with pytest.raises(UserError, match="is damaged at byte 136: 8 bytes expected, 0 are left"):
        legacy_binary.read(bytes(136))
    with pytest.raises(UserError, match="is damaged at byte 0: 136 bytes expected, 135 are left"):
        legacy_binary.read(bytes(135))
