"""A local AWS for SageMaker jobs and endpoints, and the commands that use it."""
