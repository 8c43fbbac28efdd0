"""Models of a folder: which files, what is rejected, and what several answer together."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost.serving import model as serving_model  # noqa: E402
from wildsage.algorithms.xgboost.serving.model import Ensemble, LoadedBooster  # noqa: E402

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
VALUES = X[:, 0] + X[:, 1]


def booster_of(objective: str = "reg:squarederror", depth: int = 2, **more) -> xgboost.Booster:
    labels = (
        np.digitize(VALUES, [-0.5, 0.5]) if "multi" in objective else VALUES > 0 if "binary" in objective else VALUES
    )
    given = {"objective": objective, "max_depth": depth, **({"num_class": 3} if "multi" in objective else {}), **more}
    return xgboost.train(given, xgboost.DMatrix(X, label=labels), 4)


def saved(path: Path, booster: xgboost.Booster) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(booster.save_raw("ubj"))
    return path


def folder_of(folder: Path, *boosters: xgboost.Booster, several: bool = True) -> Ensemble:
    for number, booster in enumerate(boosters):
        saved(folder / f"xgboost-model-{number}", booster)
    return Ensemble.read(folder, several, lambda _: None)


@pytest.mark.parametrize(
    ("objective", "classes"), [("reg:squarederror", 0), ("binary:logistic", 0), ("multi:softprob", 3)]
)
@pytest.mark.parametrize("margins", [False, True])
@pytest.mark.parametrize("booster", ["gbtree", "gblinear"])
def test_a_model_answers_as_the_library_does(tmp_path, objective, classes, margins, booster):
    plain = booster_of(objective, booster=booster)
    found = LoadedBooster.read(saved(tmp_path / "model", plain))
    assert (found.objective, found.num_class, found.linear) == (objective, classes, booster == "gblinear")
    assert found.rounds in (0, 4)  # all; XGBoost 1.x writes how many these are
    expected = plain.predict(xgboost.DMatrix(X), output_margin=margins)
    np.testing.assert_allclose(found.predict(X, margins=margins), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("booster", ["gbtree", "gblinear"])
def test_a_model_whose_columns_have_names_answers_rows_without(tmp_path, booster):
    named = xgboost.DMatrix(X, label=VALUES, feature_names=["a", "b", "c"])
    plain = xgboost.train({"booster": booster}, named, 3)
    found = LoadedBooster.read(saved(tmp_path / "model", plain))
    np.testing.assert_allclose(found.predict(X), plain.predict(named), rtol=1e-5)
    if booster == "gbtree":
        missing = xgboost.DMatrix(csr_matrix(X), feature_names=["a", "b", "c"])
        np.testing.assert_allclose(found.predict(csr_matrix(X)), plain.predict(missing), rtol=1e-5)


def test_the_best_rounds_answer(tmp_path):
    plain = booster_of()
    plain.set_attr(best_iteration="1", best_ntree_limit="2")
    found = LoadedBooster.read(saved(tmp_path / "model", plain))
    assert found.rounds == 2
    np.testing.assert_allclose(found.predict(X), plain.predict(xgboost.DMatrix(X), iteration_range=(0, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "cores", "parts"), [(19, 4, 1), (20, 4, 2), (39, 4, 3), (60, 4, 4), (60, 1, 1), (9, 4, 1)]
)
def test_rows_are_shared_out_where_each_core_gets_enough(tmp_path, monkeypatch, rows, cores, parts):
    assert serving_model.ROWS_WORTH_A_THREAD == 500
    monkeypatch.setattr(serving_model, "ROWS_WORTH_A_THREAD", 10)
    monkeypatch.setattr(serving_model.os, "sched_getaffinity", lambda _: range(cores))
    found, sizes, whole = LoadedBooster.read(saved(tmp_path / "model", booster_of())), [], LoadedBooster._in_place

    def counted(self, part, margins):
        sizes.append(len(part))
        return whole(self, part, margins)

    monkeypatch.setattr(LoadedBooster, "_in_place", counted)
    expected = found.booster.predict(xgboost.DMatrix(X[:rows]))
    parts = max(1, min(cores, rows // 10))
    np.testing.assert_allclose(found.predict(X[:rows]), expected, rtol=1e-6)
    assert len(sizes) == parts and sum(sizes) == rows and max(sizes) - min(sizes) <= 1


def test_several_are_averaged(tmp_path):
    boosters = [booster_of(depth=depth) for depth in (1, 2, 3)]
    found = folder_of(tmp_path, *boosters)
    answers = np.stack([each.predict(xgboost.DMatrix(X)) for each in boosters])
    np.testing.assert_allclose(found.predict(X), answers.mean(0), rtol=1e-6)
    assert found.predict(X).dtype == np.float32 and found.num_features == 3
    alone = folder_of(tmp_path, *boosters, several=False)
    np.testing.assert_array_equal(alone.predict(X), answers[0])


@pytest.mark.parametrize("objective", ["multi:softmax", "binary:hinge"])
def test_classes_are_voted_on_and_the_smallest_of_several_wins(tmp_path, objective):
    boosters = [booster_of(objective, depth) for depth in (1, 2, 4, 5)]
    votes = np.stack([each.predict(xgboost.DMatrix(X)) for each in boosters]).astype(int)
    expected = [np.bincount(column).argmax() for column in votes.T]
    np.testing.assert_array_equal(folder_of(tmp_path, *boosters).predict(X), expected)


def test_margins_are_the_mean_of_the_models_scores(tmp_path):
    boosters = [booster_of("multi:softmax", depth) for depth in (1, 3)]
    expected = np.mean([each.predict(xgboost.DMatrix(X), output_margin=True) for each in boosters], axis=0)
    found = folder_of(tmp_path, *boosters)
    np.testing.assert_allclose(found.margins(X), expected, rtol=1e-5)
    assert found.num_class == 3 and found.margins(X).shape == (60, 3)


def test_files_are_read_by_name_and_hidden_ones_are_named_and_left_out(tmp_path):
    saved(tmp_path / "b", booster_of(depth=1))
    saved(tmp_path / "a" / "model", booster_of(depth=2))
    (tmp_path / ".hidden").write_text("nothing")
    said: list[str] = []
    found = Ensemble.read(tmp_path, False, said.append)
    np.testing.assert_array_equal(found.predict(X), booster_of(depth=2).predict(xgboost.DMatrix(X)))
    assert said == [f"Ignoring dotfile '{tmp_path}/.hidden' found in model directory"]


def test_a_folder_without_a_model_says_what_is_expected(tmp_path):
    (tmp_path / ".hidden").write_text("nothing")
    with pytest.raises(UserError, match=f"Unable to load model: no model file in {tmp_path}; expected the members"):
        Ensemble.read(tmp_path, True, lambda _: None)


def test_a_file_that_is_not_a_model_is_named(tmp_path):
    saved(tmp_path / "a", booster_of())
    (tmp_path / "b").write_text("nothing of the kind")
    Ensemble.read(tmp_path, False, lambda _: None)
    with pytest.raises(UserError, match=f"Unable to load model: Model {tmp_path}/b cannot be loaded: "):
        Ensemble.read(tmp_path, True, lambda _: None)


def test_a_model_with_infinite_leaves_is_rejected(tmp_path):
    document = bytearray(booster_of().save_raw("ubj"))
    start = document.rfind(key := b"split_conditions[$d#L") + len(key)
    count = int.from_bytes(document[start : start + 8], "big")
    document[start + 4 + 4 * count : start + 8 + 4 * count] = b"\x7f\x80\0\0"
    (tmp_path / "model").write_bytes(document)
    with pytest.raises(
        UserError, match="its leaves, weights or base_score hold NaN or infinity, expected finite numbers"
    ):
        LoadedBooster.read(tmp_path / "model")
