#!/usr/bin/env python3
"""Lists the public names that have no docstring: `scripts/undocumented_names.py`.

A public name is a module, a class or function at the top of a module, or a method of a public class, without a leading
underscore. Two kinds of names need no docstring of their own:

- A method that a base class documents, or a Protocol that its module defines or imports: it does what is said there, and a
  second wording would drift from the first.
- An operation of AWS, which is a function of a module with a `SERVICE`: AWS documents it. The docstring of the module says
  what this server does differently, and that of a function is a remark for docs/compatibility.md.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = ("local_runner", "containers", "algorithms", "wildsage", "benchmarks", "examples", "scripts")
NAMESPACE = "wildsage."
OPERATIONS = "local_runner/operations/"

Definition = ast.ClassDef | ast.FunctionDef


@dataclass
class Module:
    """The classes and functions at the top of a module, and where the names come from that it imports."""

    path: Path
    tree: ast.Module
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path, path: Path) -> Module:
        """The module at a path relative to the root. Raises SyntaxError."""
        module = cls(path, ast.parse((root / path).read_text()))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                module.imports |= {name: source.removeprefix(NAMESPACE) for name, source in names.items()}
        module.definitions = {node.name: node for node in module.tree.body if isinstance(node, Definition)}
        return module

    @property
    def name(self) -> str:
        """Dotted name, without the namespace."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def holds_operations(self) -> bool:
        """Whether the public functions are operations of AWS."""
        assigned = [target for node in self.tree.body if isinstance(node, ast.Assign) for target in node.targets]
        return str(self.path).startswith(OPERATIONS) and "SERVICE" in map(ast.unparse, assigned)


Tree = Mapping[str, Module]
"""The modules by dotted name."""


def undocumented(root: Path, folders: Iterable[str]) -> Iterator[str]:
    """Public names in some folders of a root that need a docstring and have none, as `file: name`."""
    paths = [path.relative_to(root) for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    modules = [Module.read(root, path) for path in paths]
    tree = {module.name: module for module in modules}
    for module in modules:
        if not ast.get_docstring(module.tree) and module.tree.body:
            yield f"{module.path}: the module"
        for node in module.definitions.values():
            yield from (f"{module.path}: {name}" for name in _undocumented_in(tree, module, node))


def _undocumented_in(tree: Tree, module: Module, node: Definition) -> Iterator[str]:
    """The name of a class or function, and names of methods, that lack a docstring."""
    if node.name.startswith("_"):
        return
    if not ast.get_docstring(node) and not (isinstance(node, ast.FunctionDef) and module.holds_operations):
        yield node.name
    if isinstance(node, ast.ClassDef):
        known = _documented_above(tree, module, node)
        for name, method in _methods(node).items():
            if not ast.get_docstring(method) and name not in known:
                yield f"{node.name}.{name}"


def _methods(kind: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    """The public methods of a class."""
    return {
        node.name: node for node in kind.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def _documented_above(tree: Tree, module: Module, kind: ast.ClassDef) -> set[str]:
    """Names of methods that base classes and protocols of a class document."""
    found: set[str] = set()
    for above, base in [*_bases(tree, module, kind), *_protocols(tree, module, kind)]:
        found |= {name for name, method in _methods(base).items() if ast.get_docstring(method)}
        found |= _documented_above(tree, above, base)
    return found


def _bases(tree: Tree, module: Module, kind: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
    """The base classes of a class that belong to the project, each with its module."""
    for base in kind.bases:
        if found := _find(tree, module, ast.unparse(base.value if isinstance(base, ast.Subscript) else base)):
            yield found


def _protocols(tree: Tree, module: Module, kind: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
    """The protocols that a module defines or imports, if a class has all their members; each with its module."""
    fields = {
        node.target.id for node in kind.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    for name in [*module.definitions, *module.imports]:
        found = _find(tree, module, name)
        if found and "Protocol" in map(ast.unparse, found[1].bases):
            module_of, protocol = found
            if protocol is not kind and _methods(protocol).keys() <= _methods(kind).keys() | fields:
                yield module_of, protocol


def _find(tree: Tree, module: Module, name: str) -> tuple[Module, ast.ClassDef] | None:
    """The class that a name, such as `Model` or `run.RunContext`, has in a module; None if it is not one of the project."""
    first, *rest = name.split(".")
    if not rest and isinstance(node := module.definitions.get(name), ast.ClassDef):
        return module, node
    source, _, last = ".".join([module.imports.get(first, ""), *rest]).rpartition(".")
    if source in tree and isinstance(node := tree[source].definitions.get(last), ast.ClassDef):
        return tree[source], node
    return None


def main() -> int:
    """Print the names; the exit status is 1 if there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="tree to look at")
    found = list(undocumented(parser.parse_args().root, FOLDERS))
    sys.stdout.writelines(f"{name}\n" for name in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
