"""The mutants of a file: every place that an operator can change, except annotations, options of data classes and of zip, which
guard against programmers and not against users, and what is marked as equivalent."""

from __future__ import annotations

import ast
import difflib
import random
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from scripts.mutants.operators import Position, operators

EQUIVALENT = re.compile(r"# mutants: equivalent: \S.*")
"""The mark of a line whose changes, if no test notices them, make no difference; with the reason behind it. It ends the line, or is
the line above, and leaves out all changes of the line."""


@dataclass(frozen=True)
class Mutant:
    """A file with one change."""

    path: str
    line: int
    original: str
    code: str

    @property
    def diff(self) -> str:
        """The change as a unified diff without lines around it."""
        before, after = self.original.splitlines(), self.code.splitlines()
        lines = [
            line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:3] not in ("---", "+++")
        ]
        return "\n".join(lines)

    @property
    def statement(self) -> range:
        """The lines of the changed statement; of one with a body, those before the body."""
        found = range(self.line, self.line + 1)
        for node in ast.walk(ast.parse(self.original)):
            if isinstance(node, ast.stmt) and node.lineno <= self.line <= _last_line(node):
                found = range(node.lineno, _last_line(node) + 1)  # ast.walk goes from the outside in
        return found


class EveryLine:
    """Contains all numbers."""

    def __contains__(self, line: object) -> bool:
        return True


def mutants(
    path: str, code: str, lines: Container[int] = EveryLine(), sample: int | None = None, seed: int = 0
) -> list[Mutant]:
    """Mutants of a file's code that change one of these lines, each different from all others, in a random order that is the same
    for the same seed: all, or so many."""
    places = list(_places(code, lines))
    random.Random(seed).shuffle(places)
    original, found = _meaning(code), dict[str, Mutant]()
    for line, operator, occurrence in places:
        if sample is not None and len(found) >= sample:
            break
        mutated = _mutated(code, operator, occurrence)
        meaning = _meaning(mutated) if mutated else None
        if mutated and meaning and meaning != original:
            found.setdefault(meaning, Mutant(path, line, code, mutated))
    return list(found.values())


def _places(code: str, lines: Container[int]) -> Iterator[tuple[int, Operator, int]]:
    """Where an operator can change one of these lines: the line, the operator, and which of its places that is."""
    left_alone, marked = list(_left_alone(ast.parse(code))), set(_marked(code))
    nodes = list(ast_nodes(get_ast(code)))
    for operator in operators():
        positions = (position for node in nodes for position in operator.mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            if (
                start[0] in lines
                and start[0] not in marked
                and not any(low <= start < high for low, high in left_alone)
            ):
                yield start[0], operator, occurrence


def _mutated(code: str, operator: Operator, occurrence: int) -> str | None:
    """The changed code, or None where cosmic-ray has no change: of an exception with dots in its name, as `http.client.Error`."""
    try:
        return mutate_code(code, operator, occurrence)
    except AttributeError:
        return None


def _marked(code: str) -> Iterator[int]:
    """The numbers of lines that end with the mark, or follow a line that is nothing else."""
    for number, line in enumerate(code.splitlines(), 1):
        if EQUIVALENT.search(line):
            yield number + 1 if line.lstrip().startswith("#") else number


def _meaning(code: str) -> str | None:
    """What Python reads; None if it is not valid."""
    try:
        return ast.dump(ast.parse(code))
    except SyntaxError:
        return None


def _left_alone(tree: ast.Module) -> Iterator[Position]:
    """Where types stand, which are not evaluated, and whether they are imported; the decorators of data classes, the options of
    their fields, `strict` of zip, and the `*` of parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.args.kwonlyargs:
            before = [
                *(_position(one)[1] for one in node.args.args),
                *(_position(one)[1] for one in node.args.defaults),
            ]
            yield max(before, default=(node.lineno, node.col_offset)), _position(node.args.kwonlyargs[0])[0]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("zip", "field"):
            yield from (_position(option.value) for option in node.keywords if option.arg != "default")
        if isinstance(node, ast.ClassDef):
            yield from (_position(one) for one in node.decorator_list)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield _position(node.test)
        for name in ("annotation", "returns"):
            if (annotation := getattr(node, name, None)) is not None:
                yield _position(annotation)


def _last_line(node: ast.stmt) -> int:
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.end_lineno
    return max(node.lineno, last or 0)


def _position(node: ast.expr | ast.arg) -> Position:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
