"""The pages of S3 and endpoints in a real browser: an upload, a prediction, and pages that axe-core finds nothing wrong with."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.local_runner.console.browser import NARROW, WIDE
from wildsage.containers.codecs.images import image_recordio

REGION = "us-east-1"
PAGES = ("buckets", "bucket", "object-table", "object-members", "object-pictures", "endpoints", "endpoint")


def record(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 40 * number, np.uint8)).save(file, "PNG")
    return image_recordio.encode(file.getvalue(), [number], number)


@pytest.fixture(scope="module")
def places(aws, channel) -> Mapping[str, str]:
    """A server with objects of several kinds and an endpoint that echoes: the path of each page by the name of its picture."""
    uri = aws.upload("in-browser", **{"rows.csv": b"1.5,2\n3,4\n", "train.rec": b"".join(map(record, range(6)))})
    data = channel(f"{uri}/rows.csv", ContentType="text/csv;label_size=0")
    artifact = aws.finished(aws.train(data))["ModelArtifacts"]["S3ModelArtifacts"]
    name = aws.name("model")
    container = {"Image": IMAGE, "ModelDataUrl": artifact, "Environment": {"ANSWER": "echo"}}
    aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    endpoint = aws.deploy(aws.config(name))
    key = artifact.removeprefix("s3://bucket/")
    return {
        "buckets": "/s3/",
        "bucket": "/s3/buckets/bucket?prefix=in-browser/",
        "object-table": "/s3/buckets/bucket/object?key=in-browser/rows.csv",
        "object-members": f"/s3/buckets/bucket/object?key={key}",
        "object-pictures": "/s3/buckets/bucket/object?key=in-browser/train.rec",
        "endpoints": "/endpoints/",
        "endpoint": f"/endpoints/{REGION}/{endpoint}",
    }


IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"


@pytest.fixture
def quiet(browser) -> Iterator[None]:
    """Nothing that a page does is forbidden by its own policy, and no script fails."""
    browser.complaints()
    yield
    assert browser.complaints() == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_light_and_wide_and_dark_and_narrow(browser, places, quiet, name):
    for variant, size, scheme in (("wide", WIDE, "light"), ("narrow-dark", NARROW, "dark")):
        browser.visit(places[name], size, scheme)
        assert browser.width_needed() <= size[0], f"{name} is wider than the screen"
        browser.screenshot(f"{name}-{variant}")
        assert browser.accessibility_problems() == []


def test_a_long_table_is_scrolled_with_the_keyboard(browser, aws):
    aws.s3.put_object(Bucket="bucket", Key="in-browser/long.csv", Body=b"1,2\n" * 90)
    browser.visit("/s3/buckets/bucket/object?key=in-browser/long.csv")
    table = browser.element(".scroll.tall")
    assert table.get_attribute("tabindex") == "0"
    browser.driver.execute_script("arguments[0].focus()", table)
    browser.driver.switch_to.active_element.send_keys(Keys.END)
    browser.until(lambda: browser.driver.execute_script("return arguments[0].scrollTop", table) > 0)


def test_files_are_uploaded_and_deleted(browser, aws, places, quiet, tmp_path):
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("7,8\n")
    browser.visit("/s3/buckets/bucket?prefix=uploads/")
    browser.element("#files").send_keys(f"{tmp_path / 'one.csv'}\n{tmp_path / 'two.csv'}")
    browser.click("form[enctype] button")
    browser.until(lambda: "Stored one.csv, two.csv." in browser.text())
    assert aws.s3.get_object(Bucket="bucket", Key="uploads/two.csv")["Body"].read() == b"7,8\n"
    browser.driver.find_element(By.LINK_TEXT, "one.csv").click()
    browser.until(lambda: browser.text("h1") == "one.csv")
    assert "7\t8" in browser.text("table.data")
    browser.element("button.danger").click()
    browser.driver.switch_to.alert.accept()
    browser.until(lambda: "Deleted uploads/one.csv." in browser.text())
    assert "one.csv" not in browser.text("table")


def test_a_prediction_is_made_in_the_form(browser, places, quiet):
    browser.visit(places["endpoint"])
    assert browser.element("#text").get_attribute("value") == "1.5,2"
    browser.element("#accept").send_keys("text/csv")
    browser.driver.find_element(By.XPATH, "//button[text()='Send']").click()
    browser.until(lambda: "text/csv" in browser.text("#answer + [role=status]"))
    assert "1.5\t2" in browser.text("table.data")
    browser.until(lambda: "invocation of" in browser.text(".log"))
    browser.element("#log-filter").send_keys("no line has this")
    browser.until(lambda: browser.text(".log") == "")
    browser.screenshot("endpoint-answer")
    assert browser.accessibility_problems() == []
