"""Images of a channel: from .rec files, from files that a list names, and from an augmented manifest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records import recordio
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input import image_channel

REC = "application/x-recordio"


class Preparation:
    """Nothing is decoded here: records are looked at before."""

    mode = "RGB"

    def labels(self, given):
        return given


class Images:
    """An algorithm on images, of which a channel asks for the preparation alone."""

    asked = None

    def preparation(self, channel, parameters):
        self.asked = channel, dict(parameters)
        return Preparation()


class Folder:
    """A job's folder on one of its hosts."""

    def __init__(self, root: Path) -> None:
        self.opt_ml = OptML(root)
        self.out = io.StringIO()
        self.algorithm = Images()

    def put(self, path: str, content: bytes) -> None:
        place = self.opt_ml.data / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def open(self, content_type: str, name: str = "train", host: str = "algo-1", hosts=("algo-1",), **config):
        names = {name: ChannelConfig(content_type, **config), f"{name}_lst": ChannelConfig()}
        channels = names if (self.opt_ml.data / f"{name}_lst").exists() else {name: names[name]}
        job = TrainingJob({}, channels, host, tuple(hosts))
        log = JobLog("algo-1", "test", self.out)
        return image_channel.open_channel(
            name, self.algorithm, MediaType.parse(content_type), job, self.opt_ml, log, seed=7
        )

    def records(self, *arguments, **config) -> list[tuple[bytes, tuple[float, ...], str]]:
        """What the channel reads, in the order of its files."""
        stream = self.open(*arguments, **config)
        return [(record.content, record.labels, record.place) for record in stream._records()]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def rec(*contents: bytes) -> bytes:
    return b"".join(image_recordio.encode(content, [float(n)], n) for n, content in enumerate(contents))


def test_rec_files_are_read_by_name_and_others_beside_them_are_not(folder):
    folder.put("train/b.rec", rec(b"3"))
    folder.put("train/a.rec", rec(b"1", b"2"))
    folder.put("train/a.idx", b"0\t0\n")
    expected = [(b"1", (0.0,), "a.rec, row 1"), (b"2", (1.0,), "a.rec, row 2"), (b"3", (0.0,), "b.rec, row 1")]
    stream = folder.open(REC)
    for _ in range(2):
        assert [(record.content, record.labels, record.place) for record in stream._records()] == expected
    assert f"Searching for .rec files in {folder.opt_ml.channel('train')}." in folder.out.getvalue()


def test_a_channel_of_other_files_is_rejected_with_what_the_first_is(folder):
    folder.put("train/a.zip", b"PK\x03\x04")
    folder.put("train/b", b"")
    with pytest.raises(UserError) as caught:
        folder.open(REC)
    assert str(caught.value) == (
        f"Channel train: found no .rec file, expected at least one for content type {REC}. "
        "Its first file, a.zip, is zip, xlsx or npz (it begins with 50 4b 03 04)."
    )


def test_the_share_of_a_host_may_be_empty_and_its_first_file_too(folder):
    assert folder.records(REC) == []
    folder.put("train/a", b"")
    with pytest.raises(UserError, match=r"Its first file, a, is empty\."):
        folder.open(REC)


def test_a_damaged_record_is_named_by_channel_file_and_row(folder):
    folder.put("train/a.rec", rec(b"1") + recordio.frame(b"short"))
    with pytest.raises(
        UserError, match=r"^Channel train, a\.rec, row 2: 5 bytes, expected a header of 24 and an image"
    ):
        folder.records(REC)


def test_images_as_files_come_in_the_order_of_the_list_with_its_labels(folder):
    for name in ("a.jpg", "b/c.png"):
        folder.put(f"train/{name}", name.encode())
    folder.put("train_lst/deep/list.lst", b"5\t1\tb/c.png\n7\t0\t2\ta.jpg\n")
    for content_type in ("application/x-image", "image/jpeg"):
        assert folder.records(content_type) == [(b"b/c.png", (1.0,), "b/c.png"), (b"a.jpg", (0.0, 2.0), "a.jpg")]
    assert f"Searching for .lst files in {folder.opt_ml.channel('train_lst')}." in folder.out.getvalue()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, r"Channel train: images as files need a channel train_lst with a \.lst file\.$"),
        ({"train_lst/note.txt": b""}, r"Channel train_lst: got 0 \.lst files, expected one\.$"),
        ({"train_lst/a.lst": b"", "train_lst/b.lst": b""}, r"Channel train_lst: got 2 \.lst files, expected one\.$"),
        ({"train_lst/a.lst": b"0\t1\ta.jpg\nx\n"}, r"Channel train_lst, a\.lst, row 2: got 'x', expected index"),
        ({"train_lst/a.lst": b"0\t1\tb.jpg\n"}, r"the list names b\.jpg, which is not a file of the image channel\.$"),
        ({"train_lst/a.lst": b"0\t1\tdir\n", "train/dir/x": b""}, r"the list names dir, which is not a file"),
        ({"train_lst/a.lst": b"0\t1\t../out.jpg\n", "out.jpg": b""}, r"names \.\./out\.jpg, which is not a file"),
        ({"train_lst/a.lst": b"0\t1\t/etc/passwd\n"}, r"names /etc/passwd, which is not a file of the image channel"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(folder, files, problem):
    folder.put("train/a.jpg", b"")
    for path, content in files.items():
        folder.put(path, content)
    with pytest.raises(UserError, match=f"^{problem}" if problem.startswith("Channel") else problem):
        folder.open("image/jpeg")


def test_a_pipe_brings_records_or_the_pairs_of_a_manifest(folder):
    folder.put("train_0", rec(b"1", b"2"))  # a file in place of the FIFO is read in the same way
    assert [place for _, _, place in folder.records(REC, input_mode="Pipe")] == ["train_0, row 1", "train_0, row 2"]
    folder.put("train_0", recordio.frame(b"image") + recordio.frame(b"[1, 0]"))
    pairs = folder.records("image/jpeg", input_mode="Pipe", record_wrapper="RecordIO")
    assert pairs == [(b"image", (1.0, 0.0), "train_0, row 1")]


@pytest.mark.parametrize(
    ("host", "distribution", "numbers"),
    [
        ("algo-1", "FullyReplicated", [0, 2]),
        ("algo-2", "FullyReplicated", [1, 3]),
        ("algo-1", "ShardedByS3Key", [0, 1, 2, 3]),
        ("algo-2", "ShardedByS3Key", [0, 1, 2, 3]),
    ],
)
def test_hosts_that_have_the_same_files_share_the_records(folder, host, distribution, numbers):
    folder.put("validation/a.rec", rec(b"0", b"1", b"2", b"3"))
    stream = folder.open(REC, "validation", host, ("algo-1", "algo-2"), distribution=distribution)
    assert [int(task.record.content) for task in stream._tasks(0)] == numbers


def test_only_the_training_channel_is_shuffled_and_by_the_seed(folder):
    contents = [b"%d" % number for number in range(50)]
    for name in ("train", "validation"):
        folder.put(f"{name}/a.rec", rec(*contents))
    train, validation = (
        [task.record.content for task in folder.open(REC, name)._tasks(0)] for name in ("train", "validation")
    )
    assert validation == contents and train != contents and sorted(train) == sorted(contents)
    assert [task.seed for task in folder.open(REC, "train")._tasks(3)][-1] == (7, 3, 49)


def test_the_algorithm_learns_the_channel_and_the_parameters_of_its_type(folder):
    folder.put("train/a.rec", rec(b"1"))
    folder.open(f"{REC};label-format=class-id")
    assert folder.algorithm.asked == ("train", {"label-format": "class-id"})
    assert "label-format is class-id\n" in folder.out.getvalue()
    folder.out.truncate(0)
    folder.open(REC)
    assert "label-format" not in folder.out.getvalue()
