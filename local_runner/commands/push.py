"""`wildsage push`: push an image to Amazon ECR."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import DownloadColumn, Progress, TaskID

from wildsage.local_runner.backends import CannotRun
from wildsage.local_runner.commands.build import require_image
from wildsage.local_runner.commands.terminal import examples, fail, report_errors, stderr
from wildsage.local_runner.images import uris

EXAMPLES = examples(
    "wildsage push kmeans --region us-east-1",
    "wildsage push pca --cuda --repository algorithms/pca --tag 1",
)


def push(
    algorithm: Annotated[
        str, typer.Argument(help="Name of the algorithm in SageMaker. `wildsage build` builds its image.")
    ],
    cuda: Annotated[bool, typer.Option("--cuda", help="Push the image with CUDA.")] = False,
    image: Annotated[str | None, typer.Option(help="Tag of another local image to push.")] = None,
    repository: Annotated[
        str | None, typer.Option(help="Repository, created if it does not exist; default: wildsage/ALGORITHM.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Tag in the repository; default: cpu or cuda.")] = None,
    region: Annotated[
        str | None, typer.Option(help="AWS region; default: the region of your AWS configuration.")
    ] = None,
) -> None:
    """Push an image to Amazon ECR with your AWS credentials, so that SageMaker can train and serve with it."""
    if image is None:
        require_image(algorithm)
    try:
        import boto3  # slow to import, and no other command needs it

        from wildsage.local_runner.backends.docker import connect
        from wildsage.local_runner.images import push as registry
    except ModuleNotFoundError as error:
        fail(1, f'Pushing needs the package {error.name}: pip install "wildsage[docker]"')
    target = "cuda" if cuda else "cpu"
    with report_errors(), Progress(*Progress.get_default_columns(), DownloadColumn(), console=stderr) as progress:
        layers: dict[str, TaskID] = {}

        def show_progress(layer: str, sent: int, total: int) -> None:
            if layer not in layers:
                layers[layer] = progress.add_task(layer, total=total)
            progress.update(layers[layer], completed=sent, total=total)

        try:
            engine = connect()
        except CannotRun as error:
            fail(1, str(error))
        pushed = registry.push(
            engine,
            image or uris.image_name(algorithm, target),
            repository or f"wildsage/{algorithm}",
            tag or target,
            boto3.Session(region_name=region),
            show_progress,
        )
    stderr.print(f"[green]Pushed:[/] {escape(pushed)}")
