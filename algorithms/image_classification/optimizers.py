"""The four optimizers and the schedule of the learning rate [contract: image-classification, Hyperparameters]."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

import torch
from torch import Tensor, nn, optim
from torch.optim import Optimizer

from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters

DECAYED = ("_weight", "_gamma")
"""Endings of the names to which weight decay applies, as in MXNet: not biases and betas."""


Kind = TypeVar("Kind", bound=Optimizer)


def _without_compiler(kind: type[Kind]) -> type[Kind]:
    """The same optimizer, whose methods lack the wrappers that import torch's compiler.

    The import takes a second of each job and 100 MB, and nothing is compiled here.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return cast(type[Kind], type(kind.__name__, (kind,), {**methods, "step": step}))


SGD, Adam, RMSprop = _without_compiler(optim.SGD), _without_compiler(optim.Adam), _without_compiler(optim.RMSprop)


def make(settings: ImageHyperparameters, network: nn.Module, fused: bool) -> Optimizer:
    """The optimizer of the job. `fused` selects torch's implementation that updates all parameters in one pass."""
    rate = settings.learning_rate
    if settings.optimizer == "adam":
        return Adam(network.parameters(), rate, (settings.beta_1, settings.beta_2), settings.eps, fused=fused)
    if settings.optimizer == "rmsprop":
        return RMSprop(network.parameters(), rate, alpha=settings.gamma, eps=settings.eps)
    groups = _by_decay(network, settings.weight_decay)
    nesterov = settings.optimizer == "nag" and settings.momentum > 0
    return SGD(groups, rate, settings.momentum, nesterov=nesterov, fused=fused)


def _by_decay(network: nn.Module, weight_decay: float) -> list[dict]:
    named = list(network.named_parameters())
    decayed = [parameter for name, parameter in named if name.endswith(DECAYED)]
    others = [parameter for name, parameter in named if not name.endswith(DECAYED)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Use this learning rate from now on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def rate_of(epoch: int, start: float, factor: float, steps: Iterable[int]) -> float:
    """The learning rate of an epoch, counted from 0: `start` times `factor` for each of `steps` up to this epoch."""
    return start * factor ** sum(epoch >= step for step in steps)


def arrays(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's state for a checkpoint: `<number of the parameter>/<name>`, each as one row of numbers."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}/{name}": value.reshape(-1) for number, entries in state.items() for name, value in entries.items()
    }


def restore(optimizer: Optimizer, found: Mapping[str, Tensor]) -> None:
    """Give the optimizer the state that `arrays` returned."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, array in found.items():
        number, own = name.split("/", 1)
        state.setdefault(int(number), {})[own] = _as_stored(own, array, parameters[int(number)])
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _as_stored(name: str, array: Tensor, parameter: Tensor) -> Tensor:
    """A count of steps, or numbers in the parameter's shape and memory format."""
    return array.reshape(()) if name == "step" else torch.empty_like(parameter).copy_(array.reshape(parameter.shape))
