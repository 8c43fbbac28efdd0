"""Training jobs: their documents, their run from Starting to the end, and their checkpoints."""
