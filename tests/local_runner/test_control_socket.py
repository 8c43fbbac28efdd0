"""No gunicorn of ours opens a control socket."""

from __future__ import annotations

import pytest
from gunicorn.config import Config

from local_runner import control_socket
from local_runner.s3.__main__ import Server


def test_it_is_switched_off(tmp_path):
    if control_socket.DISABLE not in Config().settings:
        pytest.skip("this gunicorn has no control socket")
    assert Server(tmp_path, "127.0.0.1:0", None).cfg.control_socket_disable
