"""A job's data from S3 to /opt/ml: channels, manifests, pipes, and the folders of each host."""
