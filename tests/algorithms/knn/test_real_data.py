"""kNN on real data, against scikit-learn, and each approximation against the exact search."""

import numpy as np
import pandas
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.algorithms.knn.hyperparameters import KINDS


def batch(x: np.ndarray, y: np.ndarray | None = None) -> Batch:
    return Batch(torch.from_numpy(x), None if y is None else torch.from_numpy(y[:, None]))


def fit(x: np.ndarray, y: np.ndarray, **settings):
    settings = {"k": 10, "predictor_type": "classifier", "sample_size": 1_000_000, **settings}
    return KNN(**settings).fit({"train": MemoryStream(batch(x, y))}, RunContext())


@pytest.fixture(scope="module")
def covtype(data) -> tuple[np.ndarray, np.ndarray]:
    """6,000 forest cover types, 54 columns as they are, and their labels: whole numbers, which tie often."""
    table = pandas.read_csv(data / "tabular" / "covtype" / "covtype-92962.data.gz", header=None, nrows=6_000)
    return table.iloc[:, :54].to_numpy(np.float32), table.iloc[:, 54].to_numpy(np.float32)


@pytest.fixture(scope="module")
def pixels(mnist) -> tuple[np.ndarray, np.ndarray]:
    """6,000 digits as whole numbers from 0 to 255, and their labels."""
    return (mnist[0][:6_000] * 255).round(), mnist[1][:6_000].astype(np.float32)


@pytest.mark.parametrize("name", ["covtype", "pixels"])
@pytest.mark.parametrize(("kind", "peer"), [("classifier", KNeighborsClassifier), ("regressor", KNeighborsRegressor)])
@pytest.mark.parametrize("k", [1, 10])
def test_flat_is_scikit_learn(request, name, kind, peer, k):
    """Where the k-th and the next neighbour are equally far, scikit-learn takes either; we take the earlier row."""
    x, y = request.getfixturevalue(name)
    train, test = slice(0, 5_500), slice(5_500, 6_000)
    judge = peer(k, algorithm="brute").fit(x[train].astype(np.float64), y[train])
    distances, _ = judge.kneighbors(x[test].astype(np.float64), k + 1)
    plain = distances[:, k - 1] < distances[:, k]
    assert plain.mean() > 0.99
    ours = fit(x[train], y[train], k=k, predictor_type=kind).predict(batch(x[test]))
    expected = judge.predict(x[test].astype(np.float64))
    assert np.allclose(ours["predicted_label"].numpy()[plain], expected[plain], rtol=1e-6)
    assert np.allclose(ours["distances"].numpy(), distances[:, :k] ** 2, rtol=1e-6)


@pytest.mark.parametrize(
    "index", [{"index_type": "faiss.IVFFlat"}, {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 16}]
)
def test_lists_and_codes_come_close_to_flat(covtype, index):
    """Within 0.015, and three deviations of 0.007 of a difference over 1,000 rows."""
    (x, y), settings = covtype, {"_faiss_index_nprobe": 5}
    test = MemoryStream(batch(x[5_000:], y[5_000:]))
    scores = [
        fit(x[:5_000], y[:5_000], **kind).evaluate(test.batches(1000), RunContext())["accuracy"]
        for kind in ({}, {**settings, **index})
    ]
    assert scores[1] > scores[0] - 0.036


@pytest.mark.parametrize("kind", KINDS)
def test_a_quarter_of_the_columns_keeps_one_nearest_neighbour_on_mnist(mnist, kind):
    """5,000 rows to learn from and 1,000 to judge by, which tell accuracies apart to about 0.007."""
    x, y = (torch.from_numpy(np.array(part[::10])) for part in mnist)
    train, test = Batch(x[:5_000], y[:5_000, None].float()), Batch(x[5_000:], y[5_000:, None].float())

    def accuracy(**reduction) -> float:
        settings = {"k": 1, "predictor_type": "classifier", "sample_size": 5_000, **reduction}
        model = KNN(**settings).fit({"train": MemoryStream(train)}, RunContext())
        return model.evaluate(MemoryStream(test).batches(1000), RunContext())["accuracy"]

    reduced = accuracy(dimension_reduction_type=kind, dimension_reduction_target=196)
    assert reduced > accuracy() - 0.02
