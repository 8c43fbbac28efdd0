"""Compare: the metrics of several jobs in one chart, what differs between them, and experiments with their trials."""

from __future__ import annotations

from itertools import groupby

from flask import Blueprint, abort, render_template, request

from wildsage.local_runner.console import comparison, job_list
from wildsage.local_runner.console.cloud import services_of, used_regions
from wildsage.local_runner.console.comparison import Compared

BLUEPRINT = Blueprint("compare", __name__, url_prefix="/compare")
MOST_COMPARED = 20
MOST_OFFERED = 15


@BLUEPRINT.get("/")
def page() -> str:
    """The comparison, or what can be compared where nothing has been chosen."""
    chosen = compared()
    if not chosen:
        return render_template(
            "compare/choice.html", jobs=list(job_list.newest("training", MOST_OFFERED)), experiments=experiments()
        )
    differing, shared = comparison.differing([one for _, one in chosen])
    rows = comparison.metric_rows([one for _, one in chosen])
    values = {
        "differing": differing,
        "shared": shared,
        "metrics": rows,
        "experiment": request.args.get("experiment", ""),
    }
    return render_template("compare/page.html", compared=chosen, **values)


def compared() -> list[tuple[str, Compared]]:
    """What the address asks for, each with its region. Responds 400 for more than a chart can show."""
    found = [*chosen_jobs(), *chosen_experiment()]
    if len(found) > MOST_COMPARED:
        abort(400, f"At most {MOST_COMPARED} can be compared; {len(found)} were chosen.")
    return found


def chosen_jobs() -> list[tuple[str, Compared]]:
    """The training jobs of the address, which names each as `region/name`."""
    names = sorted({tuple(text.split("/", 1)) for text in request.args.getlist("job") if "/" in text})
    return [
        (region, job)
        for region, group in groupby(names, key=lambda name: name[0])
        for job in comparison.jobs_named(services_of(region).store, (name for _, name in group))
    ]


def chosen_experiment() -> list[tuple[str, Compared]]:
    """The trial components of the experiment of the address."""
    region, _, name = request.args.get("experiment", "").partition("/")
    return [(region, one) for one in comparison.components_of(services_of(region).store, name)] if name else []


def experiments() -> list[tuple[str, comparison.Experiment]]:
    """The experiments of all regions, each with its region."""
    return [
        (services.folder.name, one) for services in used_regions() for one in comparison.experiments(services.store)
    ]
