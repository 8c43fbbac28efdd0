"""Experiments, trials and trial components: the records that SDKs keep about jobs. They are stored, listed and searched.

A trial component belongs to any number of trials, a trial to one experiment. The ExperimentConfig of a job puts the trial
component of the job into its trial, if that exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL, delete_associations
from wildsage.local_runner.jobs.store import Document, ListQuery, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import experiment_rules, resources, tag_rules
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
NAMED_VALUES = ("Parameters", "InputArtifacts", "OutputArtifacts")
"""SDK v2 expects these fields of every component, even if they are empty."""


# Experiments


@keeps(*tag_rules.RULES)
def create_experiment(context: RequestContext, request: dict[str, Any]) -> Document:
    return _create(context, EXPERIMENT, request)


def describe_experiment(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, EXPERIMENT, request["ExperimentName"])


def list_experiments(context: RequestContext, request: dict[str, Any]) -> Document:
    return _list(context, EXPERIMENT, request)


def update_experiment(context: RequestContext, request: dict[str, Any]) -> Document:
    return _update(context, EXPERIMENT, request)


def delete_experiment(context: RequestContext, request: dict[str, Any]) -> Document:
    """Only an experiment without trials can be deleted."""
    name = request["ExperimentName"]
    if left := _trials_of(context, name):
        raise invalid(f"Experiment {name} has the trials {', '.join(left)}. Delete them first.")
    return _delete(context, EXPERIMENT, name)


# Trials


@keeps(*tag_rules.RULES)
def create_trial(context: RequestContext, request: dict[str, Any]) -> Document:
    _find(context, EXPERIMENT, request["ExperimentName"])
    return _create(context, TRIAL, request)


def describe_trial(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, TRIAL, request["TrialName"])


def list_trials(context: RequestContext, request: dict[str, Any]) -> Document:
    references, names = {}, None
    if "ExperimentName" in request:
        _find(context, EXPERIMENT, request["ExperimentName"])
        references["ExperimentName"] = [request["ExperimentName"]]
    if "TrialComponentName" in request:
        names = _find(context, COMPONENT, request["TrialComponentName"])["Trials"]
    return _list(context, TRIAL, request, references, names)


def update_trial(context: RequestContext, request: dict[str, Any]) -> Document:
    return _update(context, TRIAL, request)


def delete_trial(context: RequestContext, request: dict[str, Any]) -> Document:
    """Only a trial without components can be deleted."""
    name = request["TrialName"]
    if left := _components_of(context, [name]):
        raise invalid(f"Trial {name} has the components {', '.join(left)}. Disassociate them first.")
    return _delete(context, TRIAL, name)


# Trial components


@keeps(*experiment_rules.COMPONENT_RULES, *tag_rules.RULES)
def create_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    return _create(context, COMPONENT, {**{field: {} for field in NAMED_VALUES}, **request, "Trials": []})


def describe_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, COMPONENT, request["TrialComponentName"])


@keeps(*experiment_rules.LIST_COMPONENTS_RULES)
def list_trial_components(context: RequestContext, request: dict[str, Any]) -> Document:
    references, names = {}, None
    if "TrialName" in request:
        _find(context, TRIAL, request["TrialName"])
        references["Trials"] = [request["TrialName"]]
    if "ExperimentName" in request:
        names = _components_of(context, _trials_of(context, request["ExperimentName"]))
    if "SourceArn" in request:
        references["SourceArn"] = [request["SourceArn"]]
    return _list(context, COMPONENT, request, references, names)


@keeps(*experiment_rules.COMPONENT_RULES)
def update_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    """Parameters and artifacts of the request replace those with the same name; the others stay."""

    def edit(component: Document) -> None:
        for field in NAMED_VALUES:
            component[field] |= request.pop(field, {})
            for name in request.pop(f"{field}ToRemove", ()):
                component[field].pop(name, None)

    _change(context, COMPONENT, request["TrialComponentName"], edit)
    return _update(context, COMPONENT, request)


def delete_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    name = request["TrialComponentName"]
    if trials := _find(context, COMPONENT, name)["Trials"]:
        raise invalid(f"Trial component {name} belongs to the trials {', '.join(trials)}. Disassociate it first.")
    delete_associations(context.services.store, _find(context, COMPONENT, name)["TrialComponentArn"])
    return _delete(context, COMPONENT, name)


def associate_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    trial = _find(context, TRIAL, request["TrialName"])

    def edit(component: Document) -> None:
        component["Trials"] = list(dict.fromkeys([*component["Trials"], trial["TrialName"]]))

    component = _change(context, COMPONENT, request["TrialComponentName"], edit)
    return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}


def disassociate_trial_component(context: RequestContext, request: dict[str, Any]) -> Document:
    trial = _find(context, TRIAL, request["TrialName"])

    def edit(component: Document) -> None:
        component["Trials"] = [name for name in component["Trials"] if name != trial["TrialName"]]

    component = _change(context, COMPONENT, request["TrialComponentName"], edit)
    return {"TrialComponentArn": component["TrialComponentArn"], "TrialArn": trial["TrialArn"]}


# Shared by all three


def _create(context: RequestContext, kind: Kind, request: Document) -> Document:
    now = time.time()
    name = request[kind.name_field]
    document = {
        "DisplayName": name,
        **resources.without_tags(request),
        kind.arn_field: context.sagemaker_arn(kind, name),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    try:
        context.services.store.insert(kind.name, name, document)
    except NameTaken:
        raise invalid(
            f"{kind.noun.capitalize()} with name {name} already exists."
        ) from None  # SDK v2 looks for these words
    resources.save_tags(context, document[kind.arn_field], request)
    return {kind.arn_field: document[kind.arn_field]}


def _find(context: RequestContext, kind: Kind, name: str) -> Document:
    try:
        return context.services.store.get(kind.name, name)
    except NotFound:
        raise AwsError("ResourceNotFound", f"{kind.noun.capitalize()} '{name}' does not exist.") from None


def _change(context: RequestContext, kind: Kind, name: str, edit: Callable[[Document], object]) -> Document:
    _find(context, kind, name)
    return context.services.store.change(kind.name, name, edit)


def _update(context: RequestContext, kind: Kind, request: Document) -> Document:
    now = time.time()
    changed = _change(context, kind, request[kind.name_field], lambda one: one.update(request, LastModifiedTime=now))
    return {kind.arn_field: changed[kind.arn_field]}


def _delete(context: RequestContext, kind: Kind, name: str) -> Document:
    arn = _find(context, kind, name)[kind.arn_field]
    resources.delete(context, kind, name)
    return {kind.arn_field: arn}


def _trials_of(context: RequestContext, experiment: str) -> list[str]:
    return context.services.store.names(TRIAL.name, ListQuery(references={"ExperimentName": [experiment]}))


def _components_of(context: RequestContext, trials: Sequence[str]) -> list[str]:
    return context.services.store.names(COMPONENT.name, ListQuery(references={"Trials": trials}))


def _list(
    context: RequestContext,
    kind: Kind,
    request: Document,
    references: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] | None = None,
) -> Document:
    page, token = resources.page(context, kind.name, request, references=references, names=names)
    return {f"{kind.stem}Summaries": page, **token}
