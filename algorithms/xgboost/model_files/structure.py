"""Whether a decoded model fits together. The library believes a file: a damaged one can end its process or loop for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_CHILD = -1
NO_PARENT = (-1, 2**31 - 1)
NODE_ARRAYS = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
MOST_OUTPUTS = 1_000_000
"""Classes and targets of a model: each takes memory for every row that is answered."""


class Inconsistent(ValueError):
    """A model's parts do not fit together; the text says which."""


def check(document: Any) -> None:
    """Check a model in XGBoost's JSON schema, whose arrays may be lists or NumPy arrays. Raises Inconsistent."""
    try:
        learner = document["learner"]
        parameters, booster = learner["learner_model_param"], learner["gradient_booster"]
        features = _count(parameters, "num_feature", 2**31)
        classes, targets = (_count(parameters, name, MOST_OUTPUTS) for name in ("num_class", "num_target"))
        if "weights" in booster.get("model", {}):
            _check_linear(booster["model"], features, max(classes, 1))
        else:
            model = booster.get("gbtree", booster)["model"]
            _check_trees(model, booster.get("weight_drop"), features)
            _check_outputs(model["tree_info"], max(classes, targets, 1))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise Inconsistent(f"a part of it is missing or of another kind ({type(error).__name__}: {error})") from None


def _count(parameters: Mapping[str, Any], name: str, most: int) -> int:
    try:
        number = int(parameters.get(name, "0"))
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise Inconsistent(f"{name} is {parameters[name]!r}, expected a number from 0 to {most}")
    return number


def _check_linear(model: Mapping[str, Any], features: int, groups: int) -> None:
    expected = (features + 1) * groups
    if len(model["weights"]) != expected:
        raise Inconsistent(f"it has {len(model['weights'])} weights, expected {expected}")


def _check_trees(model: Mapping[str, Any], weight_drop: Sequence[float] | None, features: int) -> None:
    trees = model["trees"]
    if not len(trees):
        raise Inconsistent("it has no trees")
    declared = _count(model["gbtree_model_param"], "num_trees", 2**31)
    lengths = {len(trees), declared, len(model["tree_info"]), len(trees if weight_drop is None else weight_drop)}
    if len(lengths) != 1:
        raise Inconsistent(
            f"it has {len(trees)} trees, and other parts of it speak of {sorted(lengths - {len(trees)})}"
        )
    if sorted(tree["id"] for tree in trees) != list(range(len(trees))):
        raise Inconsistent("its trees are not numbered one by one")
    bounds = np.asarray(model.get("iteration_indptr", [0, len(trees)]))
    if len(bounds) and (bounds[0] != 0 or bounds[-1] != len(trees) or (np.diff(bounds) < 0).any()):
        raise Inconsistent("the trees of its rounds do not follow each other")
    for number, tree in enumerate(trees):
        try:
            _check_tree(tree, features)
        except Inconsistent as error:
            raise Inconsistent(f"tree {number}: {error}") from None


def _check_outputs(outputs_t: Sequence[int], count: int) -> None:
    """The library adds a tree's answers to the output that it names, and would write beyond the others."""
    if _outside(np.asarray(outputs_t), 0, count):
        raise Inconsistent(f"a tree answers for an output outside of 0 to {count - 1}")


def _check_tree(tree: Mapping[str, Any], features: int) -> None:
    arrays = {name: np.asarray(tree[name]) for name in NODE_ARRAYS}
    if (leaf := _count(tree["tree_param"], "size_leaf_vector", 2**31)) > 1:
        raise Inconsistent(f"its leaves have {leaf} numbers each; trees of multi_output_tree are not supported")
    nodes = _count(tree["tree_param"], "num_nodes", 2**31)
    wrong = [name for name, array in arrays.items() if array.shape != (nodes,)]
    if wrong or not nodes:
        raise Inconsistent(f"it has {nodes} nodes, and {', '.join(wrong) or 'a tree has one at least'}")
    left_n, right_n = arrays["left_children"], arrays["right_children"]
    inner = left_n != NO_CHILD
    children = np.concatenate((left_n[inner], right_n[inner]))
    pairs = (inner == (right_n != NO_CHILD)).all() and not _outside(children, 1, nodes)
    if not pairs or len(np.unique(children)) != len(children):
        raise Inconsistent("its nodes do not form a tree")
    _check_parents(arrays["parents"], children, np.tile(inner.nonzero()[0], 2))
    if _outside(arrays["split_indices"][inner], 0, features):
        raise Inconsistent(f"a node asks for a column outside of 0 to {features - 1}")
    _check_categories(tree, nodes)


def _check_parents(parents_n: NDArray, children: NDArray, their_parents: NDArray) -> None:
    named = parents_n[~np.isin(parents_n, NO_PARENT)]
    known = parents_n[0] in NO_PARENT and not _outside(named, 0, len(parents_n))
    if not known or (parents_n[children] != their_parents).any():
        raise Inconsistent("its nodes name other parents than those that have them as children")


def _check_categories(tree: Mapping[str, Any], nodes: int) -> None:
    categories, of_nodes = tree.get("categories", ()), np.asarray(tree.get("categories_nodes", ()), np.int64)
    starts = np.asarray(tree.get("categories_segments", ()), np.int64)
    sizes = np.asarray(tree.get("categories_sizes", ()), np.int64)
    if not len(starts) == len(sizes) == len(of_nodes) or _outside(of_nodes, 0, nodes):
        raise Inconsistent("its categories belong to nodes that it does not have")
    if _outside(starts, 0, len(categories) + 1) or _outside(sizes, 0, len(categories) + 1 - starts):
        raise Inconsistent("its categories lie outside of their list")


def _outside(values: NDArray, low: int, high: int | NDArray) -> bool:
    return bool(((values < low) | (values >= high)).any())
