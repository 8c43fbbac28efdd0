"""The run of a job on one host: its passes, its log, its random numbers, and how it resumes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from wildsage.algorithms.base.batch import Batch
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.input.row_stream import ReadCounts
from wildsage.containers.training.checkpoint import Checkpoints
from wildsage.containers.training.cluster import Cluster
from wildsage.containers.training.stopping import StopSignal
from wildsage.containers.training.training_run import TrainingRun, counters


class Rows:
    """Three batches."""

    def __init__(self) -> None:
        self.counts = ReadCounts()

    def batches(self, rows: int, epoch: int = 0):
        self.counts.begin_pass()
        for _ in range(3):
            self.counts.add(rows)
            yield Batch(torch.zeros(rows, 1))
        self.counts.end_pass()


@dataclass
class State:
    """What an algorithm has learned."""

    values: list[float] = field(default_factory=lambda: [1.0, 2.0])

    def arrays(self) -> dict[str, torch.Tensor]:
        return {"values": torch.tensor(self.values)}


class Together(Cluster):
    """A cluster in which one other host adds this much to each sum."""

    added = 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor + self.added


@dataclass
class Running:
    """A run, what it reads and what it says."""

    run: TrainingRun
    rows: Rows
    stop: StopSignal
    out: io.StringIO

    @property
    def lines(self) -> list[str]:
        """The log's lines without their moments."""
        return [re.sub(r"^\[\S+ \S+ (\w+) \d+\]", r"\1", line) for line in self.out.getvalue().splitlines()]

    def read(self, epochs: int = 3) -> list[int]:
        """The number of batches of each pass."""
        return [sum(1 for _ in batches) for _, batches in self.run.passes(self.rows, 2, epochs)]


@pytest.fixture
def begin() -> Callable[..., Running]:
    def make(cluster: Cluster | None = None, seed: int = 5, **given: Any) -> Running:
        rows, stop, out = Rows(), StopSignal(), io.StringIO()
        log = JobLog("algo-1", "kmeans", out)
        run = TrainingRun(seed, torch.device("cpu"), log, rows, cluster or Cluster(), stop, **given)
        return Running(run, rows, stop, out)

    return make


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(tmp_path, "algo-1", {"k": "2"}, every_s=0)


@pytest.mark.parametrize(("hosts", "passes"), [(1, [3]), (2, [3, 1, 1])])
def test_several_hosts_make_the_same_passes(begin, hosts, passes):
    """The signal may come to one host after the pass on whose end all hosts agreed. Each pass that follows is one batch."""
    running = begin(Cluster(0, hosts))
    seen = []
    for _, batches in running.run.passes(running.rows, 2, 3):
        seen.append(sum(1 for _ in batches))
        running.stop.raised = True
    assert seen == passes


def test_a_pass_ends_with_the_batch_in_which_the_signal_came(begin):
    running = begin()
    seen = []
    for batch in running.run.batches(running.rows, 2, 3):
        seen.append(batch)
        if len(seen) == 4:
            assert not running.run.stopping
            running.stop.raised = True
            assert running.run.stopping
    assert len(seen) == 4
    assert "WARNING SIGTERM received: finishing with what has been learned so far." in running.lines


def test_the_log_of_a_pass_says_how_far_it_is_and_how_fast(begin):
    running = begin()
    assert running.read(2) == [3, 3]
    first, figures, speed = running.lines[:3]
    assert first == "INFO #progress_metric: host=algo-1, completed 50.0 % of epochs"
    assert running.lines[3] == "INFO #progress_metric: host=algo-1, completed 100.0 % of epochs"
    found = json.loads(figures.removeprefix("#metrics "))
    assert found["Dimensions"] == {
        **{"Algorithm": "kmeans", "Host": "algo-1", "Operation": "training"},
        **{"Meta": "training_data_iter", "epoch": 0},
    }
    assert found["Metrics"]["Total Records Seen"]["sum"] == 6.0
    assert found["EndTime"] >= found["StartTime"] >= running.run.begun_s
    assert (
        float(re.fullmatch(r"INFO #throughput_metric: host=algo-1, train throughput=(\S+) records/second", speed)[1])
        > 0
    )


def test_the_rate_of_a_pass_is_rows_by_seconds(begin, monkeypatch):
    running = begin()
    now_s = iter([100.0, *[104.0] * 9])
    monkeypatch.setattr("wildsage.containers.training.training_run.time.time", lambda: next(now_s))
    running.read(1)
    assert "INFO #throughput_metric: host=algo-1, train throughput=1.5 records/second" in running.lines


def test_a_pass_that_takes_no_time_has_a_rate(begin, monkeypatch):
    running = begin()
    monkeypatch.setattr("wildsage.containers.training.training_run.time.time", lambda: 100.0)
    assert running.read(1) == [3] and "train throughput=6000000000.0 " in running.lines[-1]


def test_lines_of_quality_and_figures_go_to_the_log(begin):
    running = begin()
    running.run.quality("test", "msd", "loss", 0.25)
    running.run.quality("train", "rmse", "loss", 0.5, epoch=1, batch=2)
    running.run.log("a line")
    running.run.measured({"update": 3.0}, epoch=4)
    *lines, figures = running.lines
    assert lines == [
        "INFO #quality_metric: host=algo-1, test msd <loss>=0.25",
        "INFO #quality_metric: host=algo-1, epoch=1, batch=2 train rmse <loss>=0.5",
        "INFO a line",
    ]
    found = json.loads(figures.removeprefix("#metrics "))
    assert found["Metrics"]["update"]["sum"] == 3.0 and found["Dimensions"]["epoch"] == 4


def test_counts_have_the_originals_names():
    counts = ReadCounts(passes=1, rows=2, batches=3, pass_rows=4, pass_batches=5, most_rows=6, most_batches=7)
    assert counters(counts) == {
        "Total Records Seen": 2.0,
        "Total Batches Seen": 3.0,
        "Max Records Seen Between Resets": 6.0,
        "Max Batches Seen Between Resets": 7.0,
        "Reset Count": 1.0,
        "Number of Records Since Last Reset": 4.0,
        "Number of Batches Since Last Reset": 5.0,
    }


def test_hosts_draw_numbers_of_their_own_and_share_others(begin):
    first, second = (begin(Cluster(rank, 2)).run for rank in (0, 1))
    own = [torch.rand(1, generator=torch.Generator().manual_seed(seed)) for seed in (5, 6)]
    assert [torch.rand(1, generator=run.rng) for run in (first, second)] == own
    assert [torch.rand(1, generator=run.shared_rng) for run in (first, second)] == [own[0]] * 2


def test_a_run_resumes_where_its_checkpoint_was_made(begin, checkpoints):
    interrupted = begin(checkpoints=checkpoints)
    assert interrupted.run.resumed() is None
    for number, _ in enumerate(interrupted.run.batches(interrupted.rows, 2, 3), start=1):
        torch.rand(1, generator=interrupted.run.rng)
        interrupted.run.checkpoint(State([float(number)]))
        if number == 4:
            break
    resumed = begin(checkpoints=checkpoints)
    assert resumed.run.resumed()["values"].tolist() == [4.0]
    assert resumed.lines == [f"INFO Resuming from {checkpoints.path}: 1 passes and 1 batches are done."]
    assert torch.equal(resumed.run.rng.get_state(), interrupted.run.rng.get_state())
    skipped = []
    batches = 0
    for _, rest in resumed.run.passes(resumed.rows, 2, 3):
        batches += sum(1 for _ in rest)
        skipped.append(resumed.run.rows_skipped)
    assert batches == 5 and skipped == [2, 0]


def test_a_checkpoint_at_the_end_of_a_pass_repeats_none_of_it(begin, checkpoints):
    running = begin(checkpoints=checkpoints)
    for _ in running.run.batches(running.rows, 2, 1):
        running.run.checkpoint(State())
    resumed = begin(checkpoints=checkpoints)
    resumed.run.resumed()
    assert resumed.read() == [0, 3, 3]


@pytest.mark.parametrize(("every_s", "saved"), [(0, True), (3600, False)])
def test_a_checkpoint_is_made_when_it_is_due(begin, checkpoints, every_s, saved):
    checkpoints.every_s = every_s
    begin(checkpoints=checkpoints).run.checkpoint(State())
    assert checkpoints.path.exists() is saved
    begin().run.checkpoint(State())


@pytest.mark.parametrize(
    ("every_s", "others", "saved"), [(0, 0, True), (3600, 1, True), (3600, 0, False), (0, 1, True)]
)
def test_hosts_in_step_save_all_or_none(begin, checkpoints, monkeypatch, every_s, others, saved):
    monkeypatch.setattr(Together, "added", others)
    checkpoints.every_s = every_s
    begin(Together(0, 2), checkpoints=checkpoints).run.checkpoint_together(State())
    assert checkpoints.path.exists() is saved
    begin(Together(0, 2)).run.checkpoint_together(State())


def test_a_later_job_goes_on_with_state_and_random_numbers(begin):
    earlier = begin()
    torch.rand(3, generator=earlier.run.rng)
    earlier.run.keep(State())
    later = begin(seed=9, earlier=earlier.run.kept)
    assert later.run.resumed().keys() == {"values"}
    assert torch.equal(later.run.rng.get_state(), earlier.run.rng.get_state())
    assert torch.equal(later.run.shared_rng.get_state(), begin().run.shared_rng.get_state())
    assert later.lines == ["INFO Resuming from the state in channel model."]


def test_a_state_without_random_numbers_begins_with_new_ones(begin):
    later = begin(earlier={"values": torch.ones(1)})
    before = later.run.rng.get_state()
    assert later.run.resumed()["values"].tolist() == [1.0] and torch.equal(later.run.rng.get_state(), before)


def test_a_checkpoint_comes_before_the_state_of_an_earlier_job(begin, checkpoints):
    checkpoints.save(State([7.0]).arrays(), (0, 1), torch.Generator().get_state())
    assert begin(checkpoints=checkpoints, earlier=State().arrays()).run.resumed()["values"].tolist() == [7.0]


def test_a_first_job_begins_from_nothing(begin, checkpoints):
    for given in ({}, {"checkpoints": checkpoints}):
        running = begin(**given)
        assert running.run.resumed() is None and running.lines == [] and running.run.kept is None


def test_the_cluster_sums_and_gathers(begin, monkeypatch):
    monkeypatch.setattr(Together, "added", 3)
    run = begin(Together(0, 1)).run
    assert run.sum(torch.tensor([1])).tolist() == [4]
    assert [one["a"].tolist() for one in run.gather({"a": torch.ones(1)})] == [[1.0]]


def test_a_network_is_shared_among_several_hosts_only(begin, monkeypatch):
    network = torch.nn.Linear(1, 1)
    assert begin().run.replicated(network) is network
    wrapped = []
    monkeypatch.setattr(
        DistributedDataParallel, "__init__", lambda self, *given, **options: wrapped.append((given, options))
    )
    begin(Cluster(0, 2)).run.replicated(network)
    assert wrapped == [((network,), {"forward_sync_buffers": False})]
