"""Image URI → algorithm. The repository name decides, never the account: official accounts differ from region to region,
and so do the registries' domains: amazonaws.com in most, others in China and in the isolated partitions."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

URI = re.compile(
    r"\d{12}\.dkr\.ecr[a-z-]*\.[a-z0-9-]+\.[a-z0-9.-]+/(?P<repository>[^:@]+)(?::[^@]+)?(?:@sha256:[0-9a-f]{64})?"
)
ALGORITHMS = {
    "kmeans": "kmeans",
    "pca": "pca",
    "factorization-machines": "factorization-machines",
    "knn": "knn",
    "linear-learner": "linear-learner",
    "image-classification": "image-classification",
    "blazingtext": "blazingtext",
    "xgboost": "xgboost",
    "sagemaker-xgboost": "xgboost",
}
NOT_HERE = (
    "forecasting-deepar",
    "ipinsights",
    "lda",
    "ntm",
    "object-detection",
    "object2vec",
    "randomcutforest",
    "semantic-segmentation",
    "seq2seq",
)
"""Repositories of Amazon's other built-in algorithms."""


class UnknownImage(Exception):
    """No algorithm here for an image; the text says which there are."""


def algorithm(uri: str) -> str | None:
    """Name of the built-in algorithm behind an official URI of any region, None for any other image."""
    return ALGORITHMS.get(_repository(uri))


def tag(algorithm: str, target: str) -> str:
    """Local name of our image of an algorithm; `target` is cpu or cuda."""
    return f"wildsage/{algorithm}:{target}"


def installed_algorithm(uri: str) -> str:
    """Like `algorithm`, for those that this installation has. Raises UnknownImage."""
    name = algorithm(uri)
    available = installed()
    if name in available:
        return name
    missing = name or next((one for one in NOT_HERE if one == _repository(uri)), None)
    problem = (
        f"is Amazon's {missing}, which Wildsage does not have yet"
        if missing
        else "is none of Amazon's built-in algorithms"
    )
    raise UnknownImage(
        f"Image {uri} {problem}. Available without Docker: {', '.join(available)}. "
        "Running any other image needs the Docker backend: `wildsage up --backend docker`."
    )


def installed() -> list[str]:
    """Algorithms whose folder is here, by name. Looks at folders only and imports none of them."""
    spec = importlib.util.find_spec("wildsage.algorithms")
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    return sorted(
        name
        for name in set(ALGORITHMS.values())
        if any((folder / name.replace("-", "_") / "__init__.py").is_file() for folder in folders)
    )


def _repository(uri: str) -> str:
    """Empty where no registry of Amazon's is named."""
    match = URI.fullmatch(uri)
    return match["repository"] if match else ""
