"""The channels of a job against those that its algorithm declares, before any of them is opened and without the array engine."""

from __future__ import annotations

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.spec import Spec
from wildsage.containers.codecs.media_type import MediaType, UnsupportedMediaType
from wildsage.containers.contract.job import ChannelConfig, TrainingJob

MODEL_CHANNEL = "model"
"""Holds the artifact of an earlier job."""

LIST_SUFFIX = "_lst"
"""Ends the name of a channel that lists the images of another."""


def media_types(spec: Spec, job: TrainingJob) -> dict[str, MediaType]:
    """The content type of each channel of data, in the order of the job.

    Raises UserError for a missing or unknown channel, and UnsupportedMediaType for a content type that the algorithm does not read.
    """
    known = {channel.name for channel in spec.channels}
    missing = [channel.name for channel in spec.channels if channel.required and channel.name not in job.channels]
    unknown = sorted(set(job.channels) - known)
    if missing or unknown:
        got = ", ".join(job.channels) or "none"
        raise UserError(
            f"Channels: got {got}; {spec.image} expects {', '.join(sorted(known))}, of which train is required."
        )
    names = [name for name in job.channels if name != MODEL_CHANNEL and not name.endswith(LIST_SUFFIX)]
    return {name: _media_type(name, job.channels[name], spec) for name in names}


def _media_type(name: str, config: ChannelConfig, spec: Spec) -> MediaType:
    media_type = MediaType.parse(config.content_type or spec.content_types[0])
    if media_type.name not in spec.content_types:
        raise UnsupportedMediaType(
            f"Channel {name}: got content type {config.content_type!r}, expected {' or '.join(spec.content_types)}."
        )
    return media_type
