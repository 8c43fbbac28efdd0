"""Which checkpoint is the newest, which are kept, and what is drawn at random in a round that is resumed."""

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost import checkpoints  # noqa: E402
from wildsage.algorithms.xgboost.boosting import BoostingTask, boost  # noqa: E402
from wildsage.algorithms.xgboost.checkpoints import ReseedEachRound, SaveCheckpoints, newest  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)).astype(np.float32)
Y = X[:, 0] + X[:, 1] * X[:, 2]


def train(parameters: dict, rounds: int, callbacks=(), begin=None) -> xgboost.Booster:
    task = BoostingTask({"max_depth": 3, **parameters}, rounds, {"train": xgboost.DMatrix(X, Y)}, callbacks=callbacks)
    return boost(task, begin)[0]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_without_checkpoints_has_no_newest(tmp_path):
    assert newest(tmp_path / "missing") is None
    (tmp_path / "xgboost-checkpoint.3.sagemaker-ignore").write_bytes(b"half")
    (tmp_path / "my-xgboost-checkpoint.4").write_bytes(b"another's")
    assert newest(tmp_path) is None


def test_the_newest_has_the_largest_number(tmp_path):
    for number in (2, 9, 10):
        (tmp_path / f"xgboost-checkpoint.{number}").write_bytes(train({}, number + 1).save_raw("ubj"))
    booster, rounds = newest(tmp_path)
    assert (booster.num_boosted_rounds(), rounds) == (11, 11)


def test_a_checkpoint_that_is_not_a_model_is_named(tmp_path):
    (tmp_path / "xgboost-checkpoint.0").write_bytes(b"nothing of the kind")
    with pytest.raises(UserError) as raised:
        newest(tmp_path)
    assert str(raised.value).startswith(f"Checkpoint {tmp_path}/xgboost-checkpoint.0: ")
    assert str(raised.value).endswith(" Empty the checkpoint folder.")


@pytest.mark.parametrize(
    ("rounds", "kept"), [(1, [0]), (5, [0, 1, 2, 3, 4]), (6, [1, 2, 3, 4, 5]), (12, [7, 8, 9, 10, 11])]
)
def test_the_last_five_rounds_are_kept(tmp_path, rounds, kept):
    folder = tmp_path / "new" / "folder"
    train({}, rounds, [SaveCheckpoints(folder)])
    assert names(folder) == sorted(f"xgboost-checkpoint.{number}" for number in kept)
    for number in kept:
        saved = xgboost.Booster(model_file=folder / f"xgboost-checkpoint.{number}")
        assert saved.num_boosted_rounds() == number + 1


def test_files_of_others_stay(tmp_path):
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "xgboost-checkpoint.old").write_text("mine")
    SaveCheckpoints(tmp_path)
    train({}, 7, [SaveCheckpoints(tmp_path)])
    assert len(names(tmp_path)) == 5 + 2


DRAWS = [
    {"subsample": 0.5},
    {"colsample_bytree": 0.5},
    {"colsample_bylevel": 0.5},
    {"colsample_bynode": 0.5},
    {"subsample": 0.5, "tree_method": "exact"},
    {"subsample": 0.5, "tree_method": "hist"},
    {"booster": "dart", "rate_drop": 0.5},
]


def trees(booster: xgboost.Booster) -> list[str]:
    return booster.get_dump(with_stats=True)


@pytest.mark.parametrize("parameters", DRAWS, ids=str)
def test_a_round_draws_the_same_whether_it_is_resumed_or_not(parameters):
    whole = train(parameters, 6, [ReseedEachRound(parameters)])
    half = train(parameters, 3, [ReseedEachRound(parameters)])
    again = train(parameters, 3, [ReseedEachRound(parameters)], xgboost.Booster(model_file=half.save_raw("ubj")))
    assert trees(again) == trees(whole)


def test_rounds_draw_differently_and_follow_the_seed():
    """Two samples of the same rows are unlikely to be the same; a constant label's trees tell them apart by their covers."""
    one = train({"subsample": 0.5}, 2, [ReseedEachRound({"subsample": 0.5})])
    other = train({"subsample": 0.5}, 2, [ReseedEachRound({"subsample": 0.5, "seed": 7})])
    assert trees(one)[0] != trees(other)[0]
    shifted = train({"subsample": 0.5, "seed": 7}, 1, [ReseedEachRound({"subsample": 0.5, "seed": 7})])
    assert trees(shifted)[0] == trees(other)[0]


class Watched(xgboost.Booster):
    """A model that tells what it is set to."""

    def __init__(self) -> None:
        self.given: list[dict] = []
        self.rows = xgboost.DMatrix(X, Y)
        super().__init__({"max_depth": 3}, [self.rows])
        self.given.clear()

    def set_param(self, params, value=None) -> None:
        self.given.append(params)
        super().set_param(params, value)


@pytest.mark.parametrize(
    ("parameters", "settings"),
    [
        ({}, []),
        ({"subsample": 1.0, "colsample_bytree": 1, "booster": "gbtree"}, []),
        ({"subsample": 0.9}, [{"tree_method": "exact"}, {"tree_method": "auto", "seed": 4}]),
        ({"booster": "dart"}, [{"tree_method": "exact"}, {"tree_method": "auto", "seed": 4}]),
        ({"subsample": 0.9, "tree_method": "exact", "seed": 3}, [{"tree_method": "hist"}, {"tree_method": "exact", "seed": 7}]),
    ],
    ids=str,
)  # fmt: skip
def test_samplers_are_made_anew_only_where_something_is_drawn(parameters, settings):
    """To make them anew takes time: the tree method changes there and back."""
    model = Watched()
    assert ReseedEachRound(parameters).before_iteration(model, 4, {}) is False
    assert model.given == settings


def test_checkpoints_never_end_training(tmp_path):
    model = train({}, 1)
    assert SaveCheckpoints(tmp_path).after_iteration(model, 0, {}) is False
    assert checkpoints.KEPT == 5


def test_a_checkpoint_that_somebody_removed_meanwhile_is_not_missed(tmp_path, monkeypatch):
    numbered = checkpoints._numbered
    monkeypatch.setattr(checkpoints, "_numbered", lambda folder: {**numbered(folder), -1: folder / "gone"})
    train({}, 6, [SaveCheckpoints(tmp_path)])
    assert len(names(tmp_path)) == 5
