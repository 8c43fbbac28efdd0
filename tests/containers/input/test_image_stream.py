"""The stream of decoded images: its order, its shares, its workers."""

import io
import multiprocessing

import numpy as np
import pytest
import torch
from PIL import Image

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.image_classification.hyperparameters import CROP
from wildsage.algorithms.image_classification.preparation import TrainingPreparation
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.input import image_stream
from wildsage.containers.input.image_stream import ImageStream, default_workers, shuffled

SHAPE = (3, 8, 8)


def record(number: int, label: float | None = None) -> ImageRecord:
    content = io.BytesIO()
    Image.fromarray(np.full((12, 12, 3), number, np.uint8)).save(content, "PNG")
    return ImageRecord(content.getvalue(), (float(number % 4) if label is None else label,), f"x.rec, row {number + 1}")


RECORDS = [record(number) for number in range(50)]


def stream(records=None, seed=0, share=(0, 1), workers=0, augmentation=CROP, log=lambda _: None) -> ImageStream:
    preparation = TrainingPreparation(SHAPE, None, augmentation, 4)
    return ImageStream("train", lambda: iter(records or RECORDS), preparation, seed, share, log, workers)


def numbers(batches) -> list[int]:
    return [int(image[0, 0, 0]) for batch in batches for image in batch.features]


def test_batches_are_images_with_channels_first_and_their_labels():
    first, *_, last = stream(seed=None, augmentation=None).batches(16)
    assert first.features.shape == (16, *SHAPE) and first.features.dtype == torch.uint8 and len(last) == 2
    assert first.features.is_contiguous(memory_format=torch.channels_last)
    assert numbers([first]) == list(range(16)) and first.labels_nl[:, 0].tolist() == [n % 4 for n in range(16)]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_does_not_matter(workers):
    alone, many = (list(stream(workers=count).batches(7, epoch=2)) for count in (0, workers))
    assert all(torch.equal(a.features, b.features) for a, b in zip(alone, many, strict=True))


def test_every_pass_has_an_order_of_its_own_that_can_be_had_again():
    first, second, again = (numbers(stream().batches(10, epoch)) for epoch in (0, 1, 0))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first == again != second and first != sorted(first)


def test_hosts_share_the_shuffled_records_in_turn():
    whole = numbers(stream().batches(10))
    one, two = (numbers(stream(share=(rank, 2)).batches(5)) for rank in (0, 1))
    assert one == whole[::2] and two == whole[1::2]


def test_a_shuffle_holds_no_more_than_it_may():
    rng = np.random.default_rng(0)
    records = [ImageRecord(bytes(100), (float(n),)) for n in range(1000)]
    taken = 0

    def counted():
        nonlocal taken
        for each in records:
            taken += 1
            yield each

    order, held = [], []
    for drawn in shuffled(counted(), rng, held_bytes=5_000):
        order.append(drawn.labels[0])
        held.append(taken - len(order))
    assert held == [50] * 950 + list(range(49, -1, -1))
    assert sorted(order) == list(range(1000)) and order != sorted(order)


@pytest.mark.parametrize(("seed", "share", "numbers"), [(7, (0, 1), [0, 1, 2]), (None, (0, 1), [0, 1, 2]), (7, (1, 2), [1])])  # fmt: skip
def test_what_is_random_depends_on_the_seed_the_pass_and_the_place_in_it(seed, share, numbers):
    tasks = stream(RECORDS[:3], seed=seed, share=share)._tasks(5)
    assert [task.seed for task in tasks] == [(seed or 0, 5, number) for number in numbers]


def test_a_pass_counts_its_images():
    images = stream(RECORDS[:5])
    for _ in range(2):
        assert [len(batch) for batch in images.batches(2)] == [2, 2, 1]
    assert (images.counts.rows, images.counts.pass_rows, images.counts.passes) == (10, 5, 2)


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (8, 8), (9, 8)])
def test_each_core_has_a_worker_up_to_a_bound(monkeypatch, cores, workers):
    monkeypatch.setattr("os.sched_getaffinity", {0: range(cores)}.__getitem__)  # 0: this process
    assert default_workers() == workers


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_record_is_named_by_channel_file_and_row(workers):
    records = [*RECORDS[:5], ImageRecord(b"no image", (0.0,), "x.rec, row 6"), *RECORDS[6:]]
    with pytest.raises(UserError, match=r"^Channel train, x.rec, row 6: the image is not a JPEG or PNG"):
        list(stream(records, seed=None, workers=workers).batches(4))
    with pytest.raises(UserError, match=r"^Channel train, x.rec, row 2: label 9, expected a class from 0 to 3"):
        list(stream([RECORDS[0], record(1, label=9.0)], seed=None, workers=workers).batches(4))


def test_a_pass_says_how_long_it_waited():
    lines = []
    list(stream(log=lines.append).batches(10))
    assert len(lines) == 1 and lines[0].startswith("Channel train: waited ") and lines[0].endswith(" s for images.")


def test_a_pass_may_be_left_early():
    batches = stream(workers=2).batches(4)
    next(batches)
    batches.close()


def test_training_on_no_images_is_rejected():
    nothing = stream(share=(50, 51))  # the last of more hosts than there are images
    with pytest.raises(UserError, match=r"^No training data processed\."):
        list(nothing.batches(4))


def test_a_shuffle_holds_64_megabytes_unless_said_otherwise():
    content, taken = bytes(1 << 20), []

    def records():
        for number in range(70):
            taken.append(number)
            yield ImageRecord(content, ())

    next(shuffled(records(), np.random.default_rng(0)))
    assert len(taken) == 65


def test_the_share_of_time_that_a_pass_waited_is_in_percent(monkeypatch):
    class Clock:
        """A second passes between two looks."""

        now_s = 0.0

        def perf_counter(self) -> float:
            self.now_s += 1
            return self.now_s

        time = perf_counter

    monkeypatch.setattr(image_stream, "time", Clock())
    lines = []
    images = stream(RECORDS[:6], log=lines.append)
    for _ in range(2):
        list(images.batches(2))  # it waits for three batches and the end: four seconds of nine
    assert lines == ["Channel train: waited 44.4 % of 9.0 s for images."] * 2


def test_a_pass_is_the_first_unless_said_otherwise():
    assert numbers(stream().batches(10)) == numbers(stream().batches(10, 0)) != numbers(stream().batches(10, 1))


def test_another_channel_may_have_no_images():
    preparation = TrainingPreparation(SHAPE, None, CROP, 4)
    assert list(ImageStream("test", lambda: iter(()), preparation, None, workers=0).batches(4)) == []


def test_a_lone_host_has_all_images():
    preparation = TrainingPreparation(SHAPE, None, None, 4)
    alone = ImageStream("train", lambda: iter(RECORDS[:5]), preparation, None, workers=0)
    assert numbers(alone.batches(2)) == [0, 1, 2, 3, 4]


def test_a_worker_that_watches_its_parent_ends_with_its_own_work():
    worker = multiprocessing.get_context("fork").Process(target=image_stream._end_with_parent, args=(0,))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
