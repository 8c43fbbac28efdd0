"""Population segmentation of US counties with SageMaker's PCA and k-means.

This is the workflow of the published census notebooks, for version 2 of the SageMaker Python SDK. The code does not depend on where
it runs: on AWS it uses AWS, and under `wildsage run examples/census_segmentation.py` it uses this machine.

Axes: n rows · d columns · m principal components, strongest first · k clusters
"""

from __future__ import annotations

import argparse
import io
import struct
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import census_plots as plots
import numpy as np
import pandas as pd
import sagemaker
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler

PUBLIC_BUCKET = "aws-ml-blog-sagemaker-census-segmentation"
PUBLIC_KEY = "Census_Data_for_SageMaker.csv"
COPY_NEARBY = Path(__file__).resolve().parents[2] / "shared" / "data" / "census" / "acs2015_county_data.csv"

PREFIX = "census-segmentation"
INSTANCE = "ml.c4.xlarge"
COMPONENTS = 33
COMPONENTS_KEPT = 5
CLUSTERS = 7
REQUEST_BYTES = 5_000_000  # an endpoint takes at most 6 MB a request

console = Console(highlight=False)


@dataclass(frozen=True)
class Account:
    """The session and role on AWS, and the bucket to work in."""

    session: sagemaker.Session
    role: str
    bucket: str
    s3: object


@dataclass(frozen=True)
class Components:
    """What PCA learned: `variance_m` in squared units of the scaled columns, `weights_dm`, `mean_d`."""

    variance_m: np.ndarray
    weights_dm: np.ndarray
    mean_d: np.ndarray


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


def read_table(account: Account, csv: Path | None) -> tuple[pd.DataFrame, str]:
    """Return the table and its source: the given file, or Amazon's public object, or a stand-in."""
    if csv is not None:
        return through_s3(account, csv.read_bytes()), f"{csv.name}, as given"
    try:
        return read_object(account, PUBLIC_BUCKET, PUBLIC_KEY), f"s3://{PUBLIC_BUCKET}"
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        console.print(f"s3://{PUBLIC_BUCKET}/{PUBLIC_KEY} cannot be read: {error}")
    if COPY_NEARBY.exists():
        return through_s3(account, COPY_NEARBY.read_bytes()), f"{COPY_NEARBY.name}, a copy on this machine"
    digits = load_digits(as_frame=True).data
    return through_s3(account, digits.to_csv(index=False).encode()), "scikit-learn's digits, in place of the census"


def through_s3(account: Account, content: bytes) -> pd.DataFrame:
    """Upload to the bucket and read it back, as before a job."""
    key = f"{PREFIX}/input.csv"
    account.s3.upload_fileobj(io.BytesIO(content), account.bucket, key)
    return read_object(account, account.bucket, key)


def read_object(account: Account, bucket: str, key: str) -> pd.DataFrame:
    """The table of an object in CSV."""
    return pd.read_csv(io.BytesIO(account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()))


def prepare(table: pd.DataFrame) -> pd.DataFrame:
    """Keep complete rows, scale every column to 0…1, and name each row State-County."""
    complete = table.dropna()
    if "County" in complete:
        complete = complete.set_index(complete["State"] + "-" + complete["County"])
        complete = complete.drop(columns=["CensusId", "State", "County"])
    scaled = MinMaxScaler().fit_transform(complete).astype("float32")
    return pd.DataFrame(scaled, index=complete.index, columns=complete.columns)


def train_pca(account: Account, rows_nd: np.ndarray) -> sagemaker.PCA:
    """Train PCA on counties (n, d)."""
    output = f"s3://{account.bucket}/{PREFIX}/pca"
    pca = sagemaker.PCA(
        account.role, 1, INSTANCE, output_path=output, num_components=COMPONENTS, sagemaker_session=account.session
    )
    pca.fit(pca.record_set(rows_nd))
    return pca


def train_kmeans(account: Account, rows_nm: np.ndarray) -> sagemaker.KMeans:
    """Train k-means on counties (n, m) along m components."""
    output = f"s3://{account.bucket}/{PREFIX}/kmeans"
    kmeans = sagemaker.KMeans(
        account.role, 1, INSTANCE, k=CLUSTERS, output_path=output, sagemaker_session=account.session
    )
    kmeans.fit(kmeans.record_set(rows_nm))
    return kmeans


def read_model(account: Account, model_uri: str) -> dict[str, np.ndarray]:
    """Download a model.tar.gz and read the arrays in it."""
    address = urlsplit(model_uri)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        account.s3.download_file(address.netloc, address.path.lstrip("/"), str(archive))
        with tarfile.open(archive) as tar:
            return read_arrays(tar.extractfile("model_algo-1").read())


def read_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return what `mxnet.ndarray.load` returned before MXNet was retired: float32 arrays by name, or by position."""
    stream = io.BytesIO(content)

    def unpack(layout: str) -> tuple[int, ...]:
        return struct.unpack(f"<{layout}", stream.read(struct.calcsize(f"<{layout}")))

    _magic, _reserved, count = unpack("QQQ")
    arrays = []
    for _ in range(count):
        _array_magic, _storage, axes = unpack("IiI")
        shape = unpack(f"{axes}q")
        _device, _device_id, _type = unpack("iii")
        arrays.append(np.frombuffer(stream.read(4 * int(np.prod(shape))), "<f4").reshape(shape))
    names = [stream.read(unpack("Q")[0]).decode() for _ in range(unpack("Q")[0])]
    return dict(zip(names or map(str, range(count)), arrays, strict=True))


def components_of(arrays: dict[str, np.ndarray]) -> Components:
    """Reverse SageMaker's order, which has the weakest component first."""
    return Components(arrays["s"][::-1].astype("float64") ** 2, arrays["v"][:, ::-1], arrays["mean"].ravel())


def predict(predictor: sagemaker.Predictor, rows_nd: np.ndarray, column: str) -> np.ndarray:
    """Return one column of the answers, (n, values of a row). Each request holds as many rows as fit."""
    rows_at_once = max(1, REQUEST_BYTES // (4 * rows_nd.shape[1] + 64))
    answers = []
    for first in range(0, len(rows_nd), rows_at_once):
        answers += predictor.predict(rows_nd[first : first + rows_at_once])
    return np.array([record.label[column].float32_tensor.values for record in answers], dtype="float32")


def deploy_and_predict(estimator: sagemaker.estimator.EstimatorBase, rows_nd: np.ndarray, column: str) -> np.ndarray:
    """Deploy a model, predict every row, and delete the endpoint."""
    predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.t2.medium")
    try:
        return predict(predictor, rows_nd, column)
    finally:
        predictor.delete_model()
        predictor.delete_endpoint()


def summarize(
    counties: pd.DataFrame, components: Components, clusters: pd.DataFrame, seconds: dict[str, float]
) -> None:
    """Print the numbers by which runs are compared."""
    share_m = components.variance_m / components.variance_m.sum()
    strongest = ", ".join(f"{value:.6f}" for value in np.sqrt(components.variance_m[:5]))
    console.print()
    console.rule("[bold]Summary", align="left")
    console.print(f"rows                 {len(counties)} of {counties.shape[1]} columns")
    console.print(f"five largest s       {strongest}")
    console.print(f"explained variance   {share_m[:5].sum():.5f} by the top 5 of {len(share_m)} components")
    table = Table("cluster", "rows", "what stands out", "most typical row", title_justify="left")
    for index, row in clusters.iterrows():
        table.add_row(str(index), str(row["rows"]), row["traits"], row["typical"])
    table.add_row("total", str(clusters["rows"].sum()), style="bold")
    console.print(table)
    times = " · ".join(f"{title.lower()} {value:.1f} s" for title, value in seconds.items())
    console.print(f"[dim]{times} · in all {sum(seconds.values()):.1f} s")


def describe_clusters(
    counties: pd.DataFrame,
    projected_nm: np.ndarray,
    cluster_n: np.ndarray,
    centers_kd: pd.DataFrame,
    centers_km: np.ndarray,
) -> pd.DataFrame:
    """Size, strongest deviations from the average row, and the row nearest to the center, of each cluster, largest first."""
    distance_n = np.linalg.norm(projected_nm - centers_km[cluster_n], axis=1)
    described = {}
    for k in range(len(centers_km)):
        members = np.flatnonzero(cluster_n == k)
        typical = counties.index[members[distance_n[members].argmin()]] if len(members) else "-"
        described[k] = {"rows": len(members), "traits": plots.traits(centers_kd.loc[k]), "typical": str(typical)}
    return pd.DataFrame.from_dict(described, orient="index").sort_values("rows", ascending=False)


def segment(csv: Path | None, output: Path) -> None:
    """Do all steps on the census, from a file or the public bucket, and save the plots in a folder."""
    seconds: dict[str, float] = {}
    with phase("Data", seconds):
        account = sign_in()
        table, source = read_table(account, csv)
        counties = prepare(table)
        console.print(f"Input: {source}: {len(table)} rows, {len(counties)} complete, {table.shape[1]} columns")
    with phase("PCA: train", seconds):
        pca = train_pca(account, counties.to_numpy())
        components = components_of(read_model(account, pca.model_data))
    with phase("PCA: deploy and predict", seconds):
        projections_nm = deploy_and_predict(pca, counties.to_numpy(), "projection")
        projected_nm = np.ascontiguousarray(projections_nm[:, ::-1][:, :COMPONENTS_KEPT])
    with phase("k-means: train", seconds):
        kmeans = train_kmeans(account, projected_nm)
        (centers_km,) = read_model(account, kmeans.model_data).values()
    with phase("k-means: deploy and predict", seconds):
        cluster_n = deploy_and_predict(kmeans, projected_nm, "closest_cluster").ravel().astype(int)
    with phase("Plots", seconds):
        weights_dm = components.weights_dm[:, :COMPONENTS_KEPT]
        deviations_kd = pd.DataFrame(centers_km @ weights_dm.T, columns=counties.columns)
        clusters = describe_clusters(counties, projected_nm, cluster_n, deviations_kd, centers_km)
        weights = pd.DataFrame(weights_dm, index=counties.columns)
        share_m = components.variance_m / components.variance_m.sum()
        noun = "counties" if "County" in table else "rows"
        written = plots.draw(output, share_m, weights, clusters, centers_km, deviations_kd, noun, f"Data: {source}")
    summarize(counties, components, clusters, seconds)
    console.print("plots                " + " ".join(str(path) for path in written))


def main() -> None:
    """Read the options, and go through all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, help="census table to use instead of the public one")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder of the plots")
    arguments = parser.parse_args()
    segment(arguments.csv, arguments.output)


if __name__ == "__main__":
    main()
