"""The console in a real browser: every page, light and wide, dark and narrow, judged by axe-core, and a job watched to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from selenium.webdriver.common.keys import Keys

from tests.local_runner.console.browser import NARROW, WIDE

REGION = "us-east-1"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


@pytest.fixture(scope="module")
def places(aws, channel) -> Mapping[str, str]:
    """A server with jobs of every state and an experiment: the path of each page by the name of its picture."""
    uri = aws.upload("browser", **{"rows.csv": b"1,2\n3,4\n"})
    done = aws.train(channel(uri), x="5", passes="4", k="2")
    other = aws.train(channel(uri), x="4", passes="4", k="3")
    failed = aws.train(channel(f"{uri}/nothing"), k="2")
    tuning = tune(aws)
    aws.sagemaker.create_experiment(ExperimentName="browser-experiment")
    for job in (done, other, failed):
        aws.finished(job)
    aws.until(lambda: aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning), has_ended)
    return {
        "overview": "/",
        "jobs": "/jobs/",
        "job": f"/jobs/{REGION}/training/{done}",
        "job-failed": f"/jobs/{REGION}/training/{failed}",
        "tuning": f"/jobs/{REGION}/tuning/{tuning}",
        "compare-choice": "/compare/",
        "compare": f"/compare/?job={REGION}/{done}&job={REGION}/{other}",
    }


def has_ended(tuning: dict) -> bool:
    return tuning["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped")


def tune(aws) -> str:
    """Start a tuning job of three training jobs and return its name."""
    name = aws.name("search")
    aws.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:msd"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "9"}]},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
            },
            "RoleArn": "arn:aws:iam::000000000000:role/WildsageRole",
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/tuned"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    return name


@pytest.fixture
def quiet(browser) -> Iterator[None]:
    """Nothing that a page does is forbidden by its own policy, and no script fails."""
    browser.complaints()
    yield
    assert browser.complaints() == []


PAGES = ("overview", "jobs", "job", "job-failed", "tuning", "compare-choice", "compare")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_light_and_wide_and_dark_and_narrow(browser, places, quiet, name):
    for variant, size, scheme in (("wide", WIDE, "light"), ("narrow-dark", NARROW, "dark")):
        browser.visit(places[name], size, scheme)
        if name in ("job", "tuning", "compare"):
            browser.element(".charts svg")
        browser.until(lambda: "Reading the artifact" not in browser.text())
        assert browser.width_needed() <= size[0], f"{name} is wider than the screen"
        browser.screenshot(f"{name}-{variant}")
        assert browser.accessibility_problems() == []


def test_a_job_is_watched_until_it_is_stopped(browser, aws, channel, quiet):
    data = channel(aws.upload("watched", **{"rows.csv": b"1,2\n"}))
    job = aws.train(data, x="5", passes="3000", pass_s="0.2", StoppingCondition={"MaxRuntimeInSeconds": 600})
    browser.visit(f"/jobs/{REGION}/training/{job}")
    browser.until(lambda: "Training" in browser.text(".tiles .status"))
    drawn = browser.until(lambda: browser.driver.execute_script(POINTS) or None)
    browser.until(lambda: browser.driver.execute_script(POINTS) > drawn)
    browser.until(lambda: "Processor and memory" in browser.text("[data-usage]"))
    browser.element("button.danger").click()
    browser.driver.switch_to.alert.accept()
    browser.until(lambda: browser.text(".tiles .status") == "Stopped")
    assert "Uploading" in browser.text(".steps") and "test msd" in browser.text(".log")
    browser.until(lambda: "stopped_algo-1" in browser.text("[data-live$='/artifact'] table"))
    browser.element("#log-filter").send_keys("<LOSS>=4.5")
    browser.until(lambda: browser.text(".log").count("test msd") == 1)


def test_a_chart_is_as_wide_as_its_column(browser, places):
    browser.visit(places["compare"])
    browser.element(".charts svg.main-svg")
    browser.driver.execute_script("document.querySelector('.charts').style.width = '300px'")
    browser.until(lambda: browser.driver.execute_script(WIDTH) == 300)


WIDTH = "return document.querySelector('.charts svg.main-svg').getBoundingClientRect().width"
POINTS = "return document.querySelectorAll('.charts .point').length"


def test_a_ticked_job_stays_ticked_while_the_list_is_renewed(browser, aws, places):
    browser.visit("/jobs/?kind=training")
    name = browser.element("input[name=job]").get_attribute("id")
    browser.click(f"[id='{name}']")
    added = aws.train(k="2")
    browser.until(lambda: added in browser.text())
    assert browser.element(f"[id='{name}']").is_selected()
    browser.click("#compare")
    browser.until(lambda: browser.text("h1") == "1 training job")


def test_a_scrolled_table_stays_where_it_is_while_the_list_is_renewed(browser, aws, places):
    browser.visit("/jobs/?kind=training", NARROW)
    browser.element(".scroll[tabindex='0']")
    browser.driver.execute_script("const box = document.querySelector('.scroll'); box.scrollLeft = 60; box.focus()")
    added = aws.train(k="2")
    browser.until(lambda: added in browser.text())
    assert browser.driver.execute_script("return document.activeElement.scrollLeft") == 60


def test_a_page_says_when_it_is_not_renewed(browser):
    browser.visit("/")
    limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    try:
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**limits, "offline": True})
        browser.until(lambda: "This page is not renewed at the moment" in browser.text())
    finally:
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**limits, "offline": False})
    browser.until(lambda: "not renewed" not in browser.text())
    browser.complaints()  # what it could not load


def test_the_keyboard_reaches_the_content_first(browser):
    browser.visit("/")
    browser.element("body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the content"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "main"


def test_a_browser_that_visits_the_address_of_the_server_sees_the_console(browser, aws):
    browser.driver.get(aws.endpoint)
    assert browser.text("h1") == "Overview"
    browser.element("button.copy").click()  # the clipboard wants a real click
    browser.until(lambda: browser.text("button.copy") == "Copied")
