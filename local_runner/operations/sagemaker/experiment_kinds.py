"""The three kinds of resources that SageMaker keeps about experiments."""

from __future__ import annotations

from wildsage.local_runner.jobs.kind import Kind

EXPERIMENT = Kind("experiment", "Experiment", "experiment")
TRIAL = Kind("experiment-trial", "Trial", "trial")
COMPONENT = Kind("experiment-trial-component", "TrialComponent", "trial component")
