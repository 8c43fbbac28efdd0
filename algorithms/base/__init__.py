"""What every algorithm is built from: declared hyperparameters, batches, streams, a run, errors."""
