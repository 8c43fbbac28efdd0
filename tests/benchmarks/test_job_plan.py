"""The arithmetic of plans: its bytes are those that hosts exchange, and what it learns from short jobs is what they took."""

import pytest

from benchmarks import job_plan, job_runs
from benchmarks.job_plan import Data, Exchange, Host, Link, Work
from benchmarks.job_runs import HERE, Calibration, Job, Ran, Workplace

COLUMNS = 20
LINK = Link(1e-4, 1e9)


@pytest.fixture(scope="module")
def place(tmp_path_factory, containers_python) -> Workplace:
    host = containers_python.module("benchmarks.counted_host")
    return Workplace(tmp_path_factory.mktemp("rows"), COLUMNS, most_files=6, host=host)


@pytest.fixture(params=job_runs.jobs(COLUMNS), ids=lambda job: job.algorithm)
def job(request) -> Job:
    return request.param


@pytest.mark.slow
def test_bytes_are_those_that_two_hosts_exchange(place, job):
    ran = place.run(job, files=2, hosts=2)
    told = sum(exchange.sent_bytes(2) for exchange in job.exchanges(place.data(job, 2), 2))
    assert told == pytest.approx(ran.bytes, rel=0.04)


def test_one_host_exchanges_nothing(place, job):
    data = Data(1e9, 400, job.update_rows)
    told = job_plan.plan(Work(2, 1, 0, 1e-6), job.exchanges(data, 1), data, 1, Host(4, LINK), LINK)
    assert (told.exchange_s, told.sent_bytes) == (0, 0)
    assert told.seconds == pytest.approx(2 + 1e9 * 1e-6 / 4)


def test_more_hosts_learn_in_less_time_and_exchange_for_longer(job):
    data, work = Data(1e9, 400, job.update_rows), Work(2, 1, 1e-7, 1e-6)
    plans = [job_plan.plan(work, job.exchanges(data, n), data, n, Host(4, LINK), LINK) for n in (2, 4, 8, 16)]
    learning_s = [each.seconds - each.exchange_s for each in plans]
    exchange_s, sent_bytes = [each.exchange_s for each in plans], [each.sent_bytes for each in plans]
    assert learning_s == sorted(learning_s, reverse=True)
    assert exchange_s == sorted(exchange_s) and sent_bytes == sorted(sent_bytes)


def test_a_gather_passes_all_arrays_around_and_a_sum_twice_its_share():
    header = {kind: 2 * 3 * added for kind, added in job_plan.STEP_BYTES.items()}
    assert Exchange("gather", 1000).sent_bytes(4) == 3 * 1008 + header["gather"]
    assert Exchange("sum", 1000, 2).sent_bytes(4) == 2 * (1500 + header["sum"])
    assert Exchange("gather", 1000).seconds(4, Link(0.5, 1e9)) == pytest.approx(3, rel=1e-4)


def test_a_host_waits_for_rows_that_come_more_slowly_than_it_learns():
    data = Data(1e6, 1000)
    fast, slow = (Host(1, HERE, rate) for rate in (1e12, 1e8))
    work = Work(0, 0, 0, 1e-6, reads=3)
    assert job_plan.plan(work, [], data, 1, fast, LINK).waits_for == "processors"
    told = job_plan.plan(work, [], data, 1, slow, LINK)
    assert (told.waits_for, told.seconds) == ("network", pytest.approx(30))


def test_what_short_jobs_took_gives_back_what_work_takes(place, job):
    work = Work(1.5, 0.7, 2e-6, 5e-6, 3e-4 if job.update_rows else 0.0, job.reads)

    def ran(files: int, hosts: int = 1, threads: int = 1, of: Job = job) -> Ran:
        data = place.data(of, files)
        seconds = job_plan.plan(work, of.exchanges(data, hosts), data, hosts, Host(threads, HERE), LINK).seconds
        return Ran(seconds, seconds, 0, 0)

    short = Calibration(
        one_file=ran(1),
        many_files=ran(place.short_files),
        two_threads=ran(place.short_files, threads=2),
        two_hosts=ran(2, hosts=2),
        fewer_updates=ran(place.short_files, of=job.with_updates(5000)) if job.update_rows else None,
    )
    assert vars(short.work(job, place, LINK)) == pytest.approx(vars(work))


def test_hosts_that_share_processors_take_longer_for_all_but_waiting():
    data, work = Data(1e6, 400, 1000), Work(1, 0.5, 1e-6, 2e-6, 1e-3)
    alone, sharing = (job_plan.plan(work.sharing(share), [], data, 3, Host(1, HERE), LINK) for share in (1, 2 / 3))
    assert alone.seconds == pytest.approx(1 + 0.5 + 1 + 1)
    assert sharing.seconds == pytest.approx(1.5 * 3 + 0.5)


def test_processors_are_busy_with_all_but_waiting():
    data, work = Data(1e6, 400, 1000), Work(1, 0.5, 1e-6, 2e-6, 1e-3)
    assert work.processor_s(data.rows, data.updates, 3) == pytest.approx(3 * (1 + 1) + 3)


def test_a_host_costs_as_long_as_the_job_takes():
    assert job_plan.Plan(7200, 0, 0, "processors").usd(4, 0.5) == 4
