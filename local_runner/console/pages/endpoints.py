"""Endpoints: the list of all, and the page of one: variants, how fast it answers, a form to try it with, its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from wildsage.local_runner.console import endpoint_view, feed, samples, try_form
from wildsage.local_runner.console.cloud import cloud, operation_context, services_of, used_regions
from wildsage.local_runner.console.endpoint_view import VariantView
from wildsage.local_runner.console.pages import feeds
from wildsage.local_runner.console.try_form import TryForm
from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.logs import ENDPOINTS
from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.monitor.overview import EndpointSummary, endpoint_summary
from wildsage.local_runner.operations.sagemaker.endpoints import delete_endpoint
from wildsage.local_runner.operations.services import Services

BLUEPRINT = Blueprint("endpoints", __name__, url_prefix="/endpoints")
ENDPOINT = "/<region>/<name>"
MINUTES = endpoint_view.WINDOW_S // 60


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint in the list, with its variants."""

    summary: EndpointSummary
    variants: Sequence[VariantView]


@BLUEPRINT.get("/")
def page() -> str:
    """The list of endpoints."""
    return render_template("endpoints/list.html", rows=rows(), minutes=MINUTES)


@BLUEPRINT.get("/rows")
def now() -> str:
    """The rows of the list."""
    return render_template("endpoints/rows.html", rows=rows(), minutes=MINUTES)


def rows() -> list[EndpointRow]:
    """All endpoints, sorted by name."""
    found = [
        EndpointRow(endpoint_summary(document), endpoint_view.variants(services, document))
        for services in used_regions()
        for document in services.store.all(KIND.name)
    ]
    return sorted(found, key=lambda row: row.summary.name)


@BLUEPRINT.get(ENDPOINT)
def endpoint(region: str, name: str) -> str:
    """The page of one endpoint, whose form holds a row of the data that its model was trained with."""
    services, document = found(region, name)
    sample = samples.sample_for(services, document)
    return shown(region, services, document, sample, TryForm.of_sample(sample))


@BLUEPRINT.post(ENDPOINT)
def invoke(region: str, name: str) -> str:
    """Send the form to the endpoint, and show the answer beside it."""
    services, document = found(region, name)
    sample = samples.sample_for(services, document)
    form = TryForm.sent(request, sample)
    return shown(region, services, document, sample, form, try_form.ask(operation_context(region), name, form))


@BLUEPRINT.get(f"{ENDPOINT}/now")
def endpoint_now(region: str, name: str) -> str:
    """The part of the page of an endpoint that changes."""
    return render_template("endpoints/now.html", **live_values(region, *found(region, name)))


@BLUEPRINT.get(f"{ENDPOINT}/log")
def log(region: str, name: str) -> Response:
    """New lines of the logs of all containers of an endpoint."""
    services, _ = found(region, name)
    return feeds.lines(feed.read_log(services.logs, f"{ENDPOINTS}/{name}", "", feeds.positions()), ended=False)


@BLUEPRINT.post(f"{ENDPOINT}/delete")
def delete(region: str, name: str) -> AnyResponse:
    """Delete an endpoint, as DeleteEndpoint does."""
    delete_endpoint(operation_context(region), {"EndpointName": name})
    flash(f"Endpoint {name} is being deleted.")
    return redirect(url_for("endpoints.page"))


def shown(
    region: str,
    services: Services,
    document: Document,
    sample: samples.SampleRequest | None,
    form: TryForm,
    answer: try_form.TryAnswer | None = None,
) -> str:
    """The page of an endpoint with a form and, once it was sent, the answer."""
    signed = cloud().settings.keys is not None
    server = request.host_url.rstrip("/")
    return render_template(
        "endpoints/endpoint.html",
        **live_values(region, services, document),
        form=form,
        sample=sample,
        answer=answer,
        programs=try_form.programs(server, region, document["EndpointName"], form, signed),
        content_types=try_form.CONTENT_TYPES,
        accepted=try_form.ACCEPTED,
        takes_target=endpoint_view.takes_target_model(document),
        hostnames=endpoint_view.direct_containers(document),
        is_asynchronous="AsyncInferenceConfig" in document["Deployment"],
    )


def live_values(region: str, services: Services, document: Document) -> dict[str, Any]:
    """What the part of the page that changes shows."""
    job = samples.job_of_endpoint(services.store, document)
    return {
        "region": region,
        "endpoint": endpoint_summary(document),
        "raw": document,
        "variants": endpoint_view.variants(services, document),
        "minutes": MINUTES,
        "job": job["TrainingJobName"] if job else "",
    }


def found(region: str, name: str) -> tuple[Services, Document]:
    """The endpoint that an address names. Responds 404 if it does not exist."""
    services = services_of(region)
    try:
        return services, services.store.get(KIND.name, name)
    except NotFound:
        abort(404, f"Region {region} has no endpoint {name}.")
