"""The classes for SDK v3 where SDK v3 is not installed. tests/clients/sdk3 uses them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import pytest


def test_without_sdk_v3_the_error_says_what_to_install():
    if find_spec("sagemaker") and find_spec("sagemaker.core"):
        pytest.skip("SDK v3 is installed")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'wildsage\[sdk3\]'"):
        importlib.import_module("wildsage.local_runner.estimators")
