from __future__ import annotations

import pytest
from gunicorn.config import Config

from local_runner import gunicorn_options
from local_runner.s3.__main__ import Server


def test_no_server_opens_a_control_socket(tmp_path):
    if gunicorn_options.NO_CONTROL_SOCKET not in Config().settings:
        pytest.skip("this gunicorn has no control socket")
    assert Server(tmp_path, "127.0.0.1:0", None).cfg.control_socket_disable


def test_options_of_a_server_come_before_those_of_all():
    config = Config()
    gunicorn_options.apply({"threads": 5, "timeout": 7}, config)
    assert (config.threads, config.timeout, config.worker_class_str) == (5, 7, "gthread")


def test_nobody_may_say_which_scheme_or_path_was_meant():
    """By gunicorn's default, callers on loopback may: SCRIPT_NAME and PATH_INFO would be taken from their headers."""
    config = Config()
    assert "127.0.0.1" in config.forwarded_allow_ips
    gunicorn_options.apply({}, config)
    assert not config.forwarded_allow_ips
