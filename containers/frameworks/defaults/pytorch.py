"""PyTorch's image: TorchScript models need no script, and bodies become tensors on the device.

Source: contract script-mode, section 5; default_pytorch_inference_handler.py of aws/sagemaker-pytorch-inference-toolkit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wildsage.containers.frameworks import formats
from wildsage.containers.frameworks.defaults.base import NEEDS_MODEL_FN, DefaultHooks

DEFAULT_MODEL = "model.pt"
SUFFIXES = (".pt", ".pth")


class PyTorchHooks(DefaultHooks):
    """The hooks of PyTorch's image."""

    def __init__(self) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def model_fn(self, folder: Path) -> torch.nn.Module:
        """The TorchScript model of `model.pt`, or of the only file that could be one.

        Raises NotImplementedError where there is no such file, or more than one.
        """
        files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
        found = [path for path in files if path.name == DEFAULT_MODEL] or files
        if len(found) != 1:
            named = ", ".join(path.name for path in files) or "none"
            raise NotImplementedError(
                f"{NEEDS_MODEL_FN} Without one, the model is {DEFAULT_MODEL} or the only .pt or .pth file, in TorchScript; "
                f"the folder has {named}."
            )
        return torch.jit.load(str(found[0]), map_location=self._device).train(False)

    def input_fn(self, body: str | bytes, content_type: str | None) -> torch.Tensor:
        """float32 for CSV and JSON, else the type of the array. Raises UnsupportedType."""
        rows = formats.decode(body, content_type)
        if formats.base_type(content_type) in formats.TEXT:
            rows = rows.astype("float32")
        return torch.from_numpy(rows).to(self._device)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """What the model gives in evaluation mode, without gradients."""
        with torch.no_grad():
            return model.to(self._device).train(False)(data.to(self._device) if hasattr(data, "to") else data)

    def output_fn(self, prediction: Any, accept: str) -> tuple[str | bytes, str]:
        """A tensor as a list, or as NumPy's own file. Raises UnsupportedType."""
        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy()
        return formats.encode(prediction, accept)
