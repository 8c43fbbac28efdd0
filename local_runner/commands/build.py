"""`wildsage build`: build the images of algorithms."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from wildsage.local_runner.commands.terminal import examples, fail, report_errors, stderr
from wildsage.local_runner.images import build as images
from wildsage.local_runner.images import built_in

EXAMPLES = examples(
    "wildsage build kmeans",
    "wildsage build --all               every algorithm, and the local AWS as `runner`",
    "wildsage build pca --cuda --tag my-registry/pca:1",
    "docker run --rm wildsage/kmeans:cpu train",
)


def build(
    algorithms: Annotated[
        list[str] | None, typer.Argument(metavar="ALGORITHM…", help="Names in SageMaker, such as kmeans or pca.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every algorithm, and the local AWS as `runner`.")] = False,
    cuda: Annotated[bool, typer.Option("--cuda", help="With torch's CUDA build; several GB.")] = False,
    tag: Annotated[
        str | None, typer.Option(help="Name of the image; default: wildsage/ALGORITHM:cpu or :cuda.")
    ] = None,
) -> None:
    """Build images that SageMaker, its SDK's local mode and `wildsage up --backend docker` run. Needs Docker and pip."""
    if bool(algorithms) == every:
        raise typer.BadParameter(f"Name algorithms, or give --all. There are {', '.join(images.known())}.")
    names = images.known() if every else algorithms or []
    if tag and len(names) != 1:
        raise typer.BadParameter("--tag names one image: give it with one algorithm.")
    for name in names:
        require_image(name)
    with report_errors():
        built = images.build(
            names, "cuda" if cuda else "cpu", tag, lambda text: stderr.print(f"[bold]{escape(text)}[/]")
        )
    for image in built:
        stderr.print(f"[green]Image:[/] {escape(image)}")


def require_image(name: str) -> None:
    """Exit with an error, and the nearest name, unless an image of that name can be built."""
    if name not in images.known():
        fail(2, built_in.explain(name, images.known()))
