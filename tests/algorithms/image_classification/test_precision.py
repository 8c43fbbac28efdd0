"""Half precision where the hardware has it."""

import pytest
import torch

from wildsage.algorithms.image_classification import precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def having(monkeypatch, *, cpu: bool = False, gpu: bool = False) -> None:
    """A processor and a GPU that have bfloat16, or have not."""
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: cpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: gpu or including_emulation)


@pytest.mark.parametrize("supported", [False, True])
def test_bfloat16_is_used_where_the_device_has_it(supported, monkeypatch):
    having(monkeypatch, cpu=supported, gpu=supported)
    assert precision.half(CPU) == (torch.bfloat16 if supported else None)
    assert precision.half(GPU) == (torch.bfloat16 if supported else torch.float16)


@pytest.mark.parametrize(
    ("asked", "supported", "used"), [("float16", True, True), ("float16", False, False), ("float32", True, False)]
)
def test_products_are_of_half_precision_only_where_asked_for_and_supported(asked, supported, used, monkeypatch):
    having(monkeypatch, cpu=supported)
    with precision.context(asked, CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if used else torch.float32)


def test_losses_are_scaled_for_float16_alone(monkeypatch):
    """Nothing is scaled on a processor, nor where bfloat16 is used, which has the range of float32."""
    having(monkeypatch, cpu=True, gpu=True)
    for asked in ("float16", "float32"):
        assert not precision.scaler(asked, CPU).is_enabled()
    monkeypatch.setattr(precision, "half", lambda device: torch.float16)
    assert precision.scaler("float16", CPU).is_enabled() and not precision.scaler("float32", CPU).is_enabled()
