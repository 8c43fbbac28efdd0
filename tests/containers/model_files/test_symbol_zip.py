"""The ZIP of factorization machines, beside one that a real job wrote."""

import json
import zipfile

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import concatenate
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.mxnet import ndarray, stored_zip
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact, symbol_zip


@pytest.fixture
def real(golden, tmp_path):
    """The folder of a real job's model: a regressor of 2023 on MovieLens."""
    archive.unpack(golden / "fm-movielens" / "model.tar.gz", tmp_path / "real")
    return tmp_path / "real"


def small() -> FactorizationMachinesModel:
    fm = FM(feature_dim=3, num_factors=2, predictor_type="binary_classifier", linear_init_method="uniform")
    arrays = torch.tensor([0.5]), torch.ones(3, 1), torch.arange(6.0).reshape(3, 2)
    return FactorizationMachinesModel(*arrays, fm.training_parameters())


def test_a_model_comes_back_and_its_algorithm_is_recognised_by_the_file(tmp_path):
    artifact.save(small(), tmp_path, "algo-1")
    kind, again = artifact.load(tmp_path)
    assert kind is FM and again.settings() == small().settings()
    for name, array in small().arrays().items():
        assert torch.equal(again.arrays()[name], array)


def test_a_real_model_has_its_recorded_loss(golden, real):
    """20,000 rows of the job's own test channel; the recorded figure is a float64 mean over float32 scores, as ours is."""
    kind, model = artifact.load(real)
    body = (golden / "fm-movielens" / "test.protobuf").read_bytes()
    rows = concatenate(list(codecs.decode(MediaType.parse(codecs.RECORDIO_PROTOBUF), [body], default_label_size=0)))
    found = model.evaluate(iter([rows]), RunContext())
    assert kind is FM and len(rows) == 20_000
    assert found["rmse"] == pytest.approx(1.0002629948968227, abs=1e-6)
    assert found["mse"] == pytest.approx(1.000526058959961, abs=1e-6)
    assert found["absolute_loss"] == pytest.approx(0.7952481262, abs=1e-6)


def test_a_real_model_is_written_again_byte_for_byte_but_for_the_time(real, tmp_path):
    artifact.save(artifact.load(real)[1], tmp_path / "ours", "algo-1")
    paths = [folder / "model_algo-1" for folder in (real, tmp_path / "ours")]
    contents = [path.read_bytes() for path in paths]
    with zipfile.ZipFile(paths[0]) as theirs, zipfile.ZipFile(paths[1]) as ours:
        assert [m.filename for m in ours.infolist()] == ["meta.json", "symbol.json", "params"]
        for name in ours.namelist():
            assert ours.read(name) == theirs.read(name), name
        entry = theirs.getinfo("params").date_time
    wrong_places = [i for i, (a, b) in enumerate(zip(*contents, strict=True)) if a != b]
    assert (
        entry[0] == 2023 and len(wrong_places) <= 2 * 3 * 4
    )  # time and date, of three members, here and in the directory


def test_the_parameters_are_row_sparse_with_every_row(tmp_path):
    artifact.save(small(), tmp_path, "algo-1")
    params = ndarray.read(stored_zip.read(tmp_path / "model_algo-1", ("params",))["params"])
    assert list(params) == ["arg:w1_weight", "arg:w0_weight", "arg:v"]
    for name in ("arg:w1_weight", "arg:v"):
        assert isinstance(params[name], ndarray.RowSparse) and params[name].indices.tolist() == [0, 1, 2]
    assert params["arg:w0_weight"].shape == (1,)


def test_meta_json_has_every_setting_as_a_string(tmp_path):
    artifact.save(small(), tmp_path, "algo-1")
    meta = json.loads(stored_zip.read(tmp_path / "model_algo-1", ("meta.json",))["meta.json"])
    assert list(meta) == ["version", "epoch_number", "training_parameters", "label_names"]
    settings = meta["training_parameters"]
    assert {type(value) for value in settings.values()} == {str}
    assert settings["use_bias"] == "true" and settings["linear_init_method"] == "uniform" and "_seed" not in settings
    assert "clip_gradient" not in settings and settings["_use_full_symbolic"] == "true"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"meta.json": b"[]"}, "its meta.json has no object training_parameters"),
        ({"params": ndarray.write([np.zeros(1, np.float32)])}, "its params hold arrays without names"),
        ({"params": ndarray.write({"arg:w": np.zeros(1, np.float32)})}, "holds w, which is not a model of factorization-machines"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_rejected(tmp_path, changes, problem):
    artifact.save(small(), tmp_path, "algo-1")
    path = tmp_path / "model_algo-1"
    path.write_bytes(stored_zip.write(stored_zip.read(path, ("meta.json", "symbol.json", "params")) | changes))
    with pytest.raises(UserError, match=problem):
        artifact.load(tmp_path, "factorization_machines")


def test_rows_that_are_not_stored_take_memory_only_in_proportion_to_the_file(tmp_path):
    one_row = ndarray.RowSparse(np.ones((1, 1), np.float32), np.zeros(1, np.int64), (2**40, 1))
    others = {"arg:w0": np.ones(1, np.float32), "arg:v": np.ones((3, 2), np.float32)}
    members = {"meta.json": b"{}", "symbol.json": b"{}", "params": ndarray.write({"arg:w1_weight": one_row, **others})}
    (tmp_path / "model_algo-1").write_bytes(stored_zip.write(members))
    with pytest.raises(UserError, match="w1_weight has 1,099,511,627,776 rows, of which 1 are stored"):
        artifact.load(tmp_path)


MACHINE = {"factorization-machines": FactorizationMachinesModel}


def rewritten(folder, changes: dict[str, bytes | None]) -> None:
    """The artifact with other members; None leaves one out."""
    artifact.save(small(), folder, "algo-1")
    path = folder / "model_algo-1"
    members = stored_zip.read(path, ("meta.json", "symbol.json", "params")) | changes
    path.write_bytes(stored_zip.write({name: content for name, content in members.items() if content is not None}))


@pytest.mark.parametrize("missing", ["meta.json", "params"])
def test_a_zip_of_something_else_or_another_file_is_left_to_other_layouts(tmp_path, missing):
    assert symbol_zip.load(tmp_path, MACHINE) is None
    rewritten(tmp_path, {missing: None})
    assert symbol_zip.load(tmp_path, MACHINE) is None
    (tmp_path / "model_algo-1").write_bytes(b"IxF2")
    assert symbol_zip.load(tmp_path, MACHINE) is None


def test_a_model_needs_no_symbol(tmp_path):
    rewritten(tmp_path, {"symbol.json": None})
    assert symbol_zip.load(tmp_path, MACHINE).settings() == small().settings()


@pytest.mark.parametrize(
    "meta", [b"[]", b"{", b"{}", b'{"training_parameters": [1]}', b'{"training_parameters": null}']
)
def test_settings_are_an_object_of_texts(tmp_path, meta):
    with pytest.raises(UserError, match=r"x: its meta\.json has no object training_parameters\."):
        symbol_zip._settings(meta, tmp_path / "x")
    assert symbol_zip._settings(b'{"training_parameters": {"k": 3, "bias": "true"}}', tmp_path) == {
        "k": "3",
        "bias": "true",
    }


def test_a_csr_matrix_is_named(tmp_path):
    one = np.ones(1, np.int64)
    with pytest.raises(UserError, match="x: arg:v is stored as a CSR matrix, expected a dense or row-sparse array"):
        symbol_zip._dense(ndarray.CompressedRows(np.ones(1), one, one, (1, 1)), "arg:v", tmp_path / "x")


@pytest.mark.parametrize(("always", "most"), [(400, 400), (0, 1000)])
def test_an_array_may_take_as_much_as_is_allowed_whatever_rows_are_stored(tmp_path, monkeypatch, always, most):
    """Here 400 bytes, or a hundred times the ten bytes of the file."""
    monkeypatch.setattr(symbol_zip, "ALWAYS_BYTES", always)
    (tmp_path / "x").write_bytes(bytes(10 if always == 0 else 4))

    def rows(count: int) -> ndarray.RowSparse:
        return ndarray.RowSparse(np.ones((1, 2), np.float32), np.array([0]), (count, 2))

    assert symbol_zip._dense(rows(most // 8), "arg:v", tmp_path / "x").shape == (most // 8, 2)
    with pytest.raises(
        UserError, match=rf"x: arg:v has {most // 8 + 1} rows, of which 1 are stored: {most + 8:,} bytes\."
    ):
        symbol_zip._dense(rows(most // 8 + 1), "arg:v", tmp_path / "x")


def test_rows_that_few_are_stored_of_may_take_64_megabytes(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    rows = ndarray.RowSparse(np.ones((1, 1), np.float32), np.array([0]), (16 << 20, 1))
    assert symbol_zip._dense(rows, "arg:v", tmp_path / "x").nbytes == 64 << 20


def test_what_is_expected_is_an_archive_of_three_members():
    assert symbol_zip.expected(FactorizationMachinesModel) == (
        "a ZIP archive of meta.json, symbol.json and params, of which params is an MXNet NDArray file of "
        + ", ".join(f"arg:{name}" for name in FactorizationMachinesModel.array_names)
    )
