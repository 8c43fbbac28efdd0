"""The images of a channel as an `ImageStream` [contract: image-classification, Channels and content types].

application/x-recordio                        .rec files, in any input mode
application/x-image, image/jpeg, …             files, named by the .lst of the channel <name>_lst
RecordWrapperType RecordIO, in Pipe mode      an augmented manifest: image, label, image, label, …
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.images import ImageAlgorithm
from wildsage.containers.codecs.images import encoded, image_list, image_recordio
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input.declared_channels import LIST_SUFFIX
from wildsage.containers.input.image_stream import ImageStream
from wildsage.containers.input.sources import FileSources, PipeSources, Source, Sources

RECORDIO = "application/x-recordio"
ReadRecords = Callable[[], Iterator[ImageRecord]]


def open_channel(
    name: str,
    algorithm: Algorithm,
    media_type: MediaType,
    job: TrainingJob,
    opt_ml: OptML,
    log: JobLog,
    seed: int,
) -> ImageStream:
    """Return a stream of the channel's images; the training channel is shuffled. Raises UserError where files are missing."""
    config = job.channels[name]
    records = _records(name, media_type, config, job, opt_ml, log)
    if "label-format" in media_type.parameters:
        log.line(f"label-format is {media_type.parameters['label-format']}")
    rank = job.hosts.index(job.current_host)
    share = (rank, len(job.hosts)) if config.distribution == "FullyReplicated" else (0, 1)
    preparation = cast(ImageAlgorithm, algorithm).preparation(name, media_type.parameters)
    return ImageStream(name, records, preparation, seed if name == "train" else None, share, log.line)


def _records(
    name: str, media_type: MediaType, config: ChannelConfig, job: TrainingJob, opt_ml: OptML, log: JobLog
) -> ReadRecords:
    if config.input_mode == "Pipe":
        pipes = PipeSources(opt_ml, name)
        decode = image_recordio.decode_pairs if config.record_wrapper == "RecordIO" else image_recordio.decode
        return lambda: _read(name, pipes, decode)
    if media_type.name in encoded.TYPES:
        return _listed_images(name, job, opt_ml, log)
    files = _rec_files(name, opt_ml, log)
    return lambda: _read(name, files, image_recordio.decode)


def _read(name: str, sources: Sources, decode: Callable[..., Iterator[ImageRecord]]) -> Iterator[ImageRecord]:
    for source in sources.next_pass():
        try:
            yield from decode(source.chunks(), source.path.name)
        except BadRecord as bad:
            raise UserError(f"Channel {name}, {source.path.name}, row {bad.row}: {bad.problem}") from None


def _rec_files(name: str, opt_ml: OptML, log: JobLog) -> Sources:
    """Return the .rec files of the channel. Other files may lie beside them, and the share of a host may be empty."""
    folder = opt_ml.channel(name)
    log.line(f"Searching for .rec files in {folder}.")
    sources = RecSources(folder)
    first = next(FileSources(folder).next_pass(), None)
    if first and not any(sources.next_pass()):
        raise UserError(
            f"Channel {name}: found no .rec file, expected at least one for content type {RECORDIO}. Its first file, "
            f"{first.path.name}, is {other_formats.described(next(first.chunks(), b''))}."
        )
    return sources


class RecSources(FileSources):
    """The .rec files of a folder, sorted by name."""

    def next_pass(self) -> Iterator[Source]:
        return (source for source in super().next_pass() if source.path.suffix == ".rec")


def _listed_images(name: str, job: TrainingJob, opt_ml: OptML, log: JobLog) -> ReadRecords:
    """Return the images in the order of the channel's list. Each file is read when its turn comes."""
    lists = name + LIST_SUFFIX
    if lists not in job.channels:
        raise UserError(f"Channel {name}: images as files need a channel {lists} with a .lst file.")
    folder = opt_ml.channel(lists)
    log.line(f"Searching for .lst files in {folder}.")
    found = sorted(folder.rglob("*.lst"))
    if len(found) != 1:
        raise UserError(f"Channel {lists}: got {len(found)} .lst files, expected one.")
    try:
        entries = image_list.decode(found[0].read_bytes())
    except BadRecord as bad:
        raise UserError(f"Channel {lists}, {found[0].name}, row {bad.row}: {bad.problem}") from None
    root = opt_ml.channel(name)
    for entry in entries:
        _check_path(lists, root, entry)
    return lambda: (ImageRecord((root / entry.path).read_bytes(), entry.labels, entry.path) for entry in entries)


def _check_path(channel: str, root: Path, entry: image_list.Entry) -> None:
    path = (root / entry.path).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        raise UserError(f"Channel {channel}: the list names {entry.path}, which is not a file of the image channel.")
