"""Endpoints: serving containers, instances, multi-model and asynchronous inference, data capture."""
