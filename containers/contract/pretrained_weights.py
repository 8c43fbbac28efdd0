"""The variable that names the weights from which training may start; the backends and the user set it, algorithms read it."""

from __future__ import annotations

VARIABLE = "WILDSAGE_PRETRAINED"
SUFFIXES = (".pth", ".pt", ".params")
"""Suffixes of a file of weights: state dictionaries of torch, and arrays of MXNet."""
