"""Hyperparameter tuning jobs: ranges, search strategies, early stopping, completion, and the run itself."""
