"""The endpoint's bodies, types and status codes, by version."""

import io
import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.endpoint import HttpRequest  # noqa: E402
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.base.program import TAG_VARIABLE  # noqa: E402
from wildsage.algorithms.xgboost import model_files  # noqa: E402
from wildsage.algorithms.xgboost.serving import answers  # noqa: E402
from wildsage.containers import programs  # noqa: E402
from wildsage.containers.codecs.records import files, record_rows  # noqa: E402

X = np.random.default_rng(3).normal(size=(60, 4)).astype(np.float32)
SCORE = X[:, 0] - X[:, 1]
LABELS = {"binary:": (SCORE > 0).astype(int), "multi:": np.digitize(SCORE, [-1, 1]), "reg:": SCORE, "rank:": SCORE > 0}
CSV_BODY = "\n".join(",".join(map(repr, row)) for row in X[:3].tolist()).encode()


def booster_of(objective: str, **parameters) -> xgboost.Booster:
    labels = next(values for start, values in LABELS.items() if objective.startswith(start))
    classes = {"num_class": 3} if objective.startswith("multi:") else {}
    return xgboost.train(
        {"objective": objective, "max_depth": 3, **classes, **parameters}, xgboost.DMatrix(X, label=labels), 5
    )


@pytest.fixture
def endpoint(tmp_path):
    """`endpoint("binary:logistic", tag="1.5-1")` answers with a small model."""
    count = iter(range(1000))

    def made(objective: str, tag: str = "", boosters=None, **environment: str):
        folder = tmp_path / str(next(count))
        folder.mkdir()
        for number, booster in enumerate(boosters or [booster_of(objective)]):
            (folder / f"xgboost-model-{number}").write_bytes(model_files.write(booster, pickled_form=False))
        return programs.load("xgboost", folder, {TAG_VARIABLE: tag, **environment})

    return made


def expected(objective: str) -> np.ndarray:
    return booster_of(objective).predict(xgboost.DMatrix(X[:3]))


def ask(endpoint, body: bytes = CSV_BODY, content_type: str | None = "text/csv", accept: str | None = None):
    return endpoint.invocations(HttpRequest(body, content_type, accept))


def test_a_line_for_each_row(endpoint):
    answer = ask(endpoint("binary:logistic"))
    values = expected("binary:logistic").tolist()
    assert (answer.status, answer.content_type) == (200, "text/csv")
    assert answer.body == "".join(f"{value}\n" for value in values).encode()


def test_probabilities_of_classes_stand_side_by_side(endpoint):
    lines = ask(endpoint("multi:softprob")).body.decode().splitlines()
    np.testing.assert_array_equal(np.array([line.split(",") for line in lines], np.float32), expected("multi:softprob"))


def test_json(endpoint):
    answer = ask(endpoint("binary:logistic"), accept="application/json")
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {
        "predictions": [{"score": value} for value in expected("binary:logistic").tolist()]
    }


@pytest.mark.parametrize("tag", ["1", "0.90-2", "1.2-1"])
def test_old_versions_join_everything_with_commas(endpoint, tag):
    answer = ask(endpoint("binary:logistic", tag), accept="application/json")
    assert (answer.body, answer.content_type) == (
        ",".join(map(str, expected("binary:logistic").tolist())).encode(),
        "text/csv",
    )
    rows = ask(endpoint("multi:softprob", tag)).body
    assert rows.startswith(b"[") and rows.count(b"],[") == 2


def test_numbers_are_spelled_as_python_spells_them():
    rng = np.random.default_rng(0)
    special = [0, -0.0, np.nan, np.inf, -np.inf, 1, 1e-4, 9.9999e-5, 1e15, 1e16, 1e22, 123456789]
    sizes = 10 ** np.concatenate([rng.uniform(-30, 30, 500), rng.uniform(-6, 1, 500)])
    values = np.concatenate([special, sizes, -sizes]).astype(np.float32)
    assert answers.lines(values) == "".join(f"{value}\n" for value in values.tolist()).encode()
    pairs = values.reshape(-1, 2)
    assert answers.batch(pairs) == "".join(f"{pair}\n" for pair in pairs.tolist()).encode()
    assert answers.joined(pairs) == ",".join(map(str, pairs.tolist())).encode()


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob"])
def test_many_rows_are_shared_out_and_keep_their_order(endpoint, monkeypatch, objective):
    monkeypatch.setattr("wildsage.algorithms.xgboost.serving.model.ROWS_WORTH_A_THREAD", 7)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(5))
    body = "\n".join(",".join(map(repr, row)) for row in X.tolist()).encode()
    got = [[float(word) for word in line.split(",")] for line in ask(endpoint(objective), body).body.decode().split()]
    np.testing.assert_array_equal(np.squeeze(got), booster_of(objective).predict(xgboost.DMatrix(X)))


def test_batch_transform_gets_a_line_for_each_row_whatever_it_accepts(endpoint):
    answer = ask(endpoint("multi:softprob", SAGEMAKER_BATCH="true"), accept="application/json")
    assert answer.body.decode() == "".join(f"{row}\n" for row in expected("multi:softprob").tolist())


def test_several_models_of_a_multi_model_endpoint(endpoint):
    several = endpoint("binary:logistic", SAGEMAKER_MULTI_MODEL="true")
    values = expected("binary:logistic").tolist()
    assert ask(several, accept="text/csv").body == ",".join(map(str, values)).encode()
    assert json.loads(ask(several, accept="application/json").body) == values
    rejected = ask(several, accept="application/jsonlines")
    assert rejected.status == 415 and rejected.body.startswith(
        b"Encoding to accept type application/jsonlines failed with exception"
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"0:%a 1:%a 2:%a 3:%a\n" % tuple(X[0].tolist()), "text/libsvm"),
        (b"1 0:%a 1:%a 2:%a 3:%a" % tuple(X[0].tolist()), "text/x-libsvm"),
        (b"0:%a 1:%a 2:%a 3:%a" % tuple(X[0].tolist()), None),
        (b"1:%a 2:%a 3:%a 4:%a" % tuple(X[0].tolist()), "text/libsvm"),
        (CSV_BODY.split(b"\n")[0].replace(b",", b";"), "text/csv"),
        (CSV_BODY.split(b"\n")[0], "Text/CSV; label_size=1; charset=utf8"),
    ],
)
def test_every_form_of_a_row_is_answered_alike(endpoint, body, content_type):
    assert (
        ask(endpoint("binary:logistic"), body, content_type).body
        == f"{expected('binary:logistic').tolist()[0]}\n".encode()
    )


def test_recordio_protobuf_in_and_out(endpoint):
    body = io.BytesIO()
    files.write_numpy_to_dense_tensor(body, X[:3])
    selecting = endpoint("binary:logistic", SAGEMAKER_INFERENCE_OUTPUT="predicted_label,probabilities")
    kind = "application/x-recordio-protobuf"
    answer = ask(selecting, body.getvalue(), kind, kind)
    assert answer.status == 200 and answer.content_type == kind
    assert ask(endpoint("binary:logistic"), body.getvalue(), kind).body == ask(endpoint("binary:logistic")).body
    one = record_rows.encode({"predicted_label": np.array([1.0]), "probabilities": np.array([[0.25, 0.75]])})
    assert len(answer.body) == 3 * len(one)


def test_empty_fields_and_a_missing_last_column_are_missing_values(endpoint):
    logistic = endpoint("binary:logistic")
    assert ask(logistic, b"1,,2,").body == ask(logistic, b"1,nan,2").body
    assert ask(logistic, b"1,,2,\n3,4,5,6\n").body.splitlines()[0] + b"\n" == ask(logistic, b"1,,2").body


def test_sparse_records_may_lack_the_last_column(endpoint):
    bodies = [io.BytesIO(), io.BytesIO()]
    narrow = csr_matrix(X[:3, :3])
    files.write_spmatrix_to_sparse_tensor(bodies[0], narrow)
    files.write_spmatrix_to_sparse_tensor(bodies[1], csr_matrix((narrow.data, narrow.indices, narrow.indptr), (3, 4)))
    logistic, kind = endpoint("binary:logistic"), "application/x-recordio-protobuf"
    answers = [ask(logistic, body.getvalue(), kind) for body in bodies]
    assert [answer.status for answer in answers] == [200, 200] and answers[0].body == answers[1].body


def test_one_column(endpoint):
    one = xgboost.train({}, xgboost.DMatrix(X[:, :1], label=SCORE), 3)
    assert len(ask(endpoint("reg:squarederror", boosters=[one]), b"7\n8\n11\n").body.splitlines()) == 3


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "text"),
    [
        (b"", "text/csv", None, 204, ""),
        (b"1,2", "text/csv", None, 400, "Unable to evaluate payload provided: Feature size of csv inference data 2 is not consistent with"),
        (b"1,2,3,4,5", "text/csv", None, 400, "Unable to evaluate payload provided: Feature size of csv inference data 5 is not"),
        (b"0:1 9:2", "text/libsvm", None, 400, "Unable to evaluate payload provided: Feature size of libsvm inference data 10 is larger"),
        (b"a,b,c,d", "text/csv", None, 415, "Loading csv data failed with Exception, please ensure data is in csv format:\n <class 'ValueError'>"),
        (b"1,2,3,4\n1,2\n", "text/csv", None, 415, "Loading csv data failed with Exception, please ensure data is in csv format:"),
        (b"0:x", "text/libsvm", None, 415, "Loading libsvm data failed with Exception, please ensure data is in libsvm format:"),
        (b"xyz", "application/x-recordio-protobuf", None, 415, "Loading recordio-protobuf data failed with Exception, please ensure"),
        (b"1,2,3,4", "text/csv; label_size=0", None, 415, "text/csv; label_size=0 is not an accepted csv ContentType."),
        (b"{}", "application/json", None, 415, "Content-type application/json not supported. Supported content-type is text/csv, "),
        (b"1,2,3,4", "text/csv", "image/png", 406, "Accept type image/png is not supported. Please use supported accept types: ["),
        (b"1,2,3,4", "text/csv", "application/jsonlines", 500, "application/jsonlines"),
        (b"1," * 4_000_000, "text/csv", None, 413, "HTTP content length exceeded 6291456 bytes."),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(endpoint, body, content_type, accept, status, text):
    answer = ask(endpoint("binary:logistic"), body, content_type, accept)
    assert answer.status == status
    assert answer.body.decode().startswith(text)


def test_selected_content_in_the_originals_order_and_csv_in_the_users(endpoint):
    wanted = "raw_scores, predicted_label,probability,predicted_score"
    selecting = endpoint("binary:logistic", SAGEMAKER_INFERENCE_OUTPUT=wanted)
    score = expected("binary:logistic").tolist()[0]
    (first, *_) = ask(selecting, accept="application/jsonlines").body.decode().splitlines()
    label = int(score > 0.5)
    assert first == (
        f'{{"predicted_label": {label}, "probability": {score}, "raw_scores": [{1 - score}, {score}], "predicted_score": NaN}}'
    )
    line = ask(selecting, accept="text/csv").body.decode().splitlines()[0]
    assert line == f'"[{1 - score}, {score}]",{label},{score},nan'
    assert not ask(selecting).body.endswith(b"\n")


@pytest.mark.parametrize(
    ("objective", "keys"),
    [
        ("multi:softprob", {"predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores"}),
        ("multi:softmax", {"predicted_label", "labels", "raw_score", "raw_scores"}),
        ("binary:hinge", {"predicted_label", "labels", "raw_score", "raw_scores"}),
        ("binary:logitraw", {"predicted_label", "labels", "raw_score", "raw_scores"}),
        ("reg:squarederror", {"predicted_score"}),
    ],
)
def test_what_can_be_selected_depends_on_the_objective(endpoint, objective, keys):
    everything = "predicted_label,labels,probability,probabilities,raw_score,raw_scores,predicted_score"
    body = ask(endpoint(objective, SAGEMAKER_INFERENCE_OUTPUT=everything), accept="application/json").body
    for record in json.loads(body)["predictions"]:
        assert {key for key, value in record.items() if value == value} == keys
        if "labels" in keys:
            assert record["labels"] == list(range(len(record["raw_scores"])))
            assert record["predicted_label"] in record["labels"]


def test_an_objective_without_selectable_content(endpoint):
    answer = ask(endpoint("rank:pairwise", SAGEMAKER_INFERENCE_OUTPUT="predicted_score"))
    assert (answer.status, answer.body) == (
        500,
        b"Objective `rank:pairwise` unsupported for selectable inference predictions.",
    )


def test_several_files_are_averaged_or_vote(endpoint):
    models = [booster_of("reg:squarederror", max_depth=depth) for depth in (1, 3)]
    mean = np.mean([model.predict(xgboost.DMatrix(X[:3])) for model in models], axis=0)
    got = [float(line) for line in ask(endpoint("", boosters=models)).body.split()]
    np.testing.assert_allclose(got, mean, rtol=1e-6)
    alone = ask(endpoint("", boosters=models, SAGEMAKER_INFERENCE_ENSEMBLE="false")).body
    assert [float(line) for line in alone.split()] == models[0].predict(xgboost.DMatrix(X[:3])).tolist()
    voters = [booster_of("multi:softmax", max_depth=depth) for depth in (1, 3, 3)]
    votes = np.array([float(line) for line in ask(endpoint("", boosters=voters)).body.split()])
    np.testing.assert_array_equal(votes, voters[1].predict(xgboost.DMatrix(X[:3])))


def test_a_linear_model_answers(endpoint):
    linear = booster_of("reg:squarederror", booster="gblinear")
    got = [float(line) for line in ask(endpoint("", boosters=[linear])).body.split()]
    assert got == linear.predict(xgboost.DMatrix(X[:3])).tolist()


def test_a_stray_file_breaks_hosting_in_the_originals_words(tmp_path):
    (tmp_path / "README").write_text("hello")
    with pytest.raises(UserError, match=r"Unable to load model: Model .*README cannot be loaded:"):
        programs.load("xgboost", tmp_path, {})


def test_execution_parameters(endpoint):
    found = json.loads(endpoint("reg:squarederror").execution_parameters().body)
    assert (
        found["BatchStrategy"] == "MULTI_RECORD"
        and found["MaxPayloadInMB"] == 6
        and found["MaxConcurrentTransforms"] >= 1
    )


def test_a_body_may_have_so_many_bytes_and_any_number_in_batch_transform(endpoint):
    size = len(CSV_BODY)
    assert ask(endpoint("binary:logistic", MAX_CONTENT_LENGTH=str(size))).status == 200
    rejected = ask(endpoint("binary:logistic", MAX_CONTENT_LENGTH=str(size - 1)))
    assert (rejected.status, rejected.body) == (413, f"HTTP content length exceeded {size - 1} bytes.".encode())
    assert ask(endpoint("binary:logistic", MAX_CONTENT_LENGTH="1", SAGEMAKER_BATCH="true")).status == 200


@pytest.mark.parametrize(
    ("tag", "environment", "accept", "answered"),
    [
        ("", {}, None, "text/csv"),
        ("", {}, "*/*", "text/csv"),
        ("", {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}, None, "application/json"),
        ("", {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/json"}, "text/csv", "text/csv"),
        ("", {"SAGEMAKER_BATCH": "true"}, "image/png", "text/csv"),
        ("1", {}, "image/png", "text/csv"),
        ("", {"SAGEMAKER_MULTI_MODEL": "True"}, None, "text/csv"),
        ("", {"SAGEMAKER_MULTI_MODEL": "true"}, "CSV; a=b", "text/csv"),
        ("", {"SAGEMAKER_MULTI_MODEL": "true"}, "*/*", "text/csv"),
        ("", {"SAGEMAKER_MULTI_MODEL": "true"}, "application/json", "application/json"),
        ("", {"SAGEMAKER_MULTI_MODEL": "false"}, "application/json", "application/json"),
        ("", {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_INFERENCE_OUTPUT": "probability"}, "application/jsonlines", "application/jsonlines"),
        ("", {"SAGEMAKER_BATCH": "true", "SAGEMAKER_INFERENCE_OUTPUT": "probability"}, "application/json", "application/json"),
    ],
)  # fmt: skip
def test_the_type_of_an_answer(endpoint, tag, environment, accept, answered):
    answer = ask(endpoint("binary:logistic", tag, **environment), accept=accept)
    assert (answer.status, answer.content_type) == (200, answered)


def test_selected_csv_ends_with_a_line_end_in_batch_transform_alone(endpoint):
    selected = {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label"}
    online = ask(endpoint("binary:logistic", **selected), accept="text/csv").body
    batch = ask(endpoint("binary:logistic", SAGEMAKER_BATCH="true", **selected), accept="text/csv").body
    assert len(online.split(b"\n")) == 3 and batch == online + b"\n"


def test_old_versions_select_nothing(endpoint):
    selecting = endpoint("binary:logistic", "1.0-1", SAGEMAKER_INFERENCE_OUTPUT="predicted_label")
    assert ask(selecting).body == ask(endpoint("binary:logistic", "1.0-1")).body
