"""Imported by the interpreter whose forks are servers: all of them share what it reads of AWS's models, which takes a third of a second."""

from __future__ import annotations

from wildsage.local_runner.testing.fork_server import warm_up

warm_up()
