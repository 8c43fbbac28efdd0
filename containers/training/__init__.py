"""A training run inside a container: hosts of a cluster, checkpoints, stopping, devices, earlier models."""
