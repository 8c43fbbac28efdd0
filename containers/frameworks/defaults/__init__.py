"""What each framework's image does where a script lacks a hook.

Source: contract script-mode, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping

from wildsage.containers.frameworks.defaults.base import DefaultHooks


def of_framework(name: str, tag: str, environment: Mapping[str, str]) -> DefaultHooks:
    """The hooks of a framework's image with that tag; `environment` is the container's."""
    match name:
        case "scikit-learn":
            from wildsage.containers.frameworks.defaults.scikit_learn import ScikitLearnHooks

            return ScikitLearnHooks()
        case "xgboost":
            from wildsage.containers.frameworks.defaults.xgboost import XGBoostHooks

            return XGBoostHooks(tag)
        case "pytorch":
            from wildsage.containers.frameworks.defaults.pytorch import PyTorchHooks

            return PyTorchHooks()
        case "huggingface-pytorch" | "huggingface-tensorflow":
            from wildsage.containers.frameworks.defaults.hugging_face import HuggingFaceHooks

            return HuggingFaceHooks(environment)
        case _:
            return DefaultHooks()
