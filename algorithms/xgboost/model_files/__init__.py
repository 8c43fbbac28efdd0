"""`xgboost-model` ⇄ Booster: every form that the real service has written since 2017, recognised by its first bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import xgboost

from wildsage.algorithms.base import json_text, other_formats
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.model_files import legacy_binary, pickled, structure, ubjson
from wildsage.algorithms.xgboost.model_files.objectives import renamed
from wildsage.algorithms.xgboost.parameters import LIBRARY
from wildsage.algorithms.xgboost.versions import Version

SERIALISED_BINARY = b"CONFIG-offset:"
JSON_START, UBJSON_START = (b'{"', b"{\n", b"{ "), b"{L"
OFFSET_BYTES = 8
UBJSON_BY_DEFAULT = Version(2, 1)
BEST = ("best_iteration", "best_ntree_limit")


def read(content: bytes) -> tuple[xgboost.Booster, int | None]:
    """A Booster, and the number of rounds that answer: None is all. Raises UserError for bytes that no XGBoost wrote."""
    if not _is_pickled(content):
        _reject_other_formats(content)
        booster = _booster(content)
        return booster, _best_rounds(booster, booster.attributes())
    buffer, attributes = pickled.read(content)
    booster = _booster(buffer)
    return booster, _best_rounds(booster, {**booster.attributes(), **attributes})


def write(booster: xgboost.Booster, pickled_form: bool) -> bytes:
    """The model file: what `save_model` of the library at hand writes to a name without a suffix, or a pickled Booster."""
    if pickled_form:
        return _pickled(booster)
    return bytes(booster.save_raw("ubj" if LIBRARY >= UBJSON_BY_DEFAULT else "deprecated"))


def _pickled(booster: xgboost.Booster) -> bytes:
    """What unpickles to the same Booster with whichever XGBoost reads it, from this library's version on."""
    attributes = {name: int(value) for name in BEST if (value := booster.attributes().get(name)) is not None}
    return pickled.write(bytes(booster.__getstate__()["handle"]), {"booster": None, **attributes})


def configuration(booster: xgboost.Booster) -> dict[str, Any]:
    """The library's own description of a model: objective, booster, number of classes."""
    return orjson.loads(booster.save_config())


def is_finite(booster: xgboost.Booster) -> bool:
    """Whether no answer of a model is NaN or infinite: neither a leaf of its trees, nor a weight of its linear model, nor its
    base_score."""
    base_score = configuration(booster)["learner"]["learner_model_param"][
        "base_score"
    ]  # one for all outputs, or one for each
    scores = [float(number) for number in base_score.strip("[]").split(",")]
    document = bytes(booster.save_raw("ubj"))
    trees = zip(
        ubjson.arrays_under(document, "left_children"), ubjson.arrays_under(document, "split_conditions"), strict=True
    )
    leaves = (values_n[children_n == structure.NO_CHILD] for children_n, values_n in trees)
    return all(
        bool(np.isfinite(values).all()) for values in (scores, *leaves, *ubjson.arrays_under(document, "weights"))
    )


def _reject_other_formats(content: bytes) -> None:
    if not content or other_formats.recognised(content):
        raise UserError(f"it is {other_formats.described(content)}, expected what Booster.save_model writes.")


def _is_pickled(content: bytes) -> bool:
    framed = content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return (framed or content[:1] == b"c") and content[-1:] == b"."


def _booster(buffer: bytes) -> xgboost.Booster:
    """A Booster from a buffer in any of the forms of the contract, `The buffer inside a pickled Booster`."""
    if buffer.startswith(UBJSON_START):
        return _from_library(buffer)
    if buffer.startswith(JSON_START):
        return _from_json(buffer)
    if buffer.startswith(SERIALISED_BINARY):
        return _from_binary(buffer[len(SERIALISED_BINARY) + OFFSET_BYTES :])
    return _from_binary(buffer)


def _from_json(buffer: bytes) -> xgboost.Booster:
    try:
        document = json_text.parse(buffer)  # XGBoost writes NaN, which orjson rejects
    except (ValueError, RecursionError) as error:
        raise UserError(f"The model is not valid JSON ({error}).") from None
    model = document.get("Model", document)
    _check(model)
    changed = _rename_objective(model["learner"].get("objective"))
    return _loaded(json.dumps(model).encode() if changed or model is not document else buffer)


def _rename_objective(objective: Any) -> bool:
    """Give the objective of a model in the JSON schema today's name. False where it had that, or has none."""
    name = objective.get("name") if isinstance(objective, dict) else None
    if not isinstance(name, str) or renamed(name) == name:
        return False
    objective["name"] = renamed(name)
    return True


def _from_library(buffer: bytes) -> xgboost.Booster:
    """UBJSON is read by the library itself, with its configuration where it has one."""
    try:
        document = ubjson.read(buffer)
    except (ValueError, IndexError) as error:
        raise UserError(f"The model is damaged: as UBJSON, {error}.") from None
    _check(document.get("Model", document))
    if "Config" not in document:
        return _loaded(buffer)
    booster = xgboost.Booster()
    try:
        booster.__setstate__({"handle": bytearray(buffer)})
        booster.save_config()  # checks what the library otherwise believes until it is asked for answers
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise UserError(_first_line(error)) from None
    return booster


def _from_binary(content: bytes) -> xgboost.Booster:
    decoded = legacy_binary.read(content)
    document = _document(decoded)
    _check(document)  # before the library is asked for the objective: it allocates memory for each class
    document["learner"]["objective"] = _objective(decoded.objective, decoded.num_class)
    return _loaded(ubjson.write(document))


def _document(decoded: legacy_binary.Decoded) -> dict[str, Any]:
    """The decoded model in the schema of the library at hand, without its objective."""
    numbers = {"base_score": decoded.base_score, "num_class": decoded.num_class, "num_feature": decoded.num_feature}
    return {
        "version": [1, 7, 6],
        "learner": {
            "attributes": decoded.attributes,
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": decoded.gradient_booster,
            "learner_model_param": {**{name: _text(value) for name, value in numbers.items()}, "num_target": "1"},
        },
    }


@lru_cache(maxsize=16)
def _objective(name: str, num_class: int) -> dict[str, Any]:
    """How the library at hand stores an objective; callers do not change it. Raises UserError for one that it does not know."""
    parameters = {"objective": name, "num_class": num_class, "base_score": 0.5, "verbosity": 0}
    one_row = xgboost.DMatrix(np.zeros((1, 1), np.float32))
    try:
        return configuration(xgboost.Booster(parameters, [one_row]))["learner"]["objective"]
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise UserError(_first_line(error)) from None


def _check(document: Any) -> None:
    try:
        structure.check(document)
    except structure.Inconsistent as error:
        raise UserError(f"The model is damaged: {error}.") from None


def _text(value: float) -> str:
    """A number in the spelling of XGBoost's parameters: the shortest that is the same float32."""
    return str(value) if isinstance(value, int) else np.format_float_scientific(np.float32(value), unique=True)


def _loaded(content: bytes) -> xgboost.Booster:
    try:
        booster = xgboost.Booster({"verbosity": 0}, model_file=bytearray(content))
        booster.save_config()
    except (xgboost.core.XGBoostError, ValueError) as error:  # ValueError: its message is not UTF-8
        raise UserError(_first_line(error)) from None
    return booster


def _first_line(error: Exception) -> str:
    """The library's own words without its stack trace."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"XGBoost {xgboost.__version__} cannot load the model: {lines[0] if lines else error}"


def _best_rounds(booster: xgboost.Booster, attributes: Mapping[str, Any]) -> int | None:
    """Rounds up to the best one, of a job that stopped early. Raises UserError for what is not a number.

    Models of versions up to 1.7 give its number of trees too. That is the one to follow in a binary file, which does not have the
    number of trees of a round, so each of its trees is taken for a round.
    """
    rounds, trees = (_attribute(attributes, name) for name in BEST)
    if rounds is None:
        return None
    best = rounds + 1 if not trees else trees // _trees_a_round(booster)
    return min(best, booster.num_boosted_rounds()) or None


def _attribute(attributes: Mapping[str, Any], name: str) -> int | None:
    value = attributes.get(name)
    try:
        return None if value is None else int(value)
    except (ValueError, TypeError):
        raise UserError(f"The model's {name} is {value!r}, expected a whole number.") from None


def _trees_a_round(booster: xgboost.Booster) -> int:
    """The trees of one round for each class; a linear model has none."""
    described = configuration(booster)["learner"]["gradient_booster"]
    return int(described.get("gbtree", described).get("gbtree_model_param", {}).get("num_parallel_tree", 1))
