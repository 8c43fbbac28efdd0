"""What scripts import from the framework: its modules by name."""

from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

__all__ = ["content_types", "encoders", "env", "modules", "transformer", "worker"]
