"""The four plots of census_segmentation.py.

Axes: d columns · m principal components, strongest first · k clusters
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#26323a"
FAINT = "#c9d1d6"
PLUS = "#2f6f8f"
MINUS = "#c26a3d"
DIVERGING = "RdBu"
WEIGHTS_SHOWN = 8

STYLE = {
    "figure.dpi": 130,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(
    output: Path,
    share_m: np.ndarray,
    weights: pd.DataFrame,
    clusters: pd.DataFrame,
    centers_km: np.ndarray,
    deviations: pd.DataFrame,
    noun: str,
    source: str,
) -> list[Path]:
    """Write all plots as PNG files into `output` and return their paths.

    `share_m`: share of variance of every component. `weights`: (d, m kept), rows named by column. `clusters`: one row
    for each cluster, largest first, with `rows` and `traits`. `centers_km`: centroids. `deviations`: the same centroids
    as differences from the average row, (k, d) in scaled units. `noun`: what a row is, in the plural.
    """
    output.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        figures = {
            "scree": scree(share_m, weights.shape[1]),
            "components": make_up(weights, share_m),
            "clusters": sizes(clusters, noun),
            "centroids": centroids(clusters, centers_km, weights, deviations, noun),
        }
        for name, figure in figures.items():
            foot = 0.2 / figure.get_figheight()  # 0.2 inches for the source, below everything else
            figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))
            figure.text(0.995, 0.005, source, ha="right", va="bottom", fontsize=7.5, color="#7a878f")
            figure.savefig(output / f"{name}.png")
            plt.close(figure)
    return [output / f"{name}.png" for name in figures]


def traits(deviation_d: pd.Series, count: int = 3) -> str:
    """The columns in which a cluster is furthest from the average row, such as `+Poverty −Employed`."""
    strongest = deviation_d.reindex(deviation_d.abs().sort_values(ascending=False).index)[:count]
    return "  ".join(f"{'+' if value > 0 else '−'}{name}" for name, value in strongest.items())


def scree(share_m: np.ndarray, kept: int) -> Figure:
    """Draw the share of variance of each component, and of all components up to it."""
    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    number_m = np.arange(1, len(share_m) + 1)
    percent_m, total_m = 100 * share_m, 100 * share_m.cumsum()
    axes.bar(number_m, percent_m, color=[PLUS if n <= kept else FAINT for n in number_m], width=0.75)
    axes.plot(number_m, total_m, color=MINUS, marker="o", markersize=3.5, linewidth=1.5)
    axes.annotate(
        f"first {kept}: {total_m[kept - 1]:.1f} %",
        (kept, total_m[kept - 1]),
        xytext=(14, -20),
        textcoords="offset points",
        color=MINUS,
        fontweight="bold",
    )
    axes.text(len(share_m), 103, "together", color=MINUS, ha="right")
    axes.text(kept + 0.8, percent_m[kept - 1] + 1.5, "each alone", color=PLUS)
    axes.set(xlabel="principal component, strongest first", ylabel="share of variance (%)", ylim=(0, 110))
    axes.set_xlim(0.2, len(share_m) + 0.8)
    axes.set_title(f"{kept} of {len(share_m)} components hold {total_m[kept - 1]:.0f} % of the variance", weight="bold")
    return figure


def make_up(weights: pd.DataFrame, share_m: np.ndarray) -> Figure:
    """Draw the largest weights of each component that is kept, as bars with the names of their columns."""
    kept = weights.shape[1]
    figure, grid = plt.subplots(2, -(-kept // 2), figsize=(4.6 * -(-kept // 2), 6.6), layout="constrained")
    limit = 1.08 * weights.abs().to_numpy().max()
    for m, axes in enumerate(grid.flat):
        if m >= kept:
            axes.set_axis_off()
            continue
        column = weights.iloc[:, m]
        largest = column.reindex(column.abs().sort_values(ascending=False).index)[:WEIGHTS_SHOWN][::-1]
        axes.barh(largest.index.astype(str), largest, color=[PLUS if w > 0 else MINUS for w in largest], height=0.7)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(xlim=(-limit, limit), xlabel="weight")
        axes.tick_params(axis="y", length=0)
        axes.set_title(f"Component {m + 1}: {100 * share_m[m]:.1f} % of variance", weight="bold")
    title = f"What each component is made of: its {WEIGHTS_SHOWN} largest weights (only relative signs have a meaning)"
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure


def sizes(clusters: pd.DataFrame, noun: str) -> Figure:
    """Draw the number of rows in each cluster, with the columns that stand out."""
    figure, axes = plt.subplots(figsize=(9, 0.9 + 0.55 * len(clusters)), layout="constrained")
    place_k = np.arange(len(clusters))
    axes.barh(place_k, clusters["rows"], color=PLUS, height=0.68)
    for place, (rows, text) in enumerate(zip(clusters["rows"], clusters["traits"], strict=True)):
        axes.annotate(f" {rows}", (rows, place), va="center", weight="bold", xytext=(2, 0), textcoords="offset points")
        axes.annotate(text, (rows, place), va="center", xytext=(42, 0), textcoords="offset points", fontsize=9)
    axes.set_yticks(place_k, [f"cluster {k}" for k in clusters.index])
    axes.invert_yaxis()
    axes.set(xlabel=noun, xlim=(0, 1.75 * clusters["rows"].max()))
    axes.tick_params(axis="y", length=0)
    total = int(clusters["rows"].sum())
    axes.set_title(
        f"{total} {noun} in {len(clusters)} clusters, and where each is furthest from average", weight="bold"
    )
    return figure


def centroids(
    clusters: pd.DataFrame, centers_km: np.ndarray, weights: pd.DataFrame, deviations: pd.DataFrame, noun: str
) -> Figure:
    """Draw heat maps of the centroids, by component and by column of the data."""
    figure, (left, right) = plt.subplots(
        2, 1, figsize=(12.5, 8.2), layout="constrained", gridspec_kw={"height_ratios": [1, 1.15]}
    )
    names_k = [f"cluster {k} · {rows} {noun}" for k, rows in clusters["rows"].items()]
    names_m = [f"{m + 1}\n{traits(weights.iloc[:, m], 2)}" for m in range(weights.shape[1])]
    order_k = clusters.index.to_numpy()
    heat_map(left, centers_km[order_k], names_k, names_m, figures=True)
    left.set_title("Centroids by principal component (score; 0 is the average)", weight="bold")
    order_d = np.argsort(-np.abs(deviations.to_numpy()).max(0))
    features = [str(name) for name in deviations.columns[order_d]]
    heat_map(right, deviations.to_numpy()[order_k][:, order_d], names_k, features, figures=False)
    right.set_title("The same centroids by column (difference from average; columns scaled to 0…1)", weight="bold")
    right.tick_params(axis="x", rotation=60)
    plt.setp(right.get_xticklabels(), ha="right", rotation_mode="anchor")
    return figure


def heat_map(axes: Axes, value_kx: np.ndarray, names_k: list[str], names_x: list[str], figures: bool) -> None:
    """Draw cells from red (below) through white (average) to blue (above), with numbers in them if `figures` is set.

    The scale ends at the 97th percentile, so that one extreme cluster does not make the others pale.
    """
    limit = np.quantile(np.abs(value_kx), 0.97) or 1.0
    image = axes.imshow(value_kx, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(names_x)), names_x)
    axes.set_yticks(range(len(names_k)), names_k)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if figures:
        for (k, x), value in np.ndenumerate(value_kx):
            shade = "white" if abs(value) > 0.5 * limit else INK
            axes.text(x, k, f"{value:+.2f}", ha="center", va="center", color=shade, fontsize=9)
    axes.figure.colorbar(image, ax=axes, shrink=0.9, pad=0.01, extend="both")
