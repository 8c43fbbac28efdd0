"""Jobs: the list of all, and the page of one: why it failed, its steps, data, metrics, log and artifact, and how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from wildsage.containers.contract import json_text
from wildsage.local_runner.console import feed, job_code, job_list, job_view, tuning_view
from wildsage.local_runner.console.cloud import cloud
from wildsage.local_runner.console.job_list import BY_WORD, STATUSES, JobFilter, find_job
from wildsage.local_runner.console.pages import feeds
from wildsage.local_runner.console.previews.kinds import NoPreview, Preview
from wildsage.local_runner.console.previews.objects import preview
from wildsage.local_runner.inputs.channels import split_uri
from wildsage.local_runner.jobs.runner import Jobs
from wildsage.local_runner.jobs.store import Document, NotFound, Place
from wildsage.local_runner.monitor import usage
from wildsage.local_runner.monitor.overview import DocumentKind, job_summary
from wildsage.local_runner.operations.sagemaker import jobs as operations
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.s3.errors import NoSuchBucket, NoSuchKey

BLUEPRINT = Blueprint("jobs", __name__, url_prefix="/jobs")
JOB = "/<region>/<word>/<name>"


@BLUEPRINT.get("/")
def page() -> str:
    """The list of jobs."""
    wanted = filter_of_request()
    values = {"kinds": list(BY_WORD), "statuses": STATUSES, "counts": job_list.count_by_status(wanted)}
    return render_template("jobs/list.html", **rows(wanted), **values)


@BLUEPRINT.get("/rows")
def now() -> str:
    """The rows of the list."""
    return render_template("jobs/rows.html", **rows(filter_of_request()))


def rows(wanted: JobFilter) -> dict[str, Any]:
    """What the rows show: one page, and the address of the next."""
    found = job_list.job_page(wanted)
    older = None
    if found.after:
        after = json.dumps(found.after)
        older = url_for("jobs.page", kind=wanted.kind, status=wanted.status, name=wanted.name, after=after)
    return {"page": found, "wanted": wanted, "older": older}


def filter_of_request() -> JobFilter:
    """Which jobs the address of a page asks for."""
    values = {field: request.args.get(field, "") for field in ("kind", "status", "name")}
    return JobFilter(**values, after=place_of(request.args.get("after", "")))


def place_of(text: str) -> Place | None:
    """The place of a job in the list, as the address of a page has it. Responds 400 for what no page gave."""
    if not text:
        return None
    try:
        created, name = json_text.parse(text)
        return float(created), str(name)
    except (TypeError, ValueError, OverflowError):
        abort(400, "The place in the list is not valid. Begin with the first page.")


@BLUEPRINT.get(JOB)
def job(region: str, word: str, name: str) -> str:
    """The page of one job."""
    services, kind, document = found(region, word, name)
    values = {
        "inputs": job_view.inputs(document),
        "outputs": job_view.outputs(document),
        "hyperparameters": job_view.hyperparameters(document),
        "programs": job_code.programs(kind, document),
        "document": json.dumps(document, indent=2, sort_keys=True),
        "has_log": word in feed.GROUPS,
        "metrics": [one["Name"] for one in document.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())],
        "tuning": tuning_view.of_tuning_job(services.store, document) if word == "tuning" else None,
        "ended": has_ended(kind, document),
    }
    return render_template("jobs/job.html", **live_values(region, kind, document), **values)


@BLUEPRINT.get(f"{JOB}/now")
def job_now(region: str, word: str, name: str) -> str:
    """The part of the page of a job that changes."""
    _, kind, document = found(region, word, name)
    return render_template("jobs/now.html", **live_values(region, kind, document))


def live_values(region: str, kind: DocumentKind, document: Document) -> dict[str, Any]:
    """What the part of the page that changes shows."""
    return {
        "region": region,
        "job": job_summary(kind, document),
        "raw": document,
        "steps": job_view.steps(kind, document),
        "image": job_view.image(document),
        "machine": job_view.machine(document),
        "began": document.get(kind.end_field.replace("End", "Start")) or document["CreationTime"],
        "usage": document.get("Usage", {}),
        "final": document.get("FinalMetricDataList", ()),
    }


@BLUEPRINT.get(f"{JOB}/log")
def log(region: str, word: str, name: str) -> Response:
    """New lines of the log."""
    services, kind, document = with_log(region, word, name)
    part = feed.read_log(services.logs, feed.GROUPS[word], f"{name}/", feeds.positions())
    return feeds.lines(part, has_ended(kind, document))


@BLUEPRINT.get(f"{JOB}/log.txt")
def whole_log(region: str, word: str, name: str) -> Response:
    """The whole log as a text file."""
    services, _, _ = with_log(region, word, name)
    lines = feed.read_log(services.logs, feed.GROUPS[word], f"{name}/", {}, whole=True).lines

    def written() -> Iterator[str]:
        for _, event in lines:
            yield f"{event.message}\n"

    headers = {"Content-Disposition": f'attachment; filename="{name}.log"'}
    return Response(written(), content_type="text/plain; charset=utf-8", headers=headers)


@BLUEPRINT.get("/<region>/training/<name>/metrics")
def metrics(region: str, name: str) -> Response:
    """New readings of the metrics as JSON, by metric: milliseconds since 1970, and value."""
    services, kind, document = found(region, "training", name)
    part = feed.read_metrics(services.logs, document, feeds.positions())
    started: float = document.get("TrainingStartTime") or document["CreationTime"]
    return jsonify(
        series=part.series, positions=part.positions, started_ms=started * 1000, ended=has_ended(kind, document)
    )


@BLUEPRINT.get(f"{JOB}/usage")
def usage_now(region: str, word: str, name: str) -> Response:
    """What the processes of a running job use at the moment, as JSON; containers in Docker are not among them."""
    services, kind, document = with_log(region, word, name)
    folder = services.folder
    folders = {"training": folder.jobs, "processing": folder.processing, "transform": folder.transforms}
    return jsonify(**asdict(usage.sample(folders[word] / name)), ended=has_ended(kind, document))


@BLUEPRINT.get("/<region>/tuning/<name>/trials")
def trials_now(region: str, name: str) -> str:
    """The training jobs of a tuning job."""
    services, kind, document = found(region, "tuning", name)
    tuning = tuning_view.of_tuning_job(services.store, document)
    return render_template("jobs/trials.html", region=region, tuning=tuning, ended=has_ended(kind, document))


@BLUEPRINT.get("/<region>/tuning/<name>/trials.json")
def trials_for_charts(region: str, name: str) -> Response:
    """The same as JSON."""
    services, kind, document = found(region, "tuning", name)
    tuning = tuning_view.of_tuning_job(services.store, document)
    return jsonify(**tuning.for_charts(), ended=has_ended(kind, document))


@BLUEPRINT.get("/<region>/training/<name>/artifact")
def artifact(region: str, name: str) -> str:
    """The members of a training job's artifact, once there is one."""
    _, kind, document = found(region, "training", name)
    uri = document.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    ended = has_ended(kind, document)
    return render_template("jobs/artifact.html", uri=uri, ended=ended, preview=members(uri) if ended else None)


def members(uri: str) -> Preview:
    """What an artifact in S3 holds."""
    try:
        stored, file = cloud().objects.open(*split_uri(uri))
    except (NoSuchBucket, NoSuchKey):
        return NoPreview("The job left no artifact, or it has been deleted.")
    with file:
        return preview(stored, file)


@BLUEPRINT.post(f"{JOB}/stop")
def stop(region: str, word: str, name: str) -> AnyResponse:
    """Ask a job to stop."""
    services, _, document = found(region, word, name)
    operations.stop(runner(services, word), document)
    return redirect(url_for("jobs.job", region=region, word=word, name=name))


def runner(services: Services, word: str) -> Jobs:
    """What runs the jobs of a kind."""
    runners: Mapping[str, Jobs] = {
        "training": services.training,
        "tuning": services.tuning,
        "transform": services.transforms,
        "processing": services.processing,
    }
    return runners[word]


def found(region: str, word: str, name: str) -> tuple[Services, DocumentKind, Document]:
    """The job of an address. Responds 404 if there is none."""
    try:
        return find_job(region, word, name)
    except NotFound:
        abort(404, f"There is no {word} job {name} in region {region}.")


def with_log(region: str, word: str, name: str) -> tuple[Services, DocumentKind, Document]:
    """As `found`, for kinds of jobs that have a log."""
    if word not in feed.GROUPS:
        abort(404, f"A {word} job has no log of its own.")
    return found(region, word, name)


def has_ended(kind: DocumentKind, document: Document) -> bool:
    """Whether nothing of the job changes any more."""
    return not job_summary(kind, document).is_running
