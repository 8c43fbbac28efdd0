"""The census example: its own functions here, and the whole workflow on the local AWS with the published figures."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
CENSUS = ROOT.parent / "shared" / "data" / "census" / "acs2015_county_data.csv"
PLOTS = {"scree.png", "components.png", "clusters.png", "centroids.png"}


@pytest.fixture(scope="module")
def census() -> ModuleType:
    """The example, imported as Python imports a script's neighbours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples"))
        return importlib.import_module("census_segmentation")


def test_arrays_with_names_are_read(census: ModuleType) -> None:
    one = "12010000 00000000 00000000 00000000 01000000 00000000"  # list magic, reserved, one array
    one += "c9fa93f9 00000000 02000000 0200000000000000 0100000000000000"  # V2, dense, shape (2, 1)
    one += "01000000 00000000 00000000 0000803f 00000040"  # CPU 0, float32, values 1 and 2
    one += "01000000 00000000 01000000 00000000 73"  # one name: s
    content = bytes.fromhex(one)
    arrays = census.read_arrays(content)
    assert list(arrays) == ["s"]
    assert arrays["s"].tolist() == [[1.0], [2.0]]


@pytest.mark.skipif(not CENSUS.exists(), reason="needs ../shared/data/census")
def test_incomplete_counties_are_dropped_and_columns_scaled(census: ModuleType) -> None:
    counties = census.prepare(pd.read_csv(CENSUS))
    assert counties.shape == (3218, 34)
    assert counties.index[0] == "Alabama-Autauga"
    assert counties.to_numpy().dtype == np.float32
    assert (counties.min() == 0).all()
    assert np.allclose(counties.max(), 1)


def test_any_table_of_numbers_will_do(census: ModuleType) -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, None], "b": [5.0, 5.0, 5.0]})
    assert census.prepare(table).to_numpy().tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_components_are_turned_strongest_first(census: ModuleType) -> None:
    arrays = {"s": np.array([1.0, 2.0], "f4"), "v": np.array([[1.0, 2.0]], "f4"), "mean": np.zeros((1, 1), "f4")}
    components = census.components_of(arrays)
    assert components.variance_m.tolist() == [4.0, 1.0]
    assert components.weights_dm.tolist() == [[2.0, 1.0]]


def test_plots_are_drawn_even_of_an_empty_cluster(census: ModuleType, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(20, 6)), index=[f"row {n}" for n in range(20)], columns=list("abcdef"))
    weights_dm, centers_km = np.linalg.qr(rng.normal(size=(6, 5)))[0], rng.normal(size=(3, 5))
    deviations = pd.DataFrame(centers_km @ weights_dm.T, columns=rows.columns)
    cluster_n = np.arange(20) % 2
    clusters = census.describe_clusters(rows, rows.to_numpy() @ weights_dm, cluster_n, deviations, centers_km)
    assert clusters["rows"].tolist() == [10, 10, 0]
    share_m = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    weights = pd.DataFrame(weights_dm, index=rows.columns)
    written = census.plots.draw(tmp_path, share_m, weights, clusters, centers_km, deviations, "rows", "generated")
    assert {path.name for path in written} == PLOTS
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def run_example(tmp_path: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(tmp_path / "aws")]
    command += [str(ROOT / "examples" / "census_segmentation.py"), "--output", str(tmp_path / "plots"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert {path.name for path in (tmp_path / "plots").iterdir()} == PLOTS
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not CENSUS.exists(), reason="needs ../shared/data/census")
def test_the_whole_workflow_gives_the_published_figures(tmp_path: Path) -> None:
    """Figures of the saved notebooks. Tolerances: 1e-4 of each s, which is float32 data; 2e-4 of the share."""
    summary = run_example(tmp_path, "--csv", str(CENSUS)).partition("Summary")[2]
    assert "rows                 3218 of 34 columns" in summary
    strongest = re.search(r"five largest s +([\d., ]+)", summary)
    assert strongest is not None
    published = [19.592180, 13.035975, 11.718245, 10.180052, 7.991313]
    assert [float(s) for s in strongest[1].split(", ")] == pytest.approx(published, rel=1e-4)
    share = re.search(r"explained variance +([\d.]+)", summary)
    assert share is not None
    assert float(share[1]) == pytest.approx(0.71798, abs=2e-4)
    sizes = [int(rows) for rows in re.findall(r"│ \d+ +│ (\d+) +│", summary)]
    assert len(sizes) == 7
    assert sum(sizes) == 3218
