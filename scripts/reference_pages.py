"""What the documentation site reads from the code: its contents, the commands, and the public names of Python.

The pages lie in docs/ with their introductions. `docs/site/conf.py` completes them with these functions while it builds the site.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.text import Text
from typer.cli import get_docs_for_click
from typer.main import get_command

import wildsage
from wildsage.local_runner.__main__ import app
from wildsage.local_runner.commands.terminal import DATA

ROOT = Path(__file__).resolve().parents[1]
ESTIMATORS = "wildsage.local_runner.estimators"
SECTION = re.compile(r"^##+ (.+)$", re.MULTILINE)
FIRST_CELL = re.compile(r"^\| \[[^]]+\]\(([^)#:]+\.md)\)", re.MULTILINE)
COMMANDS = re.compile(r"^\*\*Commands\*\*:.*?(?=^## )", re.MULTILINE | re.DOTALL)
EXAMPLES = re.compile(r"^Examples:\n((?:\n  .+\n)+)", re.MULTILINE)
ALGORITHMS = """
```{toctree}
:caption: Algorithms
:hidden:
:glob:

/algorithms/*/README
```
"""


def with_contents(index: str) -> str:
    """The index with a hidden table of contents for each section, of the pages that the section's table links."""
    _, *parts = SECTION.split(index)
    sections = zip(parts[::2], parts[1::2], strict=True)
    trees = [_contents(title, FIRST_CELL.findall(text)) for title, text in sections]
    return "\n".join([index, *trees, ALGORITHMS])


def _contents(title: str, pages: list[str]) -> str:
    return "\n".join(["```{toctree}", f":caption: {title}", ":hidden:", "", *pages, "```", ""]) if pages else ""


def with_commands(page: str) -> str:
    """The page of the command line with every command, its options and examples, as `--help` has them."""
    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="wildsage")
    text = COMMANDS.sub("", text.partition("\n")[2]).replace(str(DATA), "~/.local/share/wildsage")
    return page + EXAMPLES.sub(_example_block, text)


def _example_block(found: re.Match[str]) -> str:
    lines = [Text.from_markup(line.strip()).plain for line in found[1].splitlines() if line.strip()]
    return "\n".join(["Examples:", "", "```sh", *lines, "```", ""])


def with_public_names(page: str) -> str:
    """The page of the Python API with the signature and docstring of every public name."""
    return "\n\n".join([page, *(_entry(name) for name in sorted(wildsage.__all__) if name != "__version__")])


def _entry(name: str) -> str:
    node = definition(name)
    text = [f"## {name}", "", "```python", _signature(node), "```", "", _documentation(node)]
    for method in _methods(node):
        text += [f"### {name}.{method.name}", "", "```python", _signature(method), "```", "", _documentation(method)]
    return "\n".join(text)


def definition(name: str) -> ast.ClassDef | ast.FunctionDef:
    """The source of a public name, read without an import: the estimators need SDK v3, which may not be installed.

    Raises LookupError if the modules that `wildsage` names do not define it.
    """
    module = wildsage._MODULES.get(name, ESTIMATORS)
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]:
            return next(found for found in _tree(node.module).body if getattr(found, "name", None) == name)  # type: ignore[return-value]
    raise LookupError(f"{module} does not define {name}")


def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def _signature(node: ast.ClassDef | ast.FunctionDef) -> str:
    """The line a caller needs: the arguments of a function, or of what creates an object of a class."""
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"{node.name}({_arguments(node)}){returns}"
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return f"{node.name}({_arguments(method)})"
    fields = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
    return f"{node.name}({', '.join(fields)})"


def _arguments(node: ast.FunctionDef) -> str:
    return re.sub(r"^(self|cls)(, |$)", "", ast.unparse(node.args))


def _methods(node: ast.ClassDef | ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method):
                yield method


def _documentation(node: ast.ClassDef | ast.FunctionDef) -> str:
    """A docstring, which is Markdown, with its examples in blocks."""
    text = ast.get_docstring(node) or ""
    return re.sub(r"^((?:>>>.*\n)(?:.+\n?)*)", r"```python\n\1\n```\n", text, flags=re.MULTILINE)
