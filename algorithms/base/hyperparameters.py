"""Declare a hyperparameter once; parsing, checking, the documentation table and tuning ranges follow from that line.

SageMaker sends every value as a string (contract: hyperparameters.json), so parsing starts from text. Nothing here imports the
array engine, so that values are checked at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, TypeVar

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.errors import UserError

T = TypeVar("T")
KEY = "hyperparameter"
AUTO = "auto"
SHOWN_CHARACTERS = 80
TRUTH = {"true": True, "false": False, "1": True, "0": False}

# Sent by the SageMaker Python SDK's tuner beside an algorithm's own hyperparameters.
SENT_BY_THE_SDK = ("sagemaker_estimator_module", "sagemaker_estimator_class_name")

SHARED = {"_num_gpus": "auto", "_tuning_objective_metric": ""}
"""Settings that every algorithm of the original has: the number of GPUs, and the metric that a tuning job names."""

OURS = {"_seed": "0", "_checkpoint_seconds": "30", "_keep_state": "true"}
"""Settings of Wildsage that every algorithm has: the random seed, the seconds between two checkpoints, and whether the final state
is put beside the model."""


class ToolkitHyperparameters:
    """Base of the dataclasses that declare the hyperparameters of an algorithm on the toolkit, and so of all such algorithms.

    `internal` holds the underscore settings that the original accepts beside `SHARED`, with its defaults. What the hyperparameters
    demand of each other is checked in `__post_init__`, which raises UserError.
    """

    internal: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def internal_settings(cls) -> dict[str, str]:
        """All underscore settings with their defaults: those of every algorithm, and this one's own."""
        return {**SHARED, **cls.internal, **OURS}


@dataclass(frozen=True)
class Declaration:
    """One hyperparameter: how to read it from text, what is valid, its documentation, and the range or words for tuning jobs.

    `parse` raises ValueError or KeyError for text that is not valid.
    """

    parse: Callable[[str], Any]
    expected: str
    doc: str
    tunable: tuple[Any, ...] | None = None


def integer(
    default: int | str | Any = MISSING,
    *,
    low: int,
    high: int | None = None,
    also: tuple[str | int, ...] = (),
    tunable: tuple[int, int] | None = None,
    doc: str,
) -> Any:
    """Declare a whole number from `low` to `high`, or one of the values in `also`, such as "auto"."""
    words = {str(value): value for value in also}
    expected = " or ".join([_interval("an integer", low, high), *words])

    def parse(text: str) -> int | str:
        if text in words:
            return words[text]
        value = int(text)
        if value < low or (high is not None and value > high):
            raise ValueError
        return value

    return _field(default, Declaration(parse, expected, doc, tunable))


def real(
    default: float | str | Any | None = MISSING,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    also: tuple[str, ...] = (),
    tunable: tuple[float, float] | None = None,
    doc: str,
) -> Any:
    """Declare a finite number from `low` to `high`, more than `above` and less than `below`, or one of the words in `also`.

    With None as default it may be left out.
    """

    def parse(text: str) -> float | str:
        if text in also:
            return text
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high and above < value < below):
            raise ValueError
        return value

    expected = " or ".join([_bounds(low, high, above, below), *also])
    return _field(default, Declaration(parse, expected, doc, tunable))


def _bounds(low: float, high: float, above: float, below: float) -> str:
    if (low, high) == (-math.inf, math.inf):
        limits = [f"> {above:g}"] * (above > -math.inf) + [f"< {below:g}"] * (below < math.inf)
        return " ".join(["a number", " and ".join(limits)]).strip()
    if below < math.inf:
        return f"a number ≥ {low} and < {below:g}"
    return _interval("a number", low, None if high == math.inf else high)


def choice(*values: str, default: str | Any = MISSING, tunable: bool = False, doc: str) -> Any:
    """Declare one of the given words."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return _field(default, Declaration(parse, f"one of {', '.join(values)}", doc, values if tunable else None))


def text(default: str | Any = MISSING, *, doc: str) -> Any:
    """Declare any text."""
    return _field(default, Declaration(str, "a text", doc))


def flag(default: bool | str | Any = MISSING, *, also: tuple[str, ...] = (), doc: str) -> Any:
    """Declare true or false, in upper or lower case (the SDK sends Python's `True`), or one of the words in `also`."""

    def parse(text: str) -> bool | str:
        return text if text in also else TRUTH[text.lower()]

    return _field(default, Declaration(parse, " or ".join(["true or false", *also]), doc))


def choices(*values: str, default: tuple[str, ...], doc: str) -> Any:
    """Declare a JSON list of the given words, such as `["msd", "ssd"]`."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = json_text.parse(text)
        if not isinstance(chosen, list) or not chosen or not all(word in values for word in chosen):
            raise ValueError
        return tuple(dict.fromkeys(chosen))

    return _field(default, Declaration(parse, f"a JSON list out of {json.dumps(list(values))}", doc))


def integers(default: tuple[int, ...] | Any | None = MISSING, *, low: int, count: int | None = None, doc: str) -> Any:
    """Declare whole numbers with commas between them, such as `3,224,224`; exactly `count` if given."""

    def parse(text: str) -> tuple[int, ...]:
        values = tuple(int(part) for part in text.split(","))
        if min(values) < low or (count is not None and len(values) != count):
            raise ValueError
        return values

    how_many = "integers" if count is None else f"{count} integers"
    return _field(default, Declaration(parse, f"{how_many} ≥ {low} with commas between them", doc))


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """Read an internal setting, a whole number from `low` to `high`. Raises UserError with what was expected."""
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UserError(f"Hyperparameter {name}: got {_short(text)}, expected {_interval('an integer', low, high)}.")
    return value


def truth(name: str, text: str) -> bool:
    """Read an internal setting, true or false. Raises UserError with what was expected."""
    if text.lower() not in TRUTH:
        raise UserError(f"Hyperparameter {name}: got {_short(text)}, expected true or false.")
    return TRUTH[text.lower()]


def declarations(algorithm: type) -> dict[str, tuple[dataclasses.Field, Declaration]]:
    """The declared hyperparameters of a class, in order of declaration."""
    return {f.name: (f, f.metadata[KEY]) for f in dataclasses.fields(algorithm) if KEY in f.metadata}


def defaults(algorithm: type) -> dict[str, str]:
    """The defaults of an algorithm, as the strings that SageMaker would send."""
    declared = declarations(algorithm).items()
    return {name: as_text(field.default) for name, (field, _) in declared if field.default not in (MISSING, None)}


def as_text(value: Any) -> str:
    """A value as SageMaker writes it: `true`, `0.0001`, `["msd"]`, `3,224,224`."""
    if isinstance(value, tuple) and all(isinstance(each, int) for each in value):
        return ",".join(map(str, value))
    if isinstance(value, (bool, tuple)):
        return json.dumps(value)
    return str(value)


def parse(algorithm: type[T], given: Mapping[str, str], internal: Mapping[str, str]) -> tuple[T, dict[str, str]]:
    """Read hyperparameters from strings.

    Returns the algorithm and its internal settings: the names in `internal` (they begin with an underscore, with their
    defaults as values), overridden by what is given. Raises UserError naming every problem at once.
    """
    declared = declarations(algorithm)
    problems = _problems(declared, internal, given.items())
    for name, (field, declaration) in declared.items():
        if name not in given and field.default is MISSING:
            problems.append(f"Hyperparameter {name}: missing, expected {declaration.expected}.")
    if problems:
        raise UserError("\n".join(problems))
    values = {name: declared[name][1].parse(str(text).strip()) for name, text in given.items() if name in declared}
    settings = {**internal, **{name: str(text) for name, text in given.items() if name in internal}}
    return algorithm(**values), settings


def check(algorithm: type, given: Iterable[tuple[str, str]], internal: Mapping[str, str]) -> None:
    """Raise UserError naming every value that is not valid in a job. A name may occur several times.

    Each value is checked by itself; missing hyperparameters and combinations are not checked.
    """
    if problems := _problems(declarations(algorithm), internal, given):
        raise UserError("\n".join(problems))


def table(algorithm: type) -> str:
    """The hyperparameters as a Markdown table, for the algorithm's README."""
    lines = ["| name | valid | default | tunable | meaning |", "|---|---|---|---|---|"]
    for name, (field, declared) in declarations(algorithm).items():
        default = {MISSING: "required", None: "none"}.get(field.default) or f"`{as_text(field.default)}`"
        tunable = "" if declared.tunable is None else ", ".join(map(str, declared.tunable))
        lines.append(f"| `{name}` | {declared.expected} | {default} | {tunable} | {declared.doc} |")
    return "\n".join(lines)


def _problems(
    declared: Mapping[str, tuple[dataclasses.Field, Declaration]],
    internal: Mapping[str, str],
    given: Iterable[tuple[str, str]],
) -> list[str]:
    problems: dict[str, None] = {}  # each once
    for name, text in given:
        if name in declared:
            try:
                declared[name][1].parse(str(text).strip())
            except (ValueError, KeyError):
                problems[f"Hyperparameter {name}: got {_short(text)}, expected {declared[name][1].expected}."] = None
        elif name not in internal and name not in SENT_BY_THE_SDK:
            problems[_unknown(name, [*declared, *internal])] = None
    return list(problems)


def _short(text: object) -> str:
    """The value as it was given, shortened if it is long."""
    shown = repr(text)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}… ({len(shown)} characters)"


def _field(default: Any, declaration: Declaration) -> Any:
    return dataclasses.field(default=default, metadata={KEY: declaration})


def _interval(kind: str, low: float, high: float | None) -> str:
    return f"{kind} ≥ {low}" if high is None else f"{kind} from {low} to {high}"


def _unknown(name: str, known: list[str]) -> str:
    """The original's wording, then what to do about it."""
    near = difflib.get_close_matches(name, known)
    advice = f" Did you mean {near[0]}?" if near else f" Known: {', '.join(k for k in known if k[0] != '_')}."
    return f"Additional properties are not allowed ({name!r} was unexpected).{advice}"
