"""Hugging Face's image: a pipeline of transformers for the task in `HF_TASK`, or for the architecture in the model's config.json.

Source: handler_service.py, transformers_utils.py and decoder_encoder.py of aws/sagemaker-huggingface-inference-toolkit.
"""

from __future__ import annotations

import base64
import csv
import importlib.util
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wildsage.algorithms.base.endpoint import HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import formats
from wildsage.containers.frameworks.defaults.base import DefaultHooks

TASK, MODEL_ID, REVISION = "HF_TASK", "HF_MODEL_ID", "HF_MODEL_REVISION"
TASKS_OF_ARCHITECTURES = {
    "TapasForQuestionAnswering": "table-question-answering",
    "ForQuestionAnswering": "question-answering",
    "ForTokenClassification": "token-classification",
    "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "GPT2LMHeadModel": "text-generation",
    "T5WithLMHeadModel": "text2text-generation",
}
NOT_IN_CSV = ("zero-shot-classification", "table-question-answering")
COLUMNS = ("question", "context", "inputs")
IMAGES = tuple(f"image/{name}" for name in ("jpeg", "png", "tiff", "bmp", "gif", "webp", "x-image"))
SOUNDS = tuple(f"audio/{name}" for name in ("x-flac", "flac", "mpeg", "wave", "wav", "x-wav", "ogg", "x-audio"))
CPU, FIRST_GPU = -1, 0
FAILED = 400


class HuggingFaceHooks(DefaultHooks):
    """The hooks of Hugging Face's image; `environment` is the container's."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._task = environment.get(TASK)

    def model_fn(self, folder: Path) -> Any:
        """The pipeline on the model below `folder`. Raises UserError for a model that is not on this machine."""
        import transformers

        if self._environment.get(MODEL_ID):
            folder = self._of_hub()
        if not self._task and (folder / "config.json").is_file():
            self._task = _task_of(folder / "config.json")
        if not self._task:
            known = list(transformers.pipelines.SUPPORTED_TASKS)
            raise UserError(f"You need to define one of the following {known} as env 'HF_TASK'.")
        return transformers.pipeline(task=self._task, model=str(folder), device=_device())

    def input_fn(self, body: str | bytes, content_type: str | None) -> Any:
        """A dict with `inputs`. Raises UnsupportedType, and ValueError for CSV without a header."""
        kind = formats.base_type(content_type)
        if kind == formats.CSV and self._task in NOT_IN_CSV:
            raise ValueError(f"content type {kind} not support with {self._task}, use different content_type")
        readers: dict[str, Callable[[Any], Any]] = {
            formats.JSON: json.loads,
            formats.CSV: _of_csv,
            **dict.fromkeys(IMAGES, _of_image),
            **dict.fromkeys(SOUNDS, lambda content: {"inputs": bytes(content)}),
        }
        read = readers.get(kind)
        return read(body) if read else formats.decode(body, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """The pipeline on `inputs`, with `parameters` as arguments."""
        inputs = data.pop("inputs", data)
        parameters = data.pop("parameters", None)
        return model(inputs, **(parameters or {}))

    def output_fn(self, prediction: Any, accept: str) -> tuple[str | bytes, str]:
        """JSON without spaces, CSV with a header, or NumPy's own file. Raises UnsupportedType."""
        for media_type in formats.accepted(accept):
            if media_type == formats.JSON:
                return _to_json(prediction), media_type
            if media_type == formats.CSV:
                return _to_csv(prediction), media_type
        return super().output_fn(prediction, accept)

    def failure(self, error: Exception) -> HttpResponse:
        """Status 400 for whatever was raised, in the form of the image's model server."""
        found = {"code": FAILED, "type": "InternalServerException", "message": str(error) or type(error).__name__}
        return HttpResponse(FAILED, json.dumps(found, indent=2).encode(), formats.JSON)

    def _of_hub(self) -> Path:
        """The folder of a model of the Hub that is on this machine already."""
        import huggingface_hub

        name = self._environment[MODEL_ID]
        try:
            return Path(
                huggingface_hub.snapshot_download(name, revision=self._environment.get(REVISION), local_files_only=True)
            )
        except Exception as error:  # a name that is not one, or a model that is not here
            raise UserError(
                f"{MODEL_ID} names {name} of the Hugging Face Hub, and an endpoint fetches nothing from outside. Download it first "
                f"(`hf download {name}`), or give a model.tar.gz with its files as model_data. ({type(error).__name__})"
            ) from None


def _device() -> int:
    """The number by which a pipeline knows the first GPU, or the CPU."""
    if importlib.util.find_spec("torch") is None:
        return CPU
    import torch

    return FIRST_GPU if torch.cuda.is_available() else CPU


def _task_of(config: Path) -> str:
    """The task of the architecture in config.json. Raises UserError."""
    architecture = (json.loads(config.read_text()).get("architectures") or ["None"])[0]
    tasks = [task for ending, task in TASKS_OF_ARCHITECTURES.items() if architecture.endswith(ending)]
    if not tasks:
        raise UserError(
            f"Task couldn't be inferenced from {architecture}. Inference Toolkit can only inference tasks from architectures "
            f"ending with {list(TASKS_OF_ARCHITECTURES)}. Use env `HF_TASK` to define your task."
        )
    return tasks[-1]


def _of_csv(text: str) -> dict[str, Any]:
    """`inputs`: the texts of that column, or an object for each row."""
    if not any(name in text.partition("\n")[0].lower() for name in COLUMNS):
        raise ValueError(
            "You need to provide the correct CSV with Header columns to use it with the inference toolkit default handler."
        )
    rows = list(csv.DictReader(io.StringIO(text)))
    return {"inputs": [row["inputs"] for row in rows] if rows and "inputs" in rows[0] else rows}


def _of_image(content: bytes) -> dict[str, Any]:
    from PIL import Image  # only where such a body comes

    return {"inputs": Image.open(io.BytesIO(content)).convert("RGB")}


def _to_json(prediction: Any) -> str:
    return json.dumps(prediction, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """A value of an array, a moment or a picture as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return str(value)
    if hasattr(value, "save") and hasattr(value, "convert"):
        picture = io.BytesIO()
        value.save(picture, format="PNG")
        return base64.b64encode(picture.getvalue()).decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _to_csv(prediction: Any) -> str:
    rows = prediction if isinstance(prediction, list) else list(prediction)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
