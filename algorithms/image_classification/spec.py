"""What containers and the local AWS need to know of image classification."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Response, Spec

SPEC = Spec(
    image="image-classification",
    log_name="image-classification",
    response=Response("prediction", ("prediction",)),
    data="images",
    content_types=("application/x-recordio", "application/x-image", "image/jpeg", "image/png", "application/jpeg"),
    metric_definitions={"validation:accuracy": r"Epoch\[\d+\] Validation-accuracy=(\S+)"},
    channels=tuple(
        Channel(name, name == "train") for name in ("train", "validation", "train_lst", "validation_lst", "model")
    ),
)
