"""The lines about a job with which the original's log begins [contract: image-classification, Log]."""

from __future__ import annotations

import numpy as np

from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters

OF_OPTIMIZER = {
    "sgd": ("momentum", "weight_decay"), "nag": ("momentum", "weight_decay"),
    "adam": ("beta_1", "beta_2", "eps"), "rmsprop": ("gamma", "eps"),
}  # fmt: skip
"""Hyperparameters that belong to one optimizer."""


def lines(settings: ImageHyperparameters) -> list[str]:
    """The hyperparameters in the order and the words of the original, which names some only where they are set."""
    every = settings.checkpoint_frequency
    optimizing = (*OF_OPTIMIZER[settings.optimizer], "learning_rate", "num_training_samples", "mini_batch_size")
    return [
        "---- Parameters ----",
        f"num_layers: {settings.num_layers}",
        f"data type: {np.float16 if settings.precision_dtype == 'float16' else np.float32}",
        f"epochs: {settings.epochs}",
        *([f"image resize size: {settings.resize}"] if settings.resize else []),
        f"optimizer: {settings.optimizer}",
        *(f"{name}: {getattr(settings, name)}" for name in optimizing),
        f"image_shape: {','.join(map(str, settings.image_shape))}",
        f"num_classes: {settings.num_classes}",
        f"augmentation_type: {settings.augmentation_type}",
        f"kv_store: {settings.kv_store or 'device'}",
        *([f"top_k: {settings.top_k}"] if settings.top_k else []),
        f"checkpoint_frequency: {every}" if every else "checkpoint_frequency not set, will store the best model",
        "--------------------",
    ]
