"""What a job of a billion rows takes and costs on 1, 4 and 16 hosts: `python -m benchmarks.cost_plan`.

Short jobs on this machine measure what rows, updates, exchanges, start and end take. `benchmarks.job_plan` computes from these what
larger jobs take on more hosts. The same arithmetic predicts jobs of one, two and three hosts here, which are then run: processes
that share the processors, whose exchanges the kernel counts.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import job_plan, job_runs
from benchmarks.job_plan import Data, Host, Link, Work
from benchmarks.job_runs import FILE_ROWS, HERE, PROCESSORS, Job, Ran, Workplace
from benchmarks.report import Report, load

PRICED = "2026-11-30"
INSTANCES = {
    "ml.m5.xlarge": (4, 1.25, 0.23),
    "ml.c5.xlarge": (4, 1.25, 0.204),
    "ml.m5.4xlarge": (16, 5.0, 0.922),
    "ml.c5.4xlarge": (16, 5.0, 0.816),
    "ml.c5.9xlarge": (36, 12.0, 1.836),
}
"""vCPUs, Gbit/s that last, and dollars an hour of training on demand in us-east-1: from public lists, on the day `PRICED`."""

VCPU = 0.6
"""Of a processor here: two vCPUs are the two threads of a core. Assumed."""

NETWORK_US = 100.0
NCCL = Link(2e-5, 10e9)
"""What GPUs would exchange by over a network of 100 Gbit/s. Assumed: the containers use gloo, and nothing here measures NCCL."""

CHECK_COLUMNS = (
    "job", "hosts", "seconds, predicted", "measured", "off by", "of the processors, predicted", "measured", "off by",
    "bytes to a host, predicted", "counted", "off by", "in exchanges, s",
)  # fmt: skip
CHECK_NOTES = """Jobs of {rows:,} × {columns} rows in RecordIO files that the system holds in memory, medians of {rounds}
rounds in turn. Each host is a process with one thread, with a processor of its own where there are enough. Three hosts share the
{processors} processors of this machine, so that they compute {three:.2f} times as long. Predicted from shorter jobs: of {tiny:,}
and {short:,} rows of one host, with one thread and with two, and of {met:,} rows of two hosts. Bytes are what the kernel has
counted on the connections between hosts, the mean of all hosts. Seconds in exchanges are those of the host that spent the least,
since others wait for the slowest. Seconds of the processors are those of all hosts, which other programs disturb less than the
clock; predicted without those of exchanges. An exchange between two processes takes {step_us:.0f} µs a step, and then {rate:.0f}
MB/s (lower quartiles). {load}"""
PLAN_COLUMNS = ("job", "hosts", "time", "cost, $", "in exchanges", "by NCCL", "bytes that a host sends", "waits for")
PLAN_NOTES = """{rows:,.0f} rows of {columns} float32 columns ({gigabytes:,.0f} GB of RecordIO) on {instance}: {vcpus} vCPUs,
{gbit:g} Gbit/s, {usd} $ an hour. Each pass reads the rows anew from S3 (Pipe mode). "Waits for": what limits a host, its processors
or the network. Assumed, not measured: a vCPU does {vcpu:g} of the work of a processor here (two vCPUs are threads of a core); S3
fills the network's lasting rate; a network adds {network_us:.0f} µs to a step. Measured here: {works}. An exchange by gloo takes
{step_us:.0f} µs a step, and then {rate:.0f} MB/s. "By NCCL": seconds of the exchanges at {nccl_us:.0f} µs a step and
{nccl_rate:.0f} GB/s, which are assumed: the containers use gloo.
Prices were entered by hand on {priced} from public lists, not read from AWS: check them, and give others by --usd-per-hour. Dollars
an hour: {prices}. {load}"""


@dataclass(frozen=True)
class Measured:
    """What was found here: an algorithm's work, and its jobs on one, two and three hosts."""

    job: Job
    work: Work
    runs: dict[int, Ran]


@dataclass(frozen=True)
class Offer:
    """Machines that are rented: what they are, and dollars an hour."""

    instance: str
    host: Host
    usd: float


def check_row(job: Job, place: Workplace, work: Work, link: Link, hosts: int, ran: Ran) -> tuple[str, ...]:
    """A job that was run beside its prediction."""
    data = place.data(job, place.most_files)
    processor_s = work.processor_s(data.rows, data.updates, hosts)
    sharing = work.sharing(min(1.0, PROCESSORS / hosts))
    told = job_plan.plan(sharing, job.exchanges(data, hosts), data, hosts, Host(1, HERE), link)
    return (
        job.title,
        str(hosts),
        f"{told.seconds:.2f}",
        f"{ran.seconds:.2f}",
        f"{told.seconds / ran.seconds - 1:+.0%}",
        f"{processor_s:.2f}",
        f"{ran.processor_s:.2f}",
        f"{processor_s / ran.processor_s - 1:+.0%}",
        f"{told.sent_bytes:,.0f}",
        f"{ran.bytes:,.0f}",
        f"{told.sent_bytes / ran.bytes - 1:+.1%}" if ran.bytes else "",
        f"{ran.exchange_s:.2f}",
    )


def plan_row(job: Job, work: Work, data: Data, hosts: int, offer: Offer, gloo: Link) -> tuple[str, ...]:
    """A job of the table of costs."""
    data = replace(data, update_rows=job.update_rows)
    exchanges = job.exchanges(data, hosts)
    told = job_plan.plan(work, exchanges, data, hosts, offer.host, gloo)
    by_nccl_s = sum(exchange.seconds(hosts, NCCL) for exchange in exchanges)
    return (
        job.title,
        str(hosts),
        shown(told.seconds),
        f"{told.usd(hosts, offer.usd):.2f}",
        shown(told.exchange_s),
        shown(by_nccl_s),
        f"{told.sent_bytes / 1e6:,.1f} MB",
        told.waits_for,
    )


def shown(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.1f} s" if seconds < 100 else str(timedelta(seconds=round(seconds)))


def described(job: Job, work: Work) -> str:
    """What an algorithm was measured to take, in a few words."""
    row = f"{1e6 * work.serial_row_s:.2f} + {1e6 * work.parallel_row_s:.2f} / processors µs a row"
    update = f", {1e6 * work.update_s:.0f} µs an update" if work.update_s else ""
    return f"{job.algorithm} {row}{update}, {work.fixed_s:.1f} s for start and end, {work.join_s:.1f} s to meet"


def measure(place: Workplace, gloo: Link, rounds: int, columns: int) -> list[Measured]:
    """Run the jobs of all algorithms."""
    found = []
    for job in job_runs.jobs(columns):
        short, runs = job_runs.measured(job, place, rounds, (1, 2, 3))
        found.append(Measured(job, short.work(job, place, gloo), runs))
    return found


def check_report(found: Sequence[Measured], place: Workplace, gloo: Link, columns: int, rounds: int) -> Report:
    """The jobs that were run beside their predictions."""
    rows = [
        check_row(each.job, place, each.work, gloo, hosts, ran) for each in found for hosts, ran in each.runs.items()
    ]
    notes = CHECK_NOTES.format(
        load=load(),
        rows=place.most_files * FILE_ROWS, columns=columns, rounds=rounds, processors=PROCESSORS, three=max(1, 3 / PROCESSORS),
        tiny=FILE_ROWS, short=place.short_files * FILE_ROWS, met=2 * FILE_ROWS,
        step_us=1e6 * gloo.step_s, rate=gloo.bytes_per_s / 1e6,
    )  # fmt: skip
    title = "Jobs of one, two and three hosts, predicted and run"
    return Report("cost_plan_check", title, command(), CHECK_COLUMNS, rows, notes, ("torch", "numpy"))


def plan_report(
    found: Sequence[Measured], gloo: Link, offer: Offer, data: Data, hosts: Sequence[int], columns: int
) -> Report:
    """Time and cost of the larger job. The learner that exchanges after each mini-batch has a second line with larger ones."""
    last = found[-1]
    planned = [*found, Measured(last.job.with_updates(10_000), last.work, {})]
    rows = [plan_row(each.job, each.work, data, count, offer, gloo) for each in planned for count in hosts]
    vcpus, gbit, _ = INSTANCES[offer.instance]
    notes = PLAN_NOTES.format(
        load=load(),
        rows=data.rows, columns=columns, gigabytes=data.rows * data.row_bytes / 1e9, instance=offer.instance, vcpus=vcpus,
        gbit=gbit, usd=offer.usd, vcpu=offer.host.processors / vcpus, network_us=1e6 * offer.host.network.step_s,
        works="; ".join(described(each.job, each.work) for each in found), step_us=1e6 * gloo.step_s, rate=gloo.bytes_per_s / 1e6,
        nccl_us=1e6 * NCCL.step_s, nccl_rate=NCCL.bytes_per_s / 1e9, priced=PRICED,
        prices=", ".join(f"{name} {each[2]}" for name, each in INSTANCES.items()),
    )  # fmt: skip
    title = f"{data.rows:,.0f} rows of {columns} columns: time and cost"
    return Report("cost_plan", title, command(), PLAN_COLUMNS, rows, notes, ("torch", "numpy"))


def command() -> str:
    """What repeats the report."""
    return " ".join(["python -m benchmarks.cost_plan", *sys.argv[1:]])


def main(
    rows: Annotated[float, typer.Option(help="Rows of the job that is planned.")] = 1e9,
    columns: Annotated[int, typer.Option(help="Its columns, and those of the jobs that are run here.")] = 100,
    hosts: Annotated[list[int], typer.Option(help="Numbers of hosts.")] = [1, 4, 16],  # noqa: B006
    instance: Annotated[str, typer.Option(help=f"One of {', '.join(INSTANCES)}.")] = "ml.c5.4xlarge",
    usd_per_hour: Annotated[float | None, typer.Option(help="Its price; otherwise that of the table.")] = None,
    vcpu: Annotated[float, typer.Option(help="What a vCPU does of the work of a processor here.")] = VCPU,
    network_us: Annotated[float, typer.Option(help="What a network adds to a step, in µs.")] = NETWORK_US,
    files: Annotated[
        int, typer.Option(help=f"How many files of {FILE_ROWS:,} rows the largest of them read.", min=6)
    ] = 48,
    rounds: Annotated[int, typer.Option(help="How often each job runs here.")] = 3,
    write: Annotated[bool, typer.Option(help="Write the reports to benchmarks/results.")] = True,
) -> None:
    """Measure, check the predictions, and show the plan. This takes about five minutes."""
    gloo = job_runs.link()
    vcpus, gbit, usd = INSTANCES[instance]
    network = Link(network_us / 1e6, gbit * 1e9 / 8)
    offer = Offer(instance, Host(vcpus * vcpu, network, network.bytes_per_s), usd_per_hour or usd)
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder), columns, files)
        found = measure(place, gloo, rounds, columns)
    check = check_report(found, place, gloo, columns, rounds)
    for report in check, plan_report(found, gloo, offer, Data(rows, place.row_bytes), hosts, columns):
        report.show()
        print(report.notes)
        if write:
            print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
