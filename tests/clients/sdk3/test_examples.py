"""The examples in the docstrings of the estimators run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from wildsage.local_runner import estimators

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(estimators.__path__)])
def test_the_examples_of_a_module_run(name):
    assert not doctest.testmod(importlib.import_module(f"{estimators.__name__}.{name}"), optionflags=FLAGS).failed


@pytest.mark.parametrize("name", sorted({name for name in estimators.__all__ if name[0].isupper()}))
def test_every_class_has_an_example(name):
    assert ">>>" in getattr(estimators, name).__doc__
