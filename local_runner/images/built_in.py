"""Amazon's built-in algorithms by name, whether Wildsage has them or not, to distinguish a typo from a missing algorithm.

Sources: the table of image repositories and the list of built-in algorithms in SageMaker's developer guide.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

NAMES: dict[str, tuple[str, ...]] = {
    "autogluon-tabular": ("autogluon",),
    "blazingtext": ("word2vec",),
    "catboost": (),
    "factorization-machines": ("fm",),
    "forecasting-deepar": ("deepar",),
    "image-classification": (),
    "ipinsights": (),
    "kmeans": (),
    "knn": ("k-nearest-neighbors", "nearest-neighbors"),
    "lda": ("latent-dirichlet-allocation",),
    "lightgbm": (),
    "linear-learner": (),
    "ntm": ("neural-topic-model",),
    "object-detection": (),
    "object2vec": (),
    "pca": ("principal-component-analysis",),
    "randomcutforest": ("rcf",),
    "semantic-segmentation": (),
    "seq2seq": ("sequence-to-sequence",),
    "tabtransformer": (),
    "xgboost": ("sagemaker-xgboost",),
}
"""Names of the algorithms, most of which are the repository of their image too, and other names that people give them."""


def find(name: str) -> str | None:
    """The algorithm that goes by `name`, whatever its hyphens and capitals; None for a name that none has."""
    return _spellings().get(_plain(name))


def explain(name: str, here: Collection[str]) -> str:
    """What to say of an algorithm's name that is not among those `here`: a typo, or an algorithm that is not here yet."""
    available = f"Available: {', '.join(here)}."
    if official := find(name):
        if official in here:
            return f"Algorithm {name!r} is not known. Did you mean {official}?"
        return f"Algorithm {name!r} is SageMaker's {official}, which Wildsage does not have yet. {available}"
    unknown = f"Algorithm {name!r} is not one of SageMaker's built-in algorithms."
    near = _nearest(name, here)
    if near is None:
        return f"{unknown} {available}"
    remark = "" if near in here else " Wildsage does not have that one yet."
    return f"{unknown} Did you mean {near}?{remark} {available}"


def _nearest(name: str, here: Collection[str]) -> str | None:
    spellings = _spellings() | {_plain(one): one for one in here}
    close = difflib.get_close_matches(_plain(name), spellings, cutoff=0.7)
    return spellings[close[0]] if close else None


def _spellings() -> dict[str, str]:
    return {_plain(spelling): name for name, others in NAMES.items() for spelling in (name, *others)}


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
