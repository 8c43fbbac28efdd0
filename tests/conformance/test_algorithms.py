"""One suite judges every algorithm; each brings its Case, and an exemption names its reason there."""

import subprocess
import sys

import pytest
import torch

from tests.algorithms.hosts import on_hosts
from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext


def build(name, case, **changes):
    kind = algorithms.find(name)
    return hyperparameters.parse(kind, {**case.hyperparameters, **changes}, kind.internal_settings())[0]


def fit(name, case, rows, run=None):
    return build(name, case).fit({"train": MemoryStream(rows)}, run or RunContext())


@pytest.fixture(scope="module")
def models():
    """The models so far, by algorithm."""
    return {}


@pytest.fixture
def model(name, case, models):
    """What the algorithm learns from the rows of its case as they are, once for all tests."""
    if name not in models:
        models[name] = fit(name, case, case.rows())
    return models[name]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.arrays().values(), other.arrays().values(), strict=True))


def permuted(rows: Batch, order: torch.Tensor) -> Batch:
    return Batch(rows.features[order], None if rows.labels_nl is None else rows.labels_nl[order])


def test_hyperparameters_of_a_module_of_their_own_are_those_of_the_algorithm(name):
    apart = algorithms.hyperparameters_of(name) or algorithms.find(name)
    assert issubclass(algorithms.find(name), apart)
    assert hyperparameters.table(apart) == hyperparameters.table(algorithms.find(name))
    assert apart.internal_settings() == algorithms.find(name).internal_settings()


def test_hyperparameters_of_a_module_of_their_own_are_read_without_torch(name):
    script = f"import sys; from wildsage import algorithms; algorithms.hyperparameters_of({name!r}); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_reaches_its_floor_on_rows_as_they_are(name, case, model):
    assert case.quality(model, case.rows()) >= case.floor


@pytest.mark.parametrize("seed", range(3))
def test_reaches_its_floor_on_shuffled_rows(name, case, seed):
    rows = case.rows()
    shuffled = permuted(rows, torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)))
    assert case.quality(fit(name, case, shuffled, RunContext(seed)), rows) >= case.floor


def test_reaches_its_floor_on_sorted_and_reversed_rows(name, case):
    rows = case.rows()
    by_label = rows.labels_nl[:, 0].argsort(stable=True)
    for order in (by_label, by_label.flip(0)):
        assert case.quality(fit(name, case, permuted(rows, order)), rows) >= case.floor


def test_same_seed_gives_the_same_bytes(name, case):
    rows = case.rows()
    assert same(fit(name, case, rows, RunContext(7)), fit(name, case, rows, RunContext(7)))


def test_sparse_rows_give_what_dense_rows_give(name, case, model):
    rows = case.rows()
    sparse = SparseRows.from_dense(rows.dense())
    assert same(model, fit(name, case, Batch(sparse, rows.labels_nl)))


def test_arrays_rebuild_the_model(name, case, model):
    rows = case.rows()
    assert tuple(model.arrays()) == model.array_names
    again = type(model).from_arrays(model.arrays(), model.settings())
    for column, values in model.predict(rows).items():
        assert torch.equal(again.predict(rows)[column], values)


def test_arrays_are_finite_float32(name, case, model):
    for array in model.arrays().values():
        assert array.dtype == torch.float32 and bool(array.isfinite().all()) and array.is_contiguous()


def test_predicts_the_declared_columns_one_entry_a_row(name, case, model):
    rows = case.rows()
    answer = model.predict(rows)
    response = algorithms.find(name).spec.response
    assert tuple(answer) == (*response.columns, *response.verbose)
    assert {len(values) for values in answer.values()} == {len(rows)}
    assert model.feature_dim == rows.width


def test_a_row_is_answered_alike_alone_and_in_company(name, case, model):
    rows = case.rows()
    together = model.predict(rows)
    alone = model.predict(rows[5:6])
    for column, values in alone.items():
        assert torch.allclose(values[0], together[column][5], rtol=1e-4, atol=1e-5)


class StoppedRun(RunContext):
    """A run that was asked to stop before it began."""

    stopping = True


def test_stopped_early_it_still_gives_a_model(name, case):
    rows = case.rows()
    model = fit(name, case, rows, StoppedRun())
    assert {len(values) for values in model.predict(rows).values()} == {len(rows)}


@pytest.mark.parametrize("hosts", [2, 5])
def test_hosts_with_a_share_each_agree_and_reach_the_floor(name, case, hosts):
    rows = case.rows()
    algorithm = build(name, case, mini_batch_size="100")

    def work(host):
        share = Batch(rows.features[host.rank :: hosts], rows.labels_nl[host.rank :: hosts])
        return algorithm.fit({"train": MemoryStream(share)}, host)

    models = on_hosts(hosts, work)
    assert case.quality(models[0], rows) >= case.floor
    for model in models[1:]:
        assert same(models[0], model)


def test_an_empty_channel_is_rejected_in_the_originals_words(name, case):
    empty = Batch(torch.empty(0, case.rows().width))
    with pytest.raises(UserError, match="No training data processed"):
        fit(name, case, empty)


def test_an_unknown_hyperparameter_names_the_nearest(name, case):
    with pytest.raises(UserError, match=r"'mini_batch_siz' was unexpected\). Did you mean mini_batch_size\?"):
        build(name, case, mini_batch_siz="10")
