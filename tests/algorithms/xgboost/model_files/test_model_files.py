"""Model files of every version are read without unpickling, and what is written can be unpickled by others."""

import base64
import contextlib
import json
import pickle
import random
import re
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost import model_files  # noqa: E402
from wildsage.algorithms.xgboost.model_files import legacy_binary, pickled, ubjson  # noqa: E402

OLD = json.loads((Path(__file__).parents[1] / "old_models.json").read_text())
"""Two rounds of 0.72, 0.90, 1.0, 1.2 and 1.7, as `save_model` and pickle wrote them, and what XGBoost 1.7.6 answers with either."""

ROWS = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, np.nan], [np.nan, 3]], np.float32)
GOLDEN = {
    "model-hermag": (
        9,
        [
            0.15669487416744232,
            0.16462181508541107,
            0.15669487416744232,
            0.15669487416744232,
            0.16462181508541107,
            0.15669487416744232,
            0.15669487416744232,
            0.16462181508541107,
        ],
    ),
    "model-wmlba": (
        30,
        [
            0.0010728748748078942,
            0.02845918945968151,
            0.9121930003166199,
            0.9525600075721741,
            0.22846351563930511,
            0.007847382687032223,
            0.0005499688559211791,
            0.024094292894005775,
        ],
    ),
}
"""Columns of two models of the real service, and what XGBoost 1.7.6 answers to eight made-up rows with the same buffer."""


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def answers(content: bytes, rows: np.ndarray) -> np.ndarray:
    booster, rounds = model_files.read(content)
    linear = model_files.configuration(booster)["learner"]["gradient_booster"]["name"] == "gblinear"
    data = xgboost.DMatrix(rows)
    return booster.predict(data, iteration_range=(0, 0 if linear else rounds or 0), validate_features=False)


@pytest.mark.parametrize("form", ["saved", "pickled"])
@pytest.mark.parametrize("name", OLD)
def test_models_of_old_versions_answer_as_they_did(name, form):
    rows = np.nan_to_num(ROWS) if name.endswith("gblinear") else np.array(OLD[name].get("rows", ROWS))
    np.testing.assert_allclose(answers(unpacked(OLD[name][form]), rows), OLD[name]["answers"], rtol=1e-6, atol=1e-6)


def with_objective(saved: bytes, before: str, after: str) -> bytes:
    """A binary model whose objective has another name: texts stand behind their length."""
    old, new = (len(name).to_bytes(8, "little") + name.encode() for name in (before, after))
    assert saved.count(old) == 1
    return saved.replace(old, new)


@pytest.mark.parametrize("form", ["binary", "pickled", "json"])
@pytest.mark.parametrize(
    ("today", "once"),
    [
        ("reg:linear", "gpu:reg:linear"),
        ("reg:logistic", "gpu:reg:logistic"),
        ("binary:logistic", "gpu:binary:logistic"),
        ("binary:logitraw", "gpu:binary:logitraw"),
    ],
)
def test_objectives_of_version_0_7_for_gpus_are_those_of_today(today, once, form):
    like = "reg:linear" if today == "reg:linear" else "binary:logistic"
    saved = with_objective(unpacked(OLD[f"0.72.1 {like}"]["saved"]), like, today)
    if form == "json":
        document = json.loads(model_files.read(saved)[0].save_raw("json"))
        document["learner"]["objective"]["name"] = once
        content = json.dumps(document).encode()
    else:
        content = with_objective(saved, today, once)
        content = pickled.write(content, {}) if form == "pickled" else content
    expected = np.array(OLD[f"0.72.1 {like}"]["answers"])
    if today == "binary:logitraw":
        expected = np.log(expected / (1 - expected))
    np.testing.assert_allclose(answers(content, ROWS), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("objective", [None, [], {}, {"name": 1}, {"name": "gpu:none"}])
def test_a_json_model_without_a_known_objective_is_rejected(objective):
    document = json.loads(trained().save_raw("json"))
    document["learner"]["objective"] = objective
    with pytest.raises(UserError):
        model_files.read(json.dumps(document).encode())


@pytest.mark.parametrize("name", GOLDEN)
def test_models_of_the_real_service_answer_as_they_did(golden, name):
    columns, expected = GOLDEN[name]
    with tarfile.open(golden / "xgboost" / f"{name}.tar.gz") as archive:
        content = archive.extractfile(archive.getmembers()[-1]).read()
    rows = ((np.arange(8 * columns).reshape(8, columns) * 7919) % 101 / 25 - 2).astype(np.float32)
    np.testing.assert_allclose(answers(content, rows), expected, rtol=1e-6, atol=1e-6)


def trained(**parameters):
    data = xgboost.DMatrix(ROWS, label=[0, 1, 0, 1, 1, 0])
    return xgboost.train({"objective": "binary:logistic", "min_child_weight": 0, **parameters}, data, 5)


def test_a_pickled_model_is_one_to_whoever_unpickles_it():
    booster = trained()
    again = pickle.loads(model_files.write(booster, pickled_form=True))
    assert isinstance(again, xgboost.Booster)
    rows = xgboost.DMatrix(ROWS)
    np.testing.assert_array_equal(again.predict(rows), booster.predict(rows))


@pytest.mark.parametrize("pickled_form", [True, False])
def test_what_is_written_is_read(pickled_form):
    booster = trained()
    expected = booster.predict(xgboost.DMatrix(ROWS))
    np.testing.assert_array_equal(answers(model_files.write(booster, pickled_form), ROWS), expected)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_of_pickle_is_read(protocol):
    booster = trained()
    buffer, _ = pickled.read(pickle.dumps(booster, protocol))
    assert buffer == bytes(booster.__getstate__()["handle"])


def test_the_best_round_travels_in_a_pickle():
    booster = trained()
    booster.set_attr(best_iteration="2", best_ntree_limit="3")
    _, rounds = model_files.read(model_files.write(booster, pickled_form=True))
    assert rounds == 3
    assert pickle.loads(model_files.write(booster, pickled_form=True)).best_iteration == 2


def test_a_model_without_trees_is_rejected():
    document = json.loads(trained().save_raw("json"))
    model = document["learner"]["gradient_booster"]["model"]
    model["trees"], model["tree_info"], model["gbtree_model_param"]["num_trees"] = [], [], "0"
    with pytest.raises(UserError, match="The model is damaged: it has no trees"):
        model_files.read(json.dumps(document).encode())


def test_a_best_round_that_is_not_a_number_is_rejected():
    booster = trained()
    booster.set_attr(best_iteration="last")
    with pytest.raises(
        UserError, match=r"best_iteration is 'last', expected a whole number|invalid literal for int.*'last'"
    ):
        model_files.read(model_files.write(booster, pickled_form=False))


class Trap:
    called = False

    def __reduce__(self):
        return (setattr, (Trap, "called", True))


def test_nothing_in_a_pickle_is_called():
    with pytest.raises(UserError, match="would be called, which a Booster does not need"):
        model_files.read(pickle.dumps(Trap(), 2))
    assert not Trap.called


@pytest.mark.parametrize(
    "content", [b"", b"x", b"not a model at all", b"{}", b'{"learner": 1}', b"\x80\x04.", b"{L", b"binf" + bytes(300)]
)
def test_what_is_not_a_model_is_rejected(content):
    with pytest.raises(UserError):
        model_files.read(content)


def test_a_cut_or_changed_binary_model_is_rejected_and_never_crashes():
    whole = unpacked(OLD["0.90 reg:linear"]["saved"])
    for length in range(0, len(whole) - 60, 7):
        with pytest.raises(UserError):
            legacy_binary.read(whole[:length])
    start = whole.index(b"gbtree") + len("gbtree") + legacy_binary.GBTREE_BYTES + legacy_binary.TREE_BYTES
    for place in (start + 4, start + 12):  # the left child, the feature of the split
        changed = bytearray(whole)
        changed[place : place + 4] = b"\xff\xff\xff\x7f"
        with pytest.raises(UserError, match="damaged"):
            legacy_binary.read(bytes(changed))


@pytest.mark.parametrize("classes", [-1, 2**31 - 1])
def test_a_binary_model_that_lies_about_its_classes_is_rejected_before_the_library_believes_it(classes):
    """The library allocates memory for each class: those of the largest number take more than a machine has."""
    changed = bytearray(unpacked(OLD["0.90 reg:linear"]["saved"]))
    changed[8:12] = classes.to_bytes(4, "little", signed=True)
    with pytest.raises(UserError, match=f"num_class is '{classes}', expected a number from 0 to 1000000"):
        model_files.read(bytes(changed))


def starting_from(score: str, **parameters) -> bytes:
    document = json.loads(bytes(trained(**parameters).save_raw("json")))
    document["learner"]["learner_model_param"]["base_score"] = score
    return json.dumps(document).encode()


READS_LISTS = pytest.mark.skipif(xgboost.__version__ < "2", reason="XGBoost 1.x takes 0.5 where it reads no number")


@pytest.mark.parametrize(
    ("score", "finite"),
    [
        ("5.e-01", True),
        ("1e400", False),
        ("[-5E-1]", True),
        pytest.param("NaN", False, marks=READS_LISTS),
        pytest.param("[1e400]", False, marks=READS_LISTS),
    ],
)
def test_a_model_that_starts_from_no_finite_number_is_told_apart(score, finite):
    booster, _ = model_files.read(starting_from(score, objective="reg:squarederror"))
    assert model_files.is_finite(booster) is finite


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize("score", ["2", *(pytest.param(s, marks=READS_LISTS) for s in ("NaN", "[]", "[4,5E-1]"))])
def test_a_model_that_the_library_loads_and_cannot_ask_is_rejected(score, form):
    """The base_score of logistic regression is one number between 0 and 1."""
    content = starting_from(score)
    with pytest.raises(UserError, match=r"cannot load the model: .*base_score"):
        model_files.read(content if form == "json" else ubjson.write(json.loads(content)))


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
def test_a_model_with_nan_is_distinguished_from_one_without(booster):
    rng = np.random.default_rng(0)
    x = rng.random((50, 3), np.float32)
    trained = xgboost.train({"booster": booster}, xgboost.DMatrix(x, label=x.sum(1)), 2)
    assert model_files.is_finite(trained)
    document = bytearray(trained.save_raw("ubj"))
    key = b"weights[$d#L" if booster == "gblinear" else b"split_conditions[$d#L"
    start = document.rfind(key) + len(key)
    count = int.from_bytes(document[start : start + 8], "big")
    document[start + 8 + 4 * (count - 1) : start + 8 + 4 * count] = b"\x7f\xc0\0\0"
    assert not model_files.is_finite(xgboost.Booster(model_file=document))


def test_a_file_of_another_format_is_named():
    for content, found in ((b"\x93NUMPY and more", "it is NumPy's npy"), (b"", "it is empty")):
        with pytest.raises(UserError, match=f"{found}.*, expected what Booster.save_model writes"):
            model_files.read(content)


def damaged(content: bytes, count: int):
    chance = random.Random(1)
    for _ in range(count):
        changed, at = bytearray(content), chance.randrange(len(content))
        match chance.randrange(4):
            case 0:
                del changed[at:]
            case 1:
                changed[at] ^= 1 << chance.randrange(8)
            case 2:
                changed[at : at + 8] = chance.choice([b"\xff" * 8, bytes(8), b"\x00\x00\x00\xff" * 2])
            case 3:
                changed[at] = chance.choice(b"0129-")
        yield bytes(changed)


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("form", ["ubj", "json", "pickled"])
def test_a_damaged_model_is_an_error_or_answers(form, booster):
    """Loaded and asked in this process, which the library's own reader would end at some of them."""
    model = trained(booster=booster)
    content = model_files.write(model, True) if form == "pickled" else bytes(model.save_raw(form))
    rows = xgboost.DMatrix(ROWS)
    for each in damaged(content, 150):
        with contextlib.suppress(UserError, xgboost.core.XGBoostError):
            model_files.read(each)[0].predict(rows)


TREE = ("learner", "gradient_booster", "model", "trees", 0)


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ((*TREE, "left_children", 0), 99, "its nodes do not form a tree"),
        ((*TREE, "left_children", 0), 0, "its nodes do not form a tree"),
        ((*TREE, "parents", 1), 2, "its nodes name other parents"),
        ((*TREE, "split_indices", 0), 2, "a node asks for a column outside of 0 to 1"),
        ((*TREE, "split_conditions"), [0.5], "nodes, and split_conditions"),
        ((*TREE, "id"), 1, "its trees are not numbered one by one"),
        (("learner", "gradient_booster", "model", "tree_info"), [0], "it has 5 trees"),
        ((*TREE, "tree_param", "size_leaf_vector"), "9", "its leaves have 9 numbers each"),
        (("learner", "gradient_booster", "model", "tree_info", 4), 1, "a tree answers for an output outside of 0 to 0"),
        (
            ("learner", "gradient_booster", "model", "tree_info", 0),
            -1,
            "a tree answers for an output outside of 0 to 0",
        ),
        (("learner", "gradient_booster", "model", "trees"), None, "of another kind"),
        (("learner", "learner_model_param", "num_class"), "-7", "num_class is '-7', expected a number from 0"),
        (("learner", "learner_model_param", "num_feature"), "٥x", "num_feature is '٥x', expected a number from 0"),
    ],
)
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_parts_of_a_model_that_do_not_fit_together(form, place, value, problem):
    document = json.loads(trained().save_raw("json"))
    part = document
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    content = json.dumps(document).encode() if form == "json" else ubjson.write(without_null(document))
    with pytest.raises(UserError, match=re.escape(problem)):
        model_files.read(content)


def without_null(value):
    """UBJSON is written without null; a number in its place is of another kind too."""
    if isinstance(value, dict):
        return {key: without_null(each) for key, each in value.items()}
    return [without_null(each) for each in value] if isinstance(value, list) else 0 if value is None else value


def test_ubjson_of_the_library_is_read_as_its_json():
    model = trained(booster="dart")
    read, expected = ubjson.read(bytes(model.save_raw("ubj"))), json.loads(model.save_raw("json"))
    assert read["learner"]["learner_model_param"] == expected["learner"]["learner_model_param"]
    trees = zip(*(d["learner"]["gradient_booster"]["gbtree"]["model"]["trees"] for d in (read, expected)), strict=True)
    for ours, theirs in trees:
        np.testing.assert_allclose(ours["split_conditions"], theirs["split_conditions"], rtol=1e-6)
        assert list(ours["left_children"]) == theirs["left_children"]
