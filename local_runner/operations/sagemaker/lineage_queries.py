"""QueryLineage, which follows associations from a start in either direction.

With edges, an answer has the start and all that lies on the way to what the filters select; without, the selected alone.
Source: QueryLineage and QueryFilters (API reference), and what `sagemaker.lineage` of SDK v2 asks and draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import ACTION, ARTIFACT, ASSOCIATION, BACK, COMPONENT, CONTEXT
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "sagemaker"
ENTITIES = (ARTIFACT, ACTION, CONTEXT, COMPONENT)
MAX_DEPTH = 10
MAX_VERTICES = 50
"""Of one answer, and its default: SDK v2 never asks for the next page."""
EDGE_FIELDS = ("SourceArn", "DestinationArn", "AssociationType")


@dataclass
class Walk:
    """What was reached from the start: the associations that led to each ARN, nearest first."""

    reached: dict[str, list[Document]] = field(default_factory=dict)
    edges: list[Document] = field(default_factory=list)

    def towards(self, wanted: Iterable[str]) -> set[str]:
        """The wanted ARNs and all on the way to them."""
        found, border = set(wanted), set(wanted)
        while border:
            ends = {one[end] for arn in border for one in self.reached[arn] for end in ("SourceArn", "DestinationArn")}
            border = ends - found
            found |= border
        return found


def query_lineage(context: RequestContext, request: dict[str, Any]) -> Document:
    """Follows associations from the start, nearest first, up to MaxDepth of them."""
    store, start = context.services.store, list(request.get("StartArns", ()))
    entities = _entities(store)
    for arn in start:
        if arn not in entities:
            raise AwsError("ResourceNotFound", f"No lineage entity has the ARN {arn}.")
    walk = _walk(store.all(ASSOCIATION), start, request)
    filters, with_edges = request.get("Filters", {}), request.get("IncludeEdges", True)
    chosen = [arn for arn in walk.reached if arn not in start and arn in entities and _passes(entities[arn], filters)]
    shown = walk.towards(chosen) | set(start) if with_edges else set(chosen)
    vertices = [_vertex(arn, entities[arn]) for arn in walk.reached if arn in shown and arn in entities]
    page, token = resources.numbered_page(vertices, {"MaxResults": MAX_VERTICES, **request})
    edges = [one for one in walk.edges if {one["SourceArn"], one["DestinationArn"]} <= shown] if with_edges else []
    return {"Vertices": page, "Edges": [{name: one[name] for name in EDGE_FIELDS} for one in edges], **token}


def _walk(associations: list[Document], start: list[str], request: Document) -> Walk:
    """Breadth first. An association back is followed from the start alone: from there on it would lead from one model of an
    endpoint to its other models."""
    direction = request.get("Direction", "Both")
    walk = Walk({arn: [] for arn in start})
    border, first = set(start), True
    for _ in range(request.get("MaxDepth", MAX_DEPTH)):
        open_now = [one for one in associations if not one.get(BACK) or (first and direction == "Descendants")]
        steps = [step for one in open_now for step in _steps(one, border, direction)]
        walk.edges += [one for one, _ in steps if one not in walk.edges]
        border = {arn for _, arn in steps} - set(walk.reached)
        for one, arn in steps:
            if arn in border:
                walk.reached.setdefault(arn, []).append(one)
        first = False
    return walk


def _steps(association: Document, border: set[str], direction: str) -> Iterable[tuple[Document, str]]:
    """The association with its other end, if it leads on from the border."""
    if direction != "Descendants" and association["DestinationArn"] in border:
        yield association, association["SourceArn"]
    if direction != "Ascendants" and association["SourceArn"] in border:
        yield association, association["DestinationArn"]


def _entities(store: Store) -> dict[str, tuple[Kind, Document]]:
    return {one[kind.arn_field]: (kind, one) for kind in ENTITIES for one in store.all(kind.name)}


def _type(kind: Kind, entity: Document) -> str:
    """Queries call a job TrainingJob, associations SageMakerTrainingJob: SDK v2 asks for the former, and shows the latter."""
    if kind is COMPONENT:
        return entity.get("Source", {}).get("SourceType", "").removeprefix("SageMaker")
    return entity[f"{kind.stem}Type"]


def _vertex(arn: str, found: tuple[Kind, Document]) -> Document:
    type_name = _type(*found)
    return {"Arn": arn, "LineageType": found[0].stem} | ({"Type": type_name[:40]} if type_name else {})


def _passes(found: tuple[Kind, Document], filters: Document) -> bool:
    kind, entity = found
    created: float = entity["CreationTime"]
    modified: float = entity.get("LastModifiedTime", created)
    properties = entity.get("Properties", {}).items()
    return (
        (not filters.get("Types") or _type(kind, entity) in filters["Types"])
        and (not filters.get("LineageTypes") or kind.stem in filters["LineageTypes"])
        and filters.get("CreatedAfter", created - 1) < created < filters.get("CreatedBefore", created + 1)
        and filters.get("ModifiedAfter", modified - 1) < modified < filters.get("ModifiedBefore", modified + 1)
        and (not filters.get("Properties") or bool(filters["Properties"].items() & properties))
    )
