"""The job of a script."""

from sagemaker_containers import training_env

TrainingEnv = training_env
