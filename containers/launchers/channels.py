"""A host's share of a channel: files of a folder that all hosts see, or objects of S3, as links, downloads or pipes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers import s3
from wildsage.containers.launchers.s3 import S3Object
from wildsage.containers.training import watch

SHARDED = "ShardedByS3Key"
IMPOSSIBLE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class Item:
    """A file or an object, and its name below the channel."""

    name: str
    content: Path | S3Object

    def put(self, place: Path) -> None:
        """Make it a file at `place`: a link to a file of this machine, or a copy of an object.

        Raises UserError for a name that no file can have there: keys of S3 may be long, or go on behind another one.
        """
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(self.content, Path):
                place.symlink_to(self.content.resolve())
            elif place.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            else:
                self.content.download(place)
        except OSError as error:
            if error.errno not in IMPOSSIBLE:
                raise
            raise UserError(f"{self.content.name} cannot become the file {self.name}: {error.strerror}.") from None


def items(channel: str, place: str) -> list[Item]:
    """All files of a channel, sorted by name, without hidden ones. Raises UserError for a place that holds none."""
    if s3.is_address(place):
        found = _objects(place)
    else:
        path = Path(place)
        if path.is_file():
            return [Item(path.name.lstrip("."), path)]
        if not path.is_dir():
            raise UserError(f"Channel {channel}: {place} does not exist.")
        found = [Item(file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()]
    found = [item for item in found if not PurePosixPath(item.name).name.startswith(".")]
    if not found:
        raise UserError(f"Channel {channel}: {place} holds no file.")
    return sorted(found, key=lambda item: item.name)


def share(channel: str, found: Sequence[Item], rank: int, size: int) -> list[Item]:
    """Every `size`-th item, beginning with number `rank`, as SageMaker shards objects. Raises UserError if a host gets none."""
    if len(found) < size:
        raise UserError(
            f"Channel {channel}: {len(found)} file(s) for {size} hosts, each of which takes its share of them; expected at least "
            f"{size} files. Split them, or let every host read the channel whole: --whole {channel}."
        )
    return list(found[rank::size])


@contextmanager
def provided(folder: OptML, channel: str, found: Sequence[Item], config: ChannelConfig) -> Iterator[None]:
    """Provide a channel in a job's folder: as files, or as pipes that are fed while the block runs.

    Raises UserError after the block if a pipe could not be fed with all data; the other hosts are told at once.
    """
    if config.input_mode != "Pipe":
        for item in found:
            item.put(folder.channel(channel) / item.name)
        yield
        return
    from wildsage.containers.launchers.pipes import Pipe

    contents = [item.content for item in found]
    pipe = Pipe(folder, channel, contents, config, shuffle_seed=None, report=watch.tell_others)
    try:
        yield
    finally:
        pipe.close()
    if pipe.problem:
        raise UserError(pipe.problem)


def _objects(address: str) -> list[Item]:
    """The objects whose keys begin with an address, as SageMaker's S3Prefix has it."""
    _, prefix = s3.split(address)
    folder = prefix.rpartition("/")[0]
    found = [Item(stored.key.removeprefix(folder).lstrip("/"), stored) for stored in s3.objects(s3.client(), address)]
    for item in found:
        if ".." in PurePosixPath(item.name).parts:
            raise UserError(f"{address}: the key {item.name!r} has a part '..', which cannot be the name of a file.")
    return found
