"""The small jobs that compile the loops: each mode runs, reads all of the text, and learns."""

import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext import preparation
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.blazingtext.hyperparameters import MODES


@pytest.fixture
def models(monkeypatch):
    """What the job of each mode wrote: mode → model; and the folders that all of them were given."""
    found, folders = {}, []
    run = preparation._run

    def observed(mode, data, model):
        run(mode, data, model)
        folders.extend([data, model])
        found[mode] = files.read(model / ("model.bin" if mode == "supervised" else "vectors.bin"))

    monkeypatch.setattr(preparation, "_run", observed)
    preparation.compile_loops()
    return found, folders


def test_the_loops_of_every_mode_run_those_of_ngrams_too_and_nothing_is_left(models):
    found, folders = models
    assert set(found) == set(MODES)
    for mode, model in found.items():
        assert model.target.values_rd.any(), mode  # it begins with zeros
    ngrams = {mode: model.source.shape[0] - len(model.dictionary.words) for mode, model in found.items()}
    assert ngrams == {"supervised": 10, "batch_skipgram": 0, "skipgram": 0, "cbow": 10}
    assert found["supervised"].loss == FastTextLoss.SOFTMAX
    assert len(folders) == 2 * len(MODES) and not any(folder.exists() for folder in folders)
