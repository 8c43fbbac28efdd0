"""Hyperparameter tuning jobs: creating, describing, stopping and deleting them.

SageMaker does not publish how it searches; docs/how_to/tuning.md says how each strategy searches here. Ranges that the algorithm
would reject are an error of the request, before any job is trained.
"""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.jobs.training.states import KIND as TRAINING_JOB
from wildsage.local_runner.jobs.tuning import hyperparameter_check, results
from wildsage.local_runner.jobs.tuning.definition import (
    DefinitionError,
    TrainingDefinition,
    described,
    hyperband_resources,
    training_definitions,
)
from wildsage.local_runner.jobs.tuning.job import KIND, parent_jobs, parents
from wildsage.local_runner.jobs.tuning.ranges import RangeError, combinations, require_words
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import check, keeps
from wildsage.local_runner.operations.sagemaker import (
    jobs,
    resources,
    tag_rules,
    training_requests,
    training_rules,
    tuning_rules,
    warm_start_rules,
)
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"


@unsupported(
    "TrainingJobDefinition.AlgorithmSpecification.AlgorithmName",
    "TrainingJobDefinition.ResourceConfig.InstanceGroups",
    "TrainingJobDefinition.ResourceConfig.InstancePlacementConfig",
    "TrainingJobDefinition.ResourceConfig.InstancePreferences",
    "TrainingJobDefinitions.AlgorithmSpecification.AlgorithmName",
    "TrainingJobDefinitions.ResourceConfig.InstanceGroups",
    "TrainingJobDefinitions.ResourceConfig.InstancePlacementConfig",
    "TrainingJobDefinitions.ResourceConfig.InstancePreferences",
)
@keeps(*tuning_rules.RULES, *tag_rules.RULES)
def create_hyper_parameter_tuning_job(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Supports the strategies Bayesian, Random, Grid and Hyperband, as docs/how_to/tuning.md describes them."""
    name = request["HyperParameterTuningJobName"]
    arn = context.sagemaker_arn(KIND, name)
    job = {**request, "HyperParameterTuningJobArn": arn, "CreationTime": time.time()}
    found = _checked(context, job)
    return jobs.create(context, context.services.tuning, described(job, found), request)


def describe_hyper_parameter_tuning_job(context: RequestContext, request: dict[str, Any]) -> Document:
    job = _find(context, request["HyperParameterTuningJobName"])
    trained = results.trained(context.services.store, job)
    found = {**job, **results.status_counters(trained)}
    if best := results.ranked(trained):
        found["BestTrainingJob"] = results.summary(best[0])
    if overall := _overall_best(context, job, trained):
        found["OverallBestTrainingJob"] = overall
    return found


def list_hyper_parameter_tuning_jobs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    found, token = resources.page(context, KIND.name, request, order="Ascending")
    return {"HyperParameterTuningJobSummaries": [_summary(context, job) for job in found], **token}


def list_training_jobs_for_hyper_parameter_tuning_job(
    context: RequestContext, request: dict[str, Any]
) -> dict[str, Any]:
    """If the list is sorted by the objective, jobs without one come last in either order."""
    job = _find(context, request["HyperParameterTuningJobName"])
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        trained = results.trained(context.services.store, job)
        found, token = resources.numbered_page(_by_objective(trained, request), request, "TrainingJobStatus")
    else:
        references, since = {"TuningJobArn": [job[KIND.arn_field]]}, job["CreationTime"]
        found, token = resources.page(
            context, TRAINING_JOB.name, request, "Ascending", references=references, since=since
        )
    return {"TrainingJobSummaries": [results.summary(one) for one in found], **token}


def stop_hyper_parameter_tuning_job(context: RequestContext, request: dict[str, Any]) -> None:
    jobs.stop(context.services.tuning, _find(context, request["HyperParameterTuningJobName"]))


def delete_hyper_parameter_tuning_job(context: RequestContext, request: dict[str, Any]) -> None:
    """Deletes a job that has ended. Its training jobs stay. A job that does not exist is not an error, as on SageMaker."""
    try:
        job = context.services.store.get(KIND.name, request["HyperParameterTuningJobName"])
    except NotFound:
        return
    jobs.reject_running(KIND, job)
    resources.delete(context, KIND, job["HyperParameterTuningJobName"])


def _find(context: RequestContext, name: str) -> Document:
    try:
        return context.services.store.get(KIND.name, name)
    except NotFound:
        raise AwsError("ResourceNotFound", f"Amazon SageMaker can't find a tuning job named [{name}].") from None


def _summary(context: RequestContext, job: Document) -> Document:
    trained = results.trained(context.services.store, job)
    config = job["HyperParameterTuningJobConfig"]
    limits = {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
    return {**jobs.summary(KIND, job), **limits, **results.status_counters(trained)}


def _by_objective(trained: list[Document], request: dict[str, Any]) -> list[Document]:
    with_objective = [job for job in trained if results.objective(job) is not None]
    with_objective.sort(key=results.objective, reverse=request.get("SortOrder") == "Descending")  # type: ignore[arg-type]
    return with_objective + [job for job in trained if results.objective(job) is None]


def _overall_best(context: RequestContext, job: Document, trained: list[Document]) -> Document | None:
    """The best training job of this tuning job and its parents, if all had the same data and algorithm."""
    if job.get("WarmStartConfig", {}).get("WarmStartType") != "IdenticalDataAndAlgorithm":
        return None
    candidates = [(one, job["HyperParameterTuningJobName"]) for one in trained]
    candidates += [(one, parent) for parent in parents(job) for one in parent_jobs(context.services.store, parent)]
    tuned_by = {one["TrainingJobName"]: name for one, name in candidates}
    best = results.ranked(one for one, _ in candidates)
    return {**results.summary(best[0]), "TuningJobName": tuned_by[best[0]["TrainingJobName"]]} if best else None


# Checks


def _checked(context: RequestContext, job: Document) -> list[TrainingDefinition]:
    """The definitions of a job, if its search and its training jobs could run. Raises ValidationException."""
    try:
        found = training_definitions(job)
        config = job["HyperParameterTuningJobConfig"]
        for definition in found:
            hyperband_resources(config, definition)
            training = definition.request(job, 1, {})
            check(training, training_rules.RULES)
            training_requests.check(context, training)
        _check_objectives(found)
        _check_limits(config, found)
    except (DefinitionError, RangeError) as error:
        raise invalid(str(error)) from None
    _check_parents(context, job, found)
    for definition in found:
        _check_hyperparameters(context, definition)
    return found


def _check_objectives(found: list[TrainingDefinition]) -> None:
    if len({definition.objective["Type"] for definition in found}) > 1:
        raise invalid(
            "The objectives of all TrainingJobDefinitions must be of the same type: all Maximize or all Minimize."
        )


def _check_limits(config: dict[str, Any], found: list[TrainingDefinition]) -> None:
    """A grid has one job for each combination, and other searches at most as many. They also need a limit that ends them."""
    limits = config["ResourceLimits"]
    most = limits.get("MaxNumberOfTrainingJobs")
    total = sum(combinations(definition.ranges) for definition in found)
    if config["Strategy"] == "Grid":
        for definition in found:
            require_words(definition.ranges)
        if most not in (None, total):
            raise invalid(
                f"MaxNumberOfTrainingJobs is {most}, but the grid has {total} combinations. Set it to {total}, or leave it out."
            )
    elif most is None and "MaxRuntimeInSeconds" not in limits and not config.get("TuningJobCompletionCriteria"):
        raise invalid(
            "ResourceLimits needs MaxNumberOfTrainingJobs or MaxRuntimeInSeconds: nothing else ends the search."
        )
    elif most is not None and most > total:
        raise invalid(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter combinations "
            f"for the provided ranges [{total:.1f}] must be equal or greater than the value of MaxNumberOfJobs, [{most}]. "
            "Provide additional ranges, or lower MaxNumberOfTrainingJobs."
        )


def _check_hyperparameters(context: RequestContext, definition: TrainingDefinition) -> None:
    """A built-in algorithm must accept the values of the ranges."""
    image = definition.training["AlgorithmSpecification"]["TrainingImage"]
    problems = hyperparameter_check.rejection(
        context.services.backend, image, definition.edges, context.services.folder.jobs
    )
    if problems:
        raise invalid(
            f"The hyperparameter ranges aren't valid for the [{image}] algorithm. {' '.join(problems.split())}"
        )


def _check_parents(context: RequestContext, job: Document, found: list[TrainingDefinition]) -> None:
    """Raises ValidationException for a parent that has not ended or that the job cannot learn from."""
    for name in parents(job):
        parent = _find(context, name)
        if parent["HyperParameterTuningJobStatus"] not in ENDED:
            raise invalid(f"Parent tuning job {name} is {parent['HyperParameterTuningJobStatus']}. Wait for its end.")
        kind = job["WarmStartConfig"]["WarmStartType"]
        start = warm_start_rules.WarmStart(name, kind, training_definitions(parent), found)
        for problem in start.problems():
            raise invalid(problem)
