"""The changes that are tried: those of cosmic-ray that a tired hand makes, and two of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cosmic_ray.plugins
import parso
from cosmic_ray.operators.operator import Operator

Position = tuple[tuple[int, int], tuple[int, int]]

_BINARY = "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_FloorDiv Pow_Mul LShift_RShift RShift_LShift BitOr_BitAnd BitAnd_BitOr"
_COMPARISONS = "Lt_LtE LtE_Lt Gt_GtE GtE_Gt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is"
_UNARY = "USub_UAdd Delete_Not"
_OTHERS = (
    "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue "
    "ReplaceContinueWithBreak ExceptionReplacer NumberReplacer ZeroIterationForLoop"
)


class OwnOperator(Operator):
    """An operator that cosmic-ray does not have."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        """Where the operator can change this node of the tree: once, or not at all."""
        raise NotImplementedError  # abstract: each operator below says it

    def mutate(self, node: Any, index: int) -> Any:
        """The node, changed in place."""
        raise NotImplementedError  # abstract: each operator below says it

    @classmethod
    def examples(cls) -> tuple[()]:
        """None: cosmic-ray shows them in a list of its operators."""
        return ()


class DropStatement(OwnOperator):
    """Leaves out a call whose result is not used, or a `raise`: a dropped check."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "simple_stmt" and _is_call_or_raise(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[0] = parso.parse(_indentation(node.children[0]) + "pass")
        return node


class DropWith(OwnOperator):
    """Runs a block without its `with`, where nothing is bound by `as`: a lock that is not taken."""

    def mutation_positions(self, node: Any) -> Iterator[Position]:
        if node.type == "with_stmt" and node.children[1].type != "with_item" and node.children[2] == ":":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[0] = parso.parse(_indentation(node) + "if")
        node.children[1] = parso.parse(" True")
        return node


def operators() -> list[Operator]:
    """One of each."""
    names = [f"ReplaceBinaryOperator_{name}" for name in _BINARY.split()]
    names += [f"ReplaceComparisonOperator_{name}" for name in _COMPARISONS.split()]
    names += [f"ReplaceUnaryOperator_{name}" for name in _UNARY.split()] + _OTHERS.split()
    return [cosmic_ray.plugins.get_operator(f"core/{name}")() for name in names] + [DropStatement(), DropWith()]


def _is_call_or_raise(node: Any) -> bool:
    if node.type in ("raise_stmt", "keyword"):
        return str(node.get_first_leaf().value) == "raise"
    called = node.children[-1] if node.type in ("atom_expr", "power") else None
    return called is not None and called.type == "trailer" and called.children[0] == "("


def _indentation(node: Any) -> str:
    return str(node.get_first_leaf().prefix)
