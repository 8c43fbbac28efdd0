"""What containers and the local AWS need to know of BlazingText."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Response, Spec

SPEC = Spec(
    image="blazingtext",
    log_name="blazingtext",
    response=Response("predictions", ("label", "prob")),
    content_types=("text/plain", "application/jsonlines"),
    metric_definitions={
        "train:mean_rho": r"#mean_rho: (\S+)",
        "train:accuracy": r"#train_accuracy: (\S+)",
        "validation:accuracy": r"#validation_accuracy: (\S+)",
    },
    channels=(Channel("train"), Channel("validation", required=False), Channel("evaluation", required=False)),
    packages=("numba",),
    program=True,
    model_files=("model.bin", "vectors.bin", "*.ftz"),
    model_note="a model of BlazingText, which holds words beside its arrays. Load it with fasttext.load_model.",
)
