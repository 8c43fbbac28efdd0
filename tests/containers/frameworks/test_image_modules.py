"""Modules that Amazon's images hold: published scripts import them and run unchanged."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("xgboost")  # once, since the modules of each test import it anew
from wildsage.algorithms.base.errors import PlatformError
from wildsage.algorithms.base.ports import free_port
from wildsage.containers.frameworks import hooks, python

FEATURIZER = """
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    rows = encoders.decode(body, content_type)
    return worker.Response(encoders.encode(rows * 2, content_types.CSV), mimetype=content_types.CSV)
"""


def test_a_featurizer_names_the_type_of_its_answer(tmp_path: Path):
    code = tmp_path / "code"  # where models have it; modules of other models' folders of that name are forgotten
    code.mkdir()
    (code / "inference.py").write_text(FEATURIZER)
    module = hooks.load_module("inference.py", code)
    assert module.transform_fn(None, "1,2\n", "text/csv", "application/json") == ("2.0\n4.0\n", "text/csv")


def test_installed_modules_of_these_names_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.startswith("sagemaker_containers")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(python.IMAGE_MODULES)])
    assert python.image_modules() == (python.IMAGE_MODULES,)
    (tmp_path / "sagemaker_containers").mkdir()
    (tmp_path / "sagemaker_containers" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert python.image_modules() == ()


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of images can be imported, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(python.IMAGE_MODULES)
    yield
    for name in [name for name in sys.modules if name.startswith(("sagemaker_containers", "sagemaker_xgboost"))]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("given", "media_type"),
    [
        ({}, "application/json"),
        ({"accept": "a/b"}, "a/b"),
        ({"mimetype": "c/d"}, "c/d"),
        ({"accept": "a/b", "mimetype": "c/d"}, "c/d"),
    ],
)
def test_an_answer_has_the_type_that_it_names(modules, given, media_type):
    from sagemaker_containers.beta.framework import worker

    assert worker.Response(b"a", **given) == (b"a", media_type)


def test_the_job_is_what_the_variable_says(modules, monkeypatch):
    from sagemaker_containers.beta.framework import env

    monkeypatch.setenv("SM_TRAINING_ENV", json.dumps({"hosts": ["algo-1"], "model_dir": "/m"}))
    assert (env.TrainingEnv().hosts, env.TrainingEnv().model_dir) == (["algo-1"], "/m")


@pytest.fixture
def get_dmatrix(modules):
    from sagemaker_xgboost_container.data_utils import get_dmatrix

    return get_dmatrix


def test_a_folder_of_csv_is_one_matrix_in_the_order_of_names(get_dmatrix, tmp_path):
    for name, text in (("b/2.csv", "5,6,7\n"), ("a.csv", "1,2,3\n3,4,5\n"), (".hidden", "x"), ("b/.partial", "x")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for kind in ("csv", "text/csv; a=b", "TEXT/X-CSV"):
        found = get_dmatrix(str(tmp_path), kind)
        assert (found.get_label().tolist(), found.num_col()) == ([1, 3, 5], 2)
        assert found.get_data().toarray().tolist() == [[2, 3], [4, 5], [6, 7]] and not found.get_weight().size
    weighted = get_dmatrix(str(tmp_path), "text/csv", csv_weights=1)
    assert (weighted.get_weight().tolist(), weighted.get_data().toarray().tolist()) == ([2, 4, 6], [[3], [5], [7]])


def test_a_file_is_a_channel_too_and_none_is_no_matrix(get_dmatrix, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("1,2\n")
    assert get_dmatrix(str(tmp_path / "a.csv"), "text/csv").num_row() == 1
    assert get_dmatrix(str(tmp_path / "empty"), "text/csv") is None
    assert get_dmatrix(str(tmp_path / "nowhere"), "image/png") is None
    with pytest.raises(ValueError, match="got the content type 'image/png', expected libsvm, csv or parquet"):
        get_dmatrix(str(tmp_path), "image/png")


def test_libsvm_and_parquet_are_read(get_dmatrix, tmp_path):
    pandas = pytest.importorskip("pandas")
    (tmp_path / "a.libsvm").write_text("1 0:2 1:3\n")
    assert get_dmatrix(str(tmp_path / "a.libsvm"), "text/x-libsvm").get_label().tolist() == [1]
    pandas.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]}).to_parquet(tmp_path / "a.parquet")
    found = get_dmatrix(str(tmp_path / "a.parquet"), "application/x-parquet", csv_weights=1)
    assert (found.get_label().tolist(), found.num_col()) == ([1, 3], 1)


def test_bodies_become_matrices(modules):
    from sagemaker_xgboost_container import encoder

    assert encoder.csv_to_dmatrix("1,2\n").num_col() == 2
    assert encoder.libsvm_to_dmatrix(b"0:1 1:2").num_nonmissing() == 2
    assert encoder.decode("1,2\n3,4\n", "text/csv").num_row() == 2
    with pytest.raises(Exception, match=r"recordio|RecordIO|protobuf"):
        encoder.recordio_protobuf_to_dmatrix(b"no record")


@pytest.mark.parametrize(
    ("members", "called"),
    [(["algo-1", "algo-2"], False), (["algo-2"], None), ([], RuntimeError)],
    ids=["both", "other", "none"],
)
def test_hosts_that_take_part_call_the_function(modules, monkeypatch, capsys, members, called):
    from sagemaker_xgboost_container import distributed

    met, calls = [], []

    @contextmanager
    def together(host, rows):
        met.append((host.host, host.hosts, host.leads, host.address, host.port, rows))
        yield members

    monkeypatch.setattr(distributed.joining, "together", together)
    monkeypatch.setenv("MASTER_ADDR", "algo-1")
    monkeypatch.setenv("MASTER_PORT", "9000")

    def run(host: str, **options: bool) -> None:
        given = {"include_in_training": True, "hosts": ["algo-2", "algo-1"], "current_host": host}
        distributed.rabit_run(lambda **arguments: calls.append(arguments), {"a": 1}, **given, **options)

    if called is RuntimeError:
        with pytest.raises(RuntimeError, match="No hosts received training data"):
            run("algo-1")
        return
    run("algo-1", update_rabit_args=True)
    run("algo-1")
    assert met[0] == ("algo-1", ("algo-1", "algo-2"), True, "algo-1", 9000, 1)
    if called is None:
        assert not calls and "Host algo-1 not being used for distributed training." in capsys.readouterr().out
        return
    run("algo-2", update_rabit_args=True)
    assert met[-1] == ("algo-2", ("algo-1", "algo-2"), False, "algo-1", 9000, 1)
    assert calls == [{"a": 1, "is_master": True}, {"a": 1}, {"a": 1, "is_master": False}]


def hosts_of(distributed, port: int, count: int = 3) -> list:
    names = tuple(f"algo-{number + 1}" for number in range(count))
    return [distributed._Host(name, names, "127.0.0.1", port) for name in names]


def test_hosts_are_told_a_port_when_the_first_listens_there(modules):
    from sagemaker_xgboost_container import distributed

    first, *others = hosts_of(distributed, free_port())
    listening = []
    with ThreadPoolExecutor() as pool:
        told = [pool.submit(other.rendezvous, pytest.fail) for other in others]
        where = first.rendezvous(lambda *address: listening.append((address, [one.done() for one in told])))
        assert [one.result(timeout=240) for one in told] == [where, where]
    assert listening == [(where, [False, False])] and where[1] != first.port


def test_the_port_of_the_library_is_another_than_that_of_the_job(modules, monkeypatch):
    """The first host listens at the job's when it looks for a free one."""
    from sagemaker_xgboost_container import distributed

    (first,) = hosts_of(distributed, free_port(), 1)

    def taken() -> int:
        with pytest.raises(OSError, match="in use"):
            socket.create_server((first.address, first.port))
        return free_port()

    monkeypatch.setattr(distributed, "free_port", taken)
    assert first.rendezvous(lambda *address: None)[1] != first.port


def test_hosts_that_stay_away_are_an_error_of_the_platform(modules, monkeypatch):
    from sagemaker_xgboost_container import distributed

    monkeypatch.setattr(distributed.joining, "MEET_WITHIN_S", 0.2)
    for host in hosts_of(distributed, port := free_port(), 2):
        with pytest.raises(
            PlatformError, match=rf"^Hosts algo-1, algo-2 did not meet at 127.0.0.1:{port}: .*(timed out|refused)"
        ):
            host.rendezvous(lambda *address: None)


def test_a_first_host_that_ends_before_it_has_told_is_waited_for_until_it_is_there(modules):
    from sagemaker_xgboost_container import distributed

    first, second = hosts_of(distributed, free_port(), 2)
    with ThreadPoolExecutor() as pool:
        with socket.create_server(("127.0.0.1", first.port)) as server:
            told = pool.submit(second.rendezvous, pytest.fail)
            server.accept()[0].close()
        assert first.rendezvous(lambda *address: None) == told.result(timeout=240)


def test_a_first_host_that_says_nothing_is_named(modules, monkeypatch):
    from sagemaker_xgboost_container import distributed

    looks_s = count(0, 100)  # a hundred seconds pass between two looks at the clock
    monkeypatch.setattr(
        distributed, "time", SimpleNamespace(monotonic=lambda: next(looks_s), sleep=lambda seconds: None)
    )
    first, second = hosts_of(distributed, free_port(), 2)
    with ThreadPoolExecutor() as pool, socket.create_server(("127.0.0.1", first.port)) as server:
        told = pool.submit(second.rendezvous, pytest.fail)
        server.settimeout(0.05)
        while not told.done():
            with suppress(TimeoutError):
                server.accept()[0].close()
        assert "algo-1 said nothing" in str(told.exception())
