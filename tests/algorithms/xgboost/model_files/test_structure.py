"""Models whose parts do not fit together, one part changed at a time."""

import copy

import numpy as np
import pytest

from wildsage.algorithms.xgboost.model_files import structure
from wildsage.algorithms.xgboost.model_files.structure import Inconsistent, check

STUMP = {
    "id": 0,
    "tree_param": {"num_nodes": "3", "size_leaf_vector": "0"},
    "left_children": [1, -1, -1],
    "right_children": [2, -1, -1],
    "parents": [2**31 - 1, 0, 0],
    "split_indices": [1, 0, 0],
    "split_conditions": [0.5, 1.0, -1.0],
    "default_left": [1, 0, 0],
}
LEAF = {
    "id": 1,
    "tree_param": {"num_nodes": "1"},
    "left_children": [-1],
    "right_children": [-1],
    "parents": [-1],
    "split_indices": [0],
    "split_conditions": [0.25],
    "default_left": [0],
}
DEEP = {
    "id": 2,
    "tree_param": {"num_nodes": "5", "size_leaf_vector": "1"},
    "left_children": [3, -1, -1, 1, -1],
    "right_children": [4, -1, -1, 2, -1],
    "parents": [-1, 3, 3, 0, 0],
    "split_indices": [0, 0, 0, 1, 0],
    "split_conditions": [0.5, 1.0, -1.0, 0.5, 2.0],
    "default_left": [0, 0, 0, 1, 0],
    "categories": [3, 4, 7],
    "categories_nodes": [0, 3],
    "categories_segments": [0, 1],
    "categories_sizes": [1, 2],
}


def model_of(*trees: dict, outputs: list[int] | None = None, features: str = "2", **parameters: str) -> dict:
    """A whole document of these trees, which answer for these outputs."""
    model = {
        "gbtree_model_param": {"num_trees": str(len(trees))},
        "trees": [copy.deepcopy(tree) for tree in trees],
        "tree_info": outputs or [0] * len(trees),
    }
    booster = {"name": "gbtree", "model": model}
    return {"learner": {"learner_model_param": {"num_feature": features, **parameters}, "gradient_booster": booster}}


def trees_of(document: dict) -> list[dict]:
    return document["learner"]["gradient_booster"]["model"]["trees"]


def changed(tree: dict, **parts) -> dict:
    return {**tree, **parts}


@pytest.mark.parametrize(
    "document",
    [
        model_of(STUMP),
        model_of(STUMP, LEAF, DEEP),
        model_of(LEAF | {"id": 0}, STUMP | {"id": 1}, features="2"),
        model_of(STUMP, LEAF, DEEP, outputs=[0, 1, 2], num_class="3"),
        model_of(STUMP, LEAF, outputs=[0, 1], num_target="2", num_class="0"),
        model_of(STUMP | {"id": 1}, LEAF | {"id": 0}),
    ],
)
def test_a_whole_model_passes_as_lists_and_as_arrays(document):
    check(document)
    as_arrays = copy.deepcopy(document)
    for tree in trees_of(as_arrays):
        tree.update({name: np.array(tree[name]) for name in structure.NODE_ARRAYS})
    check(as_arrays)


TREES = [
    (changed(STUMP, left_children=[3, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, left_children=[0, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, left_children=[-2, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, left_children=[-1, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, right_children=[-1, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, right_children=[1, -1, -1]), "its nodes do not form a tree"),
    (changed(STUMP, right_children=[2, 2, -1]), "its nodes do not form a tree"),
    (changed(STUMP, parents=[2**31 - 1, 0, 1]), "its nodes name other parents than those that have them as children"),
    (changed(STUMP, parents=[-1, 0, -1]), "its nodes name other parents"),
    (changed(STUMP, parents=[0, 0, 0]), "its nodes name other parents"),
    (changed(DEEP, id=0, parents=[-1, 3, 3, 0, 5]), "its nodes name other parents"),
    (changed(DEEP, id=0, parents=[-1, 3, 3, 0, -2]), "its nodes name other parents"),
    (changed(STUMP, split_indices=[2, 0, 0]), "a node asks for a column outside of 0 to 1"),
    (changed(STUMP, split_indices=[-1, 0, 0]), "a node asks for a column outside of 0 to 1"),
    (changed(STUMP, split_conditions=[0.5, 1.0]), "it has 3 nodes, and split_conditions"),
    (changed(STUMP, default_left=[[1, 0, 0]]), "it has 3 nodes, and default_left"),
    (changed(STUMP, tree_param={"num_nodes": "2"}), "it has 2 nodes, and left_children, right_children, parents, "),
    (changed(LEAF, id=0, tree_param={"num_nodes": "0"}, **{name: [] for name in structure.NODE_ARRAYS}), "it has 0 nodes, and a tree has one at least"),
    (changed(STUMP, tree_param={"num_nodes": "3", "size_leaf_vector": "2"}), "its leaves have 2 numbers each; trees of multi_output_tree"),
    (changed(STUMP, tree_param={"num_nodes": "x"}), "num_nodes is 'x', expected a number from 0 to 2147483648"),
    (changed(DEEP, id=0, categories_nodes=[0, 5]), "its categories belong to nodes that it does not have"),
    (changed(DEEP, id=0, categories_nodes=[-1, 3]), "its categories belong to nodes that it does not have"),
    (changed(DEEP, id=0, categories_nodes=[0]), "its categories belong to nodes that it does not have"),
    (changed(DEEP, id=0, categories_sizes=[1]), "its categories belong to nodes that it does not have"),
    (changed(DEEP, id=0, categories_segments=[0]), "its categories belong to nodes that it does not have"),
    (changed(DEEP, id=0, categories_segments=[0, 4]), "its categories lie outside of their list"),
    (changed(DEEP, id=0, categories_segments=[-1, 1]), "its categories lie outside of their list"),
    (changed(DEEP, id=0, categories_sizes=[1, 3]), "its categories lie outside of their list"),
    (changed(DEEP, id=0, categories_sizes=[-1, 2]), "its categories lie outside of their list"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "problem"), TREES, ids=range(len(TREES)))
def test_a_tree_whose_parts_do_not_fit_is_named(tree, problem):
    with pytest.raises(Inconsistent) as raised:
        check(model_of(tree))
    assert str(raised.value).startswith(f"tree 0: {problem}")
    with pytest.raises(Inconsistent, match="tree 1: "):
        check(model_of(STUMP, tree | {"id": 1}))


def test_categories_may_fill_their_list():
    check(model_of(changed(DEEP, id=0, categories_segments=[0, 3], categories_sizes=[3, 0])))
    check(model_of(changed(DEEP, id=0, categories_nodes=[0, 4])))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (model_of(), "it has no trees"),
        (model_of(STUMP, STUMP), "its trees are not numbered one by one"),
        (model_of(LEAF), "its trees are not numbered one by one"),
        (model_of(STUMP, outputs=[1]), "a tree answers for an output outside of 0 to 0"),
        (model_of(STUMP, outputs=[-1]), "a tree answers for an output outside of 0 to 0"),
        (model_of(STUMP, outputs=[3], num_class="3"), "a tree answers for an output outside of 0 to 2"),
        (model_of(STUMP, outputs=[0, 0]), "it has 1 trees, and other parts of it speak of [2]"),
        (model_of(STUMP, num_class="1000001"), "num_class is '1000001', expected a number from 0 to 1000000"),
        (model_of(STUMP, num_target="-1"), "num_target is '-1', expected a number from 0 to 1000000"),
        (model_of(STUMP, features="2147483649"), "num_feature is '2147483649', expected a number from 0 to 2147483648"),
        (model_of(STUMP, features="0"), "tree 0: a node asks for a column outside of 0 to -1"),
        ({}, "a part of it is missing or of another kind (KeyError: 'learner')"),
        (None, "a part of it is missing or of another kind (TypeError"),
        ({"learner": {"learner_model_param": [], "gradient_booster": {}}}, "a part of it is missing or of another kind (AttributeError"),
    ],
)  # fmt: skip
def test_a_model_whose_parts_do_not_fit_is_named(document, problem):
    with pytest.raises(Inconsistent) as raised:
        check(document)
    assert str(raised.value).startswith(problem)


def test_numbers_may_be_as_large_as_their_bounds():
    check(model_of(STUMP, features="2147483648", num_class="1000000"))


@pytest.mark.parametrize(("bounds", "valid"), [([0, 1, 2], True), ([0, 0, 2], True), ([], True), ([1, 2], False), ([0, 1], False), ([0, 2, 1, 2], False)])  # fmt: skip
def test_rounds_follow_each_other(bounds, valid):
    document = model_of(STUMP, LEAF)
    document["learner"]["gradient_booster"]["model"]["iteration_indptr"] = bounds
    if valid:
        check(document)
    else:
        with pytest.raises(Inconsistent, match="the trees of its rounds do not follow each other"):
            check(document)


def test_dart_weighs_each_tree():
    document = model_of(STUMP, LEAF)
    booster = document["learner"]["gradient_booster"]
    document["learner"]["gradient_booster"] = {"name": "dart", "gbtree": booster, "weight_drop": [0.5, 1.0]}
    check(document)
    document["learner"]["gradient_booster"]["weight_drop"] = [0.5]
    with pytest.raises(Inconsistent, match=r"it has 2 trees, and other parts of it speak of \[1\]"):
        check(document)


@pytest.mark.parametrize(
    ("weights", "classes", "valid"), [(3, "0", True), (3, "1", True), (6, "2", True), (2, "0", False), (3, "2", False)]
)
def test_a_linear_model_has_a_weight_for_each_column_and_the_bias(weights, classes, valid):
    document = {
        "learner": {
            "learner_model_param": {"num_feature": "2", "num_class": classes},
            "gradient_booster": {"model": {"weights": [0.5] * weights}},
        }
    }
    if valid:
        check(document)
    else:
        with pytest.raises(Inconsistent, match=f"it has {weights} weights, expected {3 * max(int(classes), 1)}"):
            check(document)
