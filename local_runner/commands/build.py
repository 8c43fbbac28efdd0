"""`wildsage build`: build the image of an algorithm."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from wildsage.local_runner.commands.terminal import examples, report_errors, stderr
from wildsage.local_runner.images import build as image

EXAMPLES = examples(
    "wildsage build kmeans",
    "wildsage build pca --cuda --tag my-registry/pca:1",
    "docker run --rm wildsage/kmeans:cpu train",
)


def build(
    algorithm: Annotated[str, typer.Argument(help="Its name in SageMaker, such as kmeans or pca.")],
    cuda: Annotated[bool, typer.Option("--cuda", help="With torch's CUDA build; several GB.")] = False,
    tag: Annotated[
        str | None, typer.Option(help="Name of the image; default: wildsage/ALGORITHM:cpu or :cuda.")
    ] = None,
) -> None:
    """Build an image that SageMaker, its SDK's local mode and `wildsage up --backend docker` run. Needs Docker and pip."""
    with report_errors():
        built = image.build(
            algorithm, "cuda" if cuda else "cpu", tag, lambda text: stderr.print(f"[bold]{escape(text)}[/]")
        )
    stderr.print(f"[green]Image:[/] {escape(built)}")
