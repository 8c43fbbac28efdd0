"""What containers ask of XGBoost: each step leads to the module that does it."""

import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.algorithm import PROGRAM
from wildsage.algorithms.xgboost.data import late_loops
from wildsage.containers.programs import RecordCodec


def test_hyperparameters_are_checked_before_a_job():
    PROGRAM.check([("num_round", "2")])
    with pytest.raises(UserError, match=r"^Hyperparameter eta: 2\.0 is not in \[0, 1\]$"):
        PROGRAM.check([("eta", "2")])
    assert "`num_round`" in PROGRAM.table()


def test_a_job_leaves_a_model_that_answers(run, tmp_path, monkeypatch):
    expected = []
    monkeypatch.setattr(late_loops.LATE_LOOPS, "expect", lambda channels: expected.append(set(channels)))
    done = run({"num_round": "1"}, {"train": b"1,2\n3,4\n"})
    assert done.status == 0 and expected == [{"train"}], "the loops know what there is to read before it is read"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "xgboost-model").write_bytes(done.model())
    endpoint = PROGRAM.load(tmp_path / "model", {}, RecordCodec())
    assert endpoint.invocations(HttpRequest(b"2", "text/csv")).status == 200
