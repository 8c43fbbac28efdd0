"""The search by int8 finds centers that cost hardly more than the nearest ones, and is used where rules that can be repeated allow it."""

import itertools

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import int8_search, steps
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.int8_search import Int8Search, agrees, suits
from wildsage.algorithms.kmeans.state import StreamState
from wildsage.algorithms.kmeans.steps import ExactSearch

CPU = torch.device("cpu")
KMEANS = KMeans(k=6, feature_dim=48, mini_batch_size=300)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


X, C = torch.randn(900, 48, generator=rng(1)), torch.randn(60, 48, generator=rng(2))


def d2(x_nd: torch.Tensor, centers_md: torch.Tensor, index_n: torch.Tensor) -> torch.Tensor:
    return (x_nd.double() - centers_md.double()[index_n]).square().sum(1)


@pytest.fixture
def everywhere(monkeypatch):
    """The search by int8 for any shape on any processor: without its units, torch multiplies int8 one by one."""
    monkeypatch.setattr(int8_search, "suits", lambda m, d, device: True)


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (10_000, 1), (0, 1e15), (0, 1e-15)])
def test_the_centers_it_finds_cost_a_thousandth_more_at_most(shift, scale):
    x_nd, centers_md = X * scale + shift, C * scale + shift
    index_n, d2_n = Int8Search(ExactSearch(centers_md)).nearest(x_nd)
    least = torch.cdist(x_nd.double(), centers_md.double()).square().min(1)
    assert float(d2(x_nd, centers_md, index_n).sum() / least.values.sum()) < 1.001
    assert (index_n == least.indices).float().mean() > 0.97
    assert d2_n.double().tolist() == pytest.approx(d2(x_nd, centers_md, index_n).tolist(), rel=1e-3)


def test_an_outlier_among_the_rows_coarsens_only_itself():
    search = Int8Search(ExactSearch(C))
    assert search.nearest(torch.cat([X, 1e6 * X[:1]]))[0][:-1].equal(search.nearest(X)[0])


def test_an_outlier_among_the_centers_is_noticed():
    """It moves the mean of the centers far away from all others, and int8 cannot tell these apart from there."""
    exact = ExactSearch(torch.cat([C, 1e3 * C[:1]]))
    assert not agrees(Int8Search(exact), exact, X)


def test_rows_that_equal_the_mean_of_the_centers_have_a_nearest_center():
    centers_md = torch.tensor([[3.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]])
    index_n, d2_n = Int8Search(ExactSearch(centers_md)).nearest(torch.zeros(2, 2))
    assert index_n.tolist() == [1, 1] and d2_n.tolist() == [1.0, 1.0]


def test_sums_and_counts_are_those_of_the_centers_found():
    search = Int8Search(ExactSearch(C))
    assigned = search.assign(X)
    assert assigned.index_n.equal(search.nearest(X)[0])
    for center in range(len(C)):
        own = X[assigned.index_n == center]
        assert len(own) == assigned.counts_m[center]
        if len(own):
            assert assigned.means_md()[center].tolist() == pytest.approx(own.mean(0).tolist(), abs=1e-5)


def test_batches_on_which_it_would_cost_more_are_searched_in_float32(everywhere):
    """Pairs of centers that are too near to each other for int8, then rows far from all of them."""
    far_md = 1000 * torch.randn(30, 48, generator=rng(3))
    near_md = torch.cat([far_md, far_md + 1])
    x_nd = near_md.repeat(10, 1) + 0.01 * X[:600]
    state = StreamState.start(near_md, 60, 100)
    state.absorb(x_nd, 0, rng())
    assert state.searches == {False: 1}
    assert state.cost == pytest.approx(float(steps.nearest(x_nd, near_md)[1].double().sum()), rel=1e-6)
    wide = StreamState.start(C, 60, 100)
    wide.absorb(X, 0, rng())
    assert wide.searches == {True: 1}


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_vnni": True}, True), ({"amx_int8": True}, True), ({"avx512_bf16": True, "avx512_vnni": False}, False)],
)
def test_a_rule_of_processor_and_shape_decides(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert suits(2000, 400, CPU) == expected
    assert not suits(400, 784, CPU), "MNIST with k = 100 stays as it is"
    assert not suits(2000, 400, torch.device("cuda"))


def test_columns_whose_products_could_exceed_int32_are_searched_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True}, raising=False)
    most = 133_144
    assert most * 127**2 < 2**31 <= (most + 1) * 127**2
    assert suits(10, most, CPU) and not suits(10, most + 1, CPU)


def test_a_torch_that_cannot_tell_searches_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not suits(2000, 400, CPU)


class Logged(RunContext):
    """A run that keeps its lines."""

    def log(self, line: str, level: str = "INFO") -> None:
        self.__dict__.setdefault("lines", []).append(line)


def fitted(x_nd: torch.Tensor) -> tuple[torch.Tensor, list[str]]:
    run = Logged(0)
    model = KMEANS.fit({"train": MemoryStream(Batch(x_nd))}, run)
    return model.centers_kd, [line for line in run.lines if line.startswith("Nearest centers")]


def test_the_log_says_which_search_was_taken_and_the_same_rows_give_the_same_bytes(everywhere):
    x_nd = 2 * C[:6].repeat(150, 1) + X
    (centers_kd, lines), (again_kd, _) = fitted(x_nd), fitted(x_nd)
    assert centers_kd.equal(again_kd)
    assert lines == ["Nearest centers: 3 searches by products of int8, 0 of float32."]
    assert steps.mean_cost(x_nd, centers_kd) == pytest.approx(48, rel=0.05)


def test_a_job_that_resumes_from_a_checkpoint_gives_the_same_bytes(everywhere):
    """After one of three batches."""
    saved = []

    class Saving(RunContext):
        def checkpoint(self, state):
            saved.append(({name: array.clone() for name, array in state.arrays().items()}, self.rng.get_state()))

    class Resumed(Logged):
        def resumed(self):
            self.rng.set_state(saved[0][1])
            return saved[0][0]

        def passes(self, stream, rows, epochs):
            yield 0, itertools.islice(stream.batches(rows), 1, None)

    whole, rest = Saving(0), Resumed(0)
    centers_kd, again_kd = (KMEANS.fit({"train": MemoryStream(Batch(X))}, run).centers_kd for run in (whole, rest))
    assert centers_kd.equal(again_kd)
    assert "Nearest centers: 2 searches by products of int8, 0 of float32." in rest.lines


def test_small_jobs_log_nothing_of_it():
    assert fitted(X)[1] == []
