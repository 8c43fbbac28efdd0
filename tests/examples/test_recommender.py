"""The recommender: its own functions here, and the whole workflow on the local AWS with few users and films."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "recommender"


@pytest.fixture(scope="module")
def ratings() -> ModuleType:
    return imported("ratings")


@pytest.fixture(scope="module")
def recommender() -> ModuleType:
    return imported("recommender")


def imported(name: str) -> ModuleType:
    """A module of the example, as Python imports a script's neighbours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return importlib.import_module(name)


def test_a_rating_is_a_one_for_the_user_and_a_one_for_the_film(ratings: ModuleType) -> None:
    table = pd.DataFrame({"user": [1, 3], "film": [2, 1], "rating": [4, 3]})
    rows, liked = ratings.one_hot(table, 3, 2)
    assert rows.toarray().tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]
    assert liked.tolist() == [1, 0]


def test_made_ratings_leave_a_tenth_of_each_user_to_judge_by(ratings: ModuleType) -> None:
    films = ratings.made(users=20, films=40, per_user=30)
    assert (films.users, films.films) == (20, 40)
    assert films.test.groupby("user").size().tolist() == [3] * 20
    assert films.train["rating"].between(1, 5).all()
    assert not (films.train.merge(films.test, on=["user", "film"])).size


def test_an_exact_list_and_one_with_equals_exchanged_pass_and_others_do_not(recommender: ModuleType) -> None:
    scores = np.array([[0.3, 0.9, 0.9, 0.1]])
    assert recommender.disagreements(np.array([[2, 3, 1]]), scores) == 0
    assert recommender.disagreements(np.array([[3, 2, 1]]), scores) == 0
    assert recommender.disagreements(np.array([[2, 3, 4]]), scores) == 1
    assert recommender.disagreements(np.array([[1, 2, 3]]), scores) == 2
    assert recommender.disagreements(np.array([[2, 2, 1]]), scores) == 1


def write(films: object, folder: Path) -> None:
    """The files of an unpacked ml-100k that the example reads."""
    for name, table in (("ua.base", films.train), ("ua.test", films.test)):
        table.to_csv(folder / name, sep="\t", header=False, index=False)
    lines = [f"{number}|{title}|01-Jan-1995" for number, title in enumerate(films.titles, start=1)]
    (folder / "u.item").write_text("\n".join(lines), encoding="latin-1")


@pytest.mark.slow
def test_everybody_gets_the_exact_top_hundred(
    ratings: ModuleType, run_example: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "ml"
    folder.mkdir()
    write(ratings.made(users=40, films=130, per_user=60), folder)
    printed = run_example("recommender/recommender.py", "--data", str(folder), "--epochs", "3", "--asked", "23")
    said = " ".join(printed.split())  # rich wraps its lines
    assert "2160 by 40 users of 130 films" in said
    assert re.search(r"Right for [\d.]+% of 23 test ratings", said)
    assert "4000 places compared, 0 differ" in said


def test_a_machine_without_faiss_is_told_before_anything_is_trained(
    recommender: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WILDSAGE_ENDPOINT", "http://127.0.0.1:4577")
    monkeypatch.setattr(recommender.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["recommender.py"])
    with pytest.raises(SystemExit, match=r'pip install "wildsage\[knn\]"'):
        recommender.main()
