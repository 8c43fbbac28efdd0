"""A film recommender: factorization machines learn tastes, and k-nearest neighbours find the best 100 films of every user.

This is the workflow of the published MovieLens notebooks, for boto3 and version 2 of the SageMaker Python SDK. On AWS it uses AWS,
and under `wildsage run examples/recommender/recommender.py` it uses this machine.

A factorization machine scores user u and film i with w0 + w_u + w_i + ⟨v_u, v_i⟩. For one user only w_i + ⟨v_u, v_i⟩ differs
from film to film: the inner product of (v_u, 1) and (v_i, w_i). So films are the rows of an index, and users are queries.

Axes: r ratings · u users · i films · f factors
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import numpy as np
import pandas as pd
import ratings
import sagemaker
from ratings import Ratings
from rich.console import Console
from rich.table import Table
from sagemaker.amazon.common import write_numpy_to_dense_tensor, write_spmatrix_to_sparse_tensor
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import SimpleBaseSerializer
from sagemaker.transformer import Transformer
from scipy.sparse import csr_matrix

from wildsage import read_model

NEARBY = Path(__file__).resolve().parents[3] / "shared" / "data" / "ml-100k"
PREFIX = "recommender"
INSTANCE = "ml.c5.xlarge"
FACTORS = 64
TOP = 100
ROWS_A_REQUEST = 5
RECORDIO = "application/x-recordio-protobuf"

console = Console(highlight=False)


class RowsSerializer(SimpleBaseSerializer):
    """Rows as the JSON that the algorithm reads: `{"instances": [{"features": […]}, …]}`."""

    def __init__(self) -> None:
        super().__init__("application/json")

    def serialize(self, data: np.ndarray) -> str:
        """JSON of rows (n, d), as the algorithms of SageMaker read it."""
        return json.dumps({"instances": [{"features": row} for row in data.tolist()]})


@dataclass(frozen=True)
class Account:
    """The session and role on AWS, and the bucket to work in."""

    session: sagemaker.Session
    role: str
    bucket: str
    s3: Any

    def uri(self, key: str) -> str:
        """S3 URI of a key of this example."""
        return f"s3://{self.bucket}/{PREFIX}/{key}"

    def put(self, key: str, body: io.BytesIO) -> str:
        """Upload what was written, and return its S3 URI."""
        body.seek(0)
        self.s3.upload_fileobj(body, self.bucket, f"{PREFIX}/{key}")
        return self.uri(key)

    def get(self, uri: str) -> bytes:
        """The bytes of an object."""
        address = urlsplit(uri)
        return self.s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()


@dataclass(frozen=True)
class Factors:
    """What the factorization machine learned: `v_uf`, `v_if` and the films' weights `w_i`."""

    v_uf: np.ndarray
    v_if: np.ndarray
    w_i: np.ndarray

    def scores(self) -> np.ndarray:
        """w_i + ⟨v_u, v_i⟩ for every user and film (u, i), in float64."""
        return self.v_uf.astype(np.float64) @ self.v_if.astype(np.float64).T + self.w_i


@contextmanager
def phase(title: str, seconds: dict[str, float]) -> Iterator[None]:
    """Print the title of a step, and record how long it takes."""
    console.print()  # the SDK does not end its line of dashes
    console.rule(f"[bold]{title}", align="left")
    start = time.perf_counter()
    yield
    seconds[title] = time.perf_counter() - start


def sign_in() -> Account:
    """Session, role, bucket and client, as a notebook of SageMaker gets them."""
    session = sagemaker.Session()
    return Account(session, sagemaker.get_execution_role(), session.default_bucket(), boto3.client("s3"))


def find_ratings(folder: Path | None) -> Ratings:
    """Read the given folder or a copy nearby, or generate ratings."""
    if folder is None and not NEARBY.is_dir():
        return ratings.made()
    return ratings.read(folder or NEARBY)


def train_factorization_machine(account: Account, films: Ratings, epochs: int) -> Estimator:
    """Upload both channels as RecordIO of sparse rows, and train."""
    channels = {}
    for name, table in (("train", films.train), ("test", films.test)):
        rows, liked = ratings.one_hot(table, films.users, films.films)
        body = io.BytesIO()
        write_spmatrix_to_sparse_tensor(body, rows, liked)
        channels[name] = account.put(f"fm/{name}/{name}.protobuf", body)
    machine = estimator(account, "factorization-machines")
    machine.set_hyperparameters(
        feature_dim=films.users + films.films,
        num_factors=FACTORS,
        predictor_type="binary_classifier",
        mini_batch_size=200,
        epochs=epochs,
    )
    machine.fit(channels)
    return machine


def estimator(account: Account, algorithm: str) -> Estimator:
    """SDK v2's estimator of a built-in algorithm, by the name of its image."""
    image = sagemaker.image_uris.retrieve(algorithm, account.session.boto_region_name)
    return Estimator(
        image, account.role, 1, INSTANCE, output_path=account.uri("models"), sagemaker_session=account.session
    )


def ask(machine: Estimator, rows: csr_matrix) -> np.ndarray:
    """Deploy the model, predict a few rows at a time whether they are liked, and delete the endpoint."""
    predictor = machine.deploy(1, INSTANCE, serializer=RowsSerializer(), deserializer=JSONDeserializer())
    try:
        answers: list[float] = []
        for first in range(0, rows.shape[0], ROWS_A_REQUEST):
            answer = predictor.predict(rows[first : first + ROWS_A_REQUEST].toarray())
            answers += [row["predicted_label"] for row in answer["predictions"]]
        return np.array(answers)
    finally:
        predictor.delete_model()  # reads the model's name from the endpoint's configuration, so it comes first
        predictor.delete_endpoint()


def read_factors(account: Account, model_uri: str, users: int) -> Factors:
    """Download a model.tar.gz and separate the parameters of users and of films, without MXNet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tar.gz"
        path.write_bytes(account.get(model_uri))
        arrays = read_model(path).arrays
    v, w = arrays["v"], arrays["w1_weight"][:, 0]
    return Factors(v[:users], v[users:], w[users:])


def train_neighbours(account: Account, factors: Factors, k: int) -> Estimator:
    """Train an index of the films, each labelled with its number."""
    films_i = np.column_stack([factors.v_if, factors.w_i]).astype(np.float32)
    body = io.BytesIO()
    write_numpy_to_dense_tensor(body, films_i, np.arange(1, len(films_i) + 1, dtype=np.float32))
    neighbours = estimator(account, "knn")
    neighbours.set_hyperparameters(
        feature_dim=films_i.shape[1],
        k=k,
        index_metric="INNER_PRODUCT",
        predictor_type="classifier",
        sample_size=200_000,
    )
    neighbours.fit({"train": account.put("knn/train/films.protobuf", body)})
    return neighbours


def recommend(account: Account, neighbours: Estimator, factors: Factors) -> np.ndarray:
    """Return the best films of every user (u, k), best first, from one batch transform of all users."""
    users_u = np.column_stack([factors.v_uf, np.ones(len(factors.v_uf))]).astype(np.float32)
    body = io.BytesIO()
    write_numpy_to_dense_tensor(body, users_u)
    asked = account.put("knn/users/users.protobuf", body)
    name = account.session.create_model(
        sagemaker.utils.name_from_base(f"{PREFIX}-knn"),
        account.role,
        {"Image": neighbours.image_uri, "ModelDataUrl": neighbours.model_data},
    )
    transformer = Transformer(
        name,
        1,
        INSTANCE,
        output_path=account.uri("knn/answers"),
        accept="application/jsonlines; verbose=true",
        sagemaker_session=account.session,
    )
    transformer.transform(asked, content_type=RECORDIO, split_type="RecordIO", wait=True, logs=False)
    lines = account.get(account.uri("knn/answers/users.protobuf.out")).decode().splitlines()
    account.session.delete_model(name)
    return np.array([json.loads(line)["labels"][::-1] for line in lines if line], dtype=int)


def disagreements(top_uk: np.ndarray, scores_ui: np.ndarray) -> int:
    """Count the places at which a list differs from the exact ranking. Films of equal score may change places."""
    best_uk = -np.sort(-scores_ui, axis=1)[:, : top_uk.shape[1]]
    listed_uk = np.take_along_axis(scores_ui, top_uk - 1, axis=1)
    twice = sum(len(set(row)) < len(row) for row in top_uk.tolist())
    return int((np.abs(listed_uk - best_uk) > 1e-6).sum()) + twice


def show_confusion(liked: np.ndarray, predicted: np.ndarray) -> None:
    """Print how many liked and unliked films (n,) were predicted as liked."""
    names = {0.0: "not liked", 1.0: "liked"}
    console.print(
        pd.crosstab(
            pd.Series([names[each] for each in liked], name="in truth"),
            pd.Series([names[each] for each in predicted], name="predicted"),
        ).to_string()
    )
    console.print(f"Right for {np.mean(liked == predicted):.1%} of {len(liked)} test ratings.")


def show_top(films: Ratings, user: int, top_k: np.ndarray, count: int = 10) -> None:
    """Print the first of a user's best films, with the ratings that the user gave."""
    rated = films.train[films.train["user"] == user].set_index("film")["rating"]
    table = Table("", "film", "rated", title=f"First {count} of the top {len(top_k)} of user {user}")
    for place, film in enumerate(top_k[:count], start=1):
        table.add_row(str(place), films.titles[film - 1], str(rated.get(film, "")))
    console.print(table)


def require_packages() -> None:
    """Where this machine runs the jobs: exit at once if k-nearest neighbours, which come last, cannot run on it."""
    if "WILDSAGE_ENDPOINT" in os.environ and importlib.util.find_spec("faiss") is None:
        sys.exit('The index of films needs faiss on this machine: pip install "wildsage[knn]"')


def main() -> None:
    """Train a factorization machine and k-nearest neighbours on ratings, and ask both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, help="folder of an unpacked ml-100k; without it, a copy nearby or generated ratings"
    )
    parser.add_argument("--epochs", type=int, default=30, help="passes of the factorization machine")
    parser.add_argument("--asked", type=int, default=500, help="test ratings to send to the endpoint")
    options = parser.parse_args()
    require_packages()
    films, account, seconds = find_ratings(options.data), sign_in(), {}
    console.print(f"Ratings: {films.source}. {len(films.train)} by {films.users} users of {films.films} films.")
    with phase("Factorization machine", seconds):
        machine = train_factorization_machine(account, films, options.epochs)
    with phase("Ask it", seconds):
        rows, liked = ratings.one_hot(
            films.test.sample(min(options.asked, len(films.test)), random_state=0), films.users, films.films
        )
        show_confusion(liked, ask(machine, rows))
    with phase("Index of films", seconds):
        factors = read_factors(account, machine.model_data, films.users)
        neighbours = train_neighbours(account, factors, min(TOP, films.films))
    with phase("Top films of everybody", seconds):
        top_uk = recommend(account, neighbours, factors)
    show_top(films, 1, top_uk[0])
    wrong = disagreements(top_uk, factors.scores())
    console.print(f"Exact ranking by NumPy: {top_uk.size} places compared, {wrong} differ.")
    console.print("Seconds: " + ", ".join(f"{title.lower()} {taken:.0f}" for title, taken in seconds.items()))


if __name__ == "__main__":
    main()
