"""What the library is given for the hyperparameters of a job, by the version of the job and of the library."""

import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost import parameters  # noqa: E402
from wildsage.algorithms.xgboost.parameters import EXACT_BELOW_ROWS, for_library, max_bin  # noqa: E402
from wildsage.algorithms.xgboost.versions import NEWEST, Version  # noqa: E402

V17 = Version(1, 7)
AT_HAND = parameters.LIBRARY


@pytest.fixture(autouse=True, params=[Version(2, 0), Version(3, 2)], ids=str)
def library(request, monkeypatch) -> Version:
    """The version of the library that is asked for its parameters; it is not called."""
    monkeypatch.setattr(parameters, "LIBRARY", request.param)
    return request.param


def test_what_the_job_itself_needs_does_not_reach_the_library():
    given = {
        "num_round": 5, "csv_weights": 1, "early_stopping_rounds": 3, "eval_metric": ["auc"], "save_model_on_termination": "true",
        "use_dask_gpu_training": "false", "prob_buffer_row": 2, "_kfold": 2, "_nfold": 2, "_num_cv_round": 1,
        "_tuning_objective_metric": "validation:auc", "eta": 0.5,
    }  # fmt: skip
    assert for_library(given, NEWEST, 10, 1) == {"eta": 0.5}


GONE = {
    "predictor": "auto", "dsplit": "row", "sketch_eps": 0.1, "deterministic_histogram": "true", "single_precision_histogram": "true",
    "silent": 1,
}  # fmt: skip


def test_what_version_2_forgot_does_not_reach_it(monkeypatch):
    assert for_library({**GONE, "max_depth": 3}, NEWEST, 10, 1) == {"max_depth": 3}
    monkeypatch.setattr(parameters, "LIBRARY", Version(1, 9))
    assert for_library({**GONE, "max_depth": 3}, V17, 10, 1) == {**GONE, "max_depth": 3}


@pytest.mark.parametrize(
    ("given", "rows", "hosts", "method"),
    [
        ({}, EXACT_BELOW_ROWS - 1, 1, "exact"),
        ({}, EXACT_BELOW_ROWS, 1, "approx"),
        ({}, 10, 2, "approx"),
        ({"grow_policy": "lossguide"}, 10, 1, "approx"),
        ({"grow_policy": "depthwise", "tree_method": "auto"}, 10, 1, "exact"),
        ({"booster": "dart"}, 10, 1, "exact"),
    ],
)
def test_auto_of_versions_before_2_was_exact_for_few_rows(given, rows, hosts, method):
    assert for_library(given, V17, rows, hosts) == {**given, "base_score": 0.5, "tree_method": method}
    assert for_library(given, Version(2, 0), rows, hosts) == given


def test_so_few_rows_are_four_million():
    assert EXACT_BELOW_ROWS == 4_194_304


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({"tree_method": "hist"}, {"base_score": 0.5}),
        ({"booster": "gblinear"}, {"base_score": 0.5}),
        ({"booster": "gblinear", "base_score": 0.0}, {}),
        ({"tree_method": "approx", "base_score": 0.25}, {}),
    ],
)
def test_what_is_said_stays_as_it_is(given, added):
    assert for_library(given, V17, 10, 1) == {**given, **added}


def test_lists_are_given_as_text():
    given = {
        "updater": ["grow_colmaker", "prune"],
        "monotone_constraints": (1, 0, -1),
        "interaction_constraints": [[0, 1], [2]],
    }
    expected = {
        "updater": "grow_colmaker,prune",
        "monotone_constraints": "(1,0,-1)",
        "interaction_constraints": "[[0, 1], [2]]",
    }
    assert for_library(given, V17, 10, 1) == {**expected, "base_score": 0.5}
    assert for_library({"interaction_constraints": []}, NEWEST, 10, 1) == {"interaction_constraints": ""}


@pytest.mark.parametrize("objective", ["binary:logistic", "binary:logitraw", "reg:logistic"])
def test_a_base_score_of_a_logistic_loss_lies_between_0_and_1(objective):
    for score in (1e-9, 1 - 1e-9):
        assert for_library({"objective": objective, "base_score": score}, NEWEST, 10, 1)["base_score"] == score
    assert for_library({"objective": objective}, NEWEST, 10, 1)
    for score in (0.0, 1.0, 2.0):
        with pytest.raises(UserError) as raised:
            for_library({"objective": objective, "base_score": score}, NEWEST, 10, 1)
        assert str(raised.value) == f"base_score must be in (0,1) for logistic loss, got: {score}"
        assert for_library({"objective": "reg:squarederror", "base_score": score}, NEWEST, 10, 1)


@pytest.mark.parametrize(
    ("given", "version", "bins"),
    [
        ({}, NEWEST, 256),
        ({}, Version(2, 0), 256),
        ({}, V17, None),
        ({"tree_method": "hist"}, V17, 256),
        ({"tree_method": "hist", "max_bin": 16}, V17, 16),
        ({"tree_method": "auto", "max_bin": 16}, NEWEST, 16),
        ({"tree_method": "approx"}, NEWEST, None),
        ({"tree_method": "exact"}, NEWEST, None),
        ({"booster": "gblinear"}, NEWEST, None),
        ({"booster": "dart"}, NEWEST, 256),
        ({"updater": ["refresh"]}, NEWEST, None),
        ({"device": "cuda"}, NEWEST, None),
        ({"device": "cpu"}, NEWEST, 256),
    ],
)
def test_bins_are_enough_where_hist_grows_trees_on_a_cpu(given, version, bins):
    assert max_bin(given, version) == bins


def test_auto_is_not_hist_in_a_library_before_2(monkeypatch):
    monkeypatch.setattr(parameters, "LIBRARY", Version(1, 9))
    assert max_bin({}, NEWEST) is None
    assert max_bin({"tree_method": "hist"}, NEWEST) == 256


@pytest.fixture(params=[{"tree_method": "gpu_hist"}, {"device": "cuda"}], ids=str)
def for_a_gpu(request) -> dict[str, str]:
    """Hyperparameters that ask for a GPU."""
    return request.param


def test_a_gpu_is_named_in_the_words_of_the_library(monkeypatch, for_a_gpu):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    monkeypatch.setattr(parameters, "gpus", lambda: 1)
    assert for_library(for_a_gpu, NEWEST, 10, 1) == {"tree_method": "hist", "device": "cuda"}
    monkeypatch.setattr(parameters, "LIBRARY", Version(1, 9))
    assert for_library(for_a_gpu, V17, 10, 1)["tree_method"] == "gpu_hist"


def test_a_gpu_needs_a_build_for_it(monkeypatch, for_a_gpu):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": False})
    monkeypatch.setattr(parameters, "gpus", lambda: 1)
    with pytest.raises(UserError, match="XGBoost version not compiled with GPU support"):
        for_library(for_a_gpu, NEWEST, 10, 1)


def test_a_gpu_must_be_there(monkeypatch, for_a_gpu):
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    monkeypatch.setattr(parameters, "gpus", lambda: 0)
    with pytest.raises(UserError, match="No visible GPU is found for XGBoost"):
        for_library(for_a_gpu, NEWEST, 10, 1)


def test_gpus_are_counted_by_their_devices(tmp_path):
    assert parameters.gpus(tmp_path) == 0
    for name in ("nvidia0", "nvidia1", "nvidia12", "nvidiactl", "nvidia-uvm", "sda1"):
        (tmp_path / name).touch()
    assert parameters.gpus(tmp_path) == 3


def test_the_library_at_hand_is_known_by_its_two_first_numbers():
    assert xgboost.__version__.startswith(f"{AT_HAND.major}.{AT_HAND.minor}.")
