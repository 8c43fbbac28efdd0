from __future__ import annotations

import pytest
import urllib3
from gunicorn.config import Config

from wildsage.local_runner.processes import gunicorn_options
from wildsage.local_runner.s3.__main__ import Server


def test_no_server_opens_a_control_socket(tmp_path):
    if gunicorn_options.NO_CONTROL_SOCKET not in Config().settings:
        pytest.skip("this gunicorn has no control socket")
    assert Server(tmp_path, "127.0.0.1:0", None).cfg.control_socket_disable


def test_options_of_a_server_come_before_those_of_all():
    config = Config()
    gunicorn_options.apply({"threads": 5, "timeout": 7}, config)
    assert (config.threads, config.timeout, config.worker_class_str) == (5, 7, "gthread")


def test_nobody_may_say_which_path_was_meant(aws):
    """By gunicorn's default callers on loopback may, with headers named like the variables of WSGI."""
    headers = {"PATH_INFO": "/other-bucket", "SCRIPT_NAME": "/no-such-bucket"}
    answer = urllib3.request("GET", f"{aws.endpoint}/no-such-bucket/key", headers=headers)
    assert answer.status == 404 and b"<BucketName>no-such-bucket<" in answer.data
