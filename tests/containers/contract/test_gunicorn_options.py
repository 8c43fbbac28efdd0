"""What every server is set to; that callers cannot rewrite a path is asked of running servers beside them."""

from __future__ import annotations

import pytest
from gunicorn.config import Config

from wildsage.containers.contract import gunicorn_options


def test_no_server_opens_a_control_socket():
    config = Config()
    if gunicorn_options.NO_CONTROL_SOCKET not in config.settings:
        pytest.skip("this gunicorn has no control socket")
    gunicorn_options.apply({}, config)
    assert config.control_socket_disable


def test_a_servers_own_options_take_precedence_over_the_shared_ones():
    config = Config()
    gunicorn_options.apply({"threads": 5, "timeout": 7}, config)
    assert (config.threads, config.timeout, config.worker_class.__name__) == (5, 7, "PatientWorker")


def test_no_caller_is_trusted_to_name_the_path():
    config = Config()
    gunicorn_options.apply({}, config)
    assert config.forwarded_allow_ips == []
