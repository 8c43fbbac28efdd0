"""Image URI → algorithm. Only the repository name matters: Amazon's accounts differ between regions, and the registries'
domains between partitions (amazonaws.com in most, others in China and in the isolated partitions)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from wildsage.containers.contract import frameworks, spark
from wildsage.containers.contract.frameworks import Framework
from wildsage.local_runner.images import built_in, catalogue
from wildsage.local_runner.images.catalogue import AlgorithmEntry

URI = re.compile(
    r"\d{12}\.dkr\.ecr[a-z-]*\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@sha256:[0-9a-f]{64})?"
)


class UnknownImage(Exception):
    """No installed algorithm runs an image. The text names the installed ones."""


def algorithm(uri: str) -> str | None:
    """Name of the Wildsage algorithm for a URI of any account and region; None for any other image."""
    found = catalogue.in_repository(_repository(uri))
    return found.name if found else None


def framework(uri: str) -> Framework | None:
    """The framework whose image a URI names, of any account and region. XGBoost's image is an algorithm as well."""
    return frameworks.in_repository(_repository(uri))


def runs_spark(uri: str) -> bool:
    """Whether a URI names an image of Spark, whose command stands in for Amazon's."""
    return _repository(uri) == spark.REPOSITORY


def may_run_script(uri: str) -> bool:
    """Whether an image is one of an algorithm that runs a script if it is given one: XGBoost's."""
    return framework(uri) is not None and algorithm(uri) is not None


def mapped(uri: str, commands: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The command that stands in for an image, found by its URI, or by its name without registry and tag; else empty."""
    name = uri.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return commands.get(uri) or commands.get(name) or ()


def parse_mapping(text: str) -> tuple[str, tuple[str, ...]]:
    """`IMAGE=COMMAND` as the image and the words of the command. Raises ValueError."""
    image, found, command = text.partition("=")
    words = tuple(shlex.split(command))
    if not (image and found and words):
        raise ValueError(f"got {text!r}, expected IMAGE=COMMAND, such as my-image='python serve.py'")
    return image, words


def tag_of(uri: str) -> str:
    """The tag that a URI asks for, which some algorithms take for a version; empty where it names none."""
    match = URI.fullmatch(uri)
    return (match["tag"] or "") if match else ""


def region_of(uri: str) -> str | None:
    """The region of an image in ECR; None for any other image."""
    match = URI.fullmatch(uri)
    return match["region"] if match else None


def foreign(uri: str, region: str) -> str | None:
    """What AWS says when a resource of `region` names this image, in its own words; None if it takes the image."""
    own = region_of(uri)
    if own in (None, region):
        return None
    return f"Cross region ECR image pulls are not allowed. The image is of {own}, the request of {region}: {uri}"


def foreign_warning(uri: str, region: str) -> str | None:
    """The line that warns in the log of a container of `region` which AWS would not start; None if it would."""
    problem = foreign(uri, region)
    return f"[wildsage] WARNING: AWS rejects this image. {problem}" if problem else None


def image_name(algorithm: str, target: str) -> str:
    """Local tag of an algorithm's image; `target` is cpu or cuda."""
    return f"wildsage/{algorithm}:{target}"


def installed_algorithm(uri: str) -> AlgorithmEntry:
    """The algorithm of an image that can run in this installation. Raises UnknownImage."""
    repository = _repository(uri)
    found = catalogue.in_repository(repository)
    if found and not found.problem:
        return found
    if found:
        raise UnknownImage(f"Image {uri}: {found.problem}")
    amazons = built_in.find(repository)
    problem = (
        f"is Amazon's {amazons}, which Wildsage does not have yet"
        if amazons
        else "is not one of Amazon's built-in algorithms or framework images"
    )
    available = ", ".join(one.name for one in catalogue.algorithms() if not one.problem)
    runnable = ", ".join(dict.fromkeys(one.title for one in frameworks.FRAMEWORKS if not one.problem))
    raise UnknownImage(
        f"Image {uri} {problem}. Available without Docker: {available}; scripts with {runnable}. There are three ways to run "
        "another image: in Docker with `wildsage up --backend docker`, its script with the image of a framework, or a command "
        f"of yours in its place with `wildsage up --image {repository or 'NAME'}=COMMAND`."
    )


def _repository(uri: str) -> str:
    """Repository of an ECR URI; "" for any other image."""
    match = URI.fullmatch(uri)
    return match["repository"] if match else ""
