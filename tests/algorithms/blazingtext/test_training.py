"""Which jobs begin at all, and what their logs begin with."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import Job, JobChannel
from wildsage.algorithms.blazingtext import training
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.log import BlazingTextLog
from wildsage.containers.programs import RecordCodec

SMALL = {
    "epochs": "1",
    "vector_dim": "2",
    "min_count": "1",
    "buckets": "10",
    "negative_samples": "1",
    "evaluation": "false",
}
TEXT = b"__label__a cow hay\n__label__b ship sail\n" * 3


class Joined:
    """The other hosts, which have learned the same."""

    def __init__(self, hosts: int) -> None:
        self.hosts, self.left = hosts, 0

    def sum(self, array: np.ndarray) -> np.ndarray:
        return array * np.float32(self.hosts)

    def leave(self) -> None:
        self.left += 1


@pytest.fixture
def begin(tmp_path):
    """`begin({"mode": "cbow"}, train=TEXT)` runs a job of these channels; returns the lines of its log, and the hosts."""

    def run(
        given: dict[str, str],
        hosts: int = 1,
        host: str = "algo-1",
        input_mode: str = "File",
        distribution: str = "FullyReplicated",
        content_type: str | None = None,
        **contents: bytes | None,
    ) -> tuple[list[str], Joined]:
        channels = {}
        for name, content in contents.items():
            (folder := tmp_path / name).mkdir(exist_ok=True)
            if content is not None:
                (folder / "text").write_bytes(content)
            channels[name] = JobChannel(content_type, input_mode, distribution, {}, folder, lambda c=content: iter([c]))
        said: list[str] = []
        joined = Joined(hosts)
        names = tuple(f"algo-{number + 1}" for number in range(hosts))
        job = Job(
            "", SMALL | given, channels, host, names, lambda: ("", 0), tmp_path / "model", tmp_path, None, lambda: False, said.append,
            RecordCodec(), lambda: joined,
        )  # fmt: skip
        training.train(job)
        return said, joined

    return run


SUPERVISED, CBOW, BATCH = ({"mode": mode} for mode in ("supervised", "cbow", "batch_skipgram"))


def texts(lines: list[str]) -> list[str]:
    """The lines without time and process."""
    return [re.sub(r"^\[\S+ \S+ (\w+) \d+\] ", r"\1 ", line) for line in lines]


@pytest.mark.parametrize("given", [SUPERVISED, CBOW, BATCH], ids=str)
def test_a_log_begins_with_the_mode_and_the_files(begin, tmp_path, given):
    said, joined = begin(given, train=TEXT)
    lines = texts(said)
    assert lines[0] == "Arguments: train"
    assert re.fullmatch(r"INFO nvidia-smi took: \d\S* secs to identify 0 gpus", lines[1])
    assert 0 <= float(lines[1].split()[3]) < 60
    assert lines[2] == f"INFO Running single machine CPU BlazingText training using {given['mode']} mode."
    assert f"INFO Processing {tmp_path}/train/text . File size: 0 MB" in lines[3:5]
    assert joined.left == 0


def test_what_has_no_effect_is_a_warning(begin):
    said, _ = begin(SUPERVISED | {"window_size": "3"}, train=TEXT)
    (warning,) = [line for line in texts(said) if line.startswith("WARNING")]
    assert warning == (
        "WARNING These hyperparameters have no effect in mode supervised: evaluation, negative_samples, window_size."
    )


def test_all_channels_of_text_are_named(begin, tmp_path):
    said, _ = begin(SUPERVISED, train=TEXT, validation=TEXT)
    named = [line for line in texts(said) if "Processing" in line]
    assert named == [f"INFO Processing {tmp_path}/{name}/text . File size: 0 MB" for name in ("train", "validation")]
    assert any(line.startswith("#validation_accuracy: ") for line in said)


@pytest.mark.parametrize(
    ("given", "options", "problem"),
    [
        (CBOW, {}, "Channel train is missing, got none."),
        (CBOW, {"evaluation": b"a b 1\nc d 2\n", "test": TEXT}, "Channel train is missing, got evaluation, test."),
        (CBOW, {"train": TEXT, "validation": TEXT}, "Channel validation is not known in mode cbow, expected train and evaluation."),
        (SUPERVISED, {"train": TEXT, "evaluation": b"a b 1\nc d 2\n"}, "Channel evaluation is not known in mode supervised, expected train and validation."),
        (CBOW, {"train": TEXT, "input_mode": "Stream"}, "Channel train: input mode Stream, expected File, FastFile, Pipe."),
        (SUPERVISED | {"early_stopping": "true"}, {"train": TEXT}, "Hyperparameter early_stopping: got true without a channel validation"),
        (CBOW, {"train": TEXT, "hosts": 2}, "Mode cbow runs on one host, got 2. Set InstanceCount to 1, or mode to batch_skipgram."),
        (BATCH, {"train": TEXT, "hosts": 2, "distribution": "ShardedByS3Key"}, "Channel train: S3DataDistributionType is ShardedByS3Key"),
        (CBOW, {"train": None}, "Channel train holds no file, expected text with one sentence in each line."),
        (CBOW, {"train": TEXT, "evaluation": b"a b\n"}, "Channel evaluation, text, line 1: got 'a b', expected"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_begin_says_why(begin, given, options, problem):
    with pytest.raises(UserError, match=re.escape(problem)):
        begin(given, **options)


def test_early_stopping_has_no_effect_on_word_vectors(begin, tmp_path):
    models = []
    for early_stopping in ("true", "false"):
        begin(CBOW | {"early_stopping": early_stopping}, train=TEXT)
        models.append((tmp_path / "model" / "vectors.bin").read_bytes())
    assert models[0] == models[1]


def test_one_host_may_have_the_rows_of_a_shard(begin, tmp_path):
    begin(CBOW, train=TEXT, distribution="ShardedByS3Key")
    assert (tmp_path / "model" / "vectors.bin").exists()


@pytest.mark.parametrize(("host", "leads"), [("algo-1", True), ("algo-2", False)])
def test_several_hosts_join_and_the_first_saves(begin, tmp_path, host, leads):
    said, joined = begin(BATCH, hosts=2, host=host, train=TEXT)
    assert texts(said)[2] == "INFO Running distributed CPU BlazingText training using batch_skipgram on 2 hosts."
    assert joined.left == 1
    assert (tmp_path / "model" / "vectors.bin").exists() is leads


def test_lists_of_pairs_have_the_names_of_their_files(begin, tmp_path):
    (tmp_path / "evaluation" / "more").mkdir(parents=True)
    for name in ("b", "more/a", ".hidden"):
        (tmp_path / "evaluation" / name).write_text("cow hay 1\nship sail 2\n")
    begin(CBOW | {"evaluation": "true"}, train=TEXT, evaluation=None)
    found = (tmp_path / "model" / "eval.json").read_text()
    assert '"a"' in found and '"b"' in found and "hidden" not in found


def test_a_pipe_has_one_list_and_no_files(tmp_path):
    pipe = JobChannel(None, "Pipe", "", {}, tmp_path, lambda: iter([b"cow hay 1\nsh", b"ip sail 2\n"]))
    assert training._pairs(pipe) == {"evaluation": [("cow", "hay", 1.0), ("ship", "sail", 2.0)]}
    said: list[str] = []
    training._log_files(BlazingTextLog(said.append), TextChannel("train", pipe, True, RecordCodec()))
    assert said == []


def test_the_seed_is_that_of_the_job(begin, tmp_path):
    matrices = []
    for seed in ("1", "1", "2"):
        begin(CBOW | {"_seed": seed}, train=TEXT)
        matrices.append(files.read(Path(tmp_path / "model" / "vectors.bin")).source.values_rd.copy())
    np.testing.assert_array_equal(matrices[0], matrices[1])
    assert (matrices[0] != matrices[2]).any()
