"""Processing jobs: a command over files of S3, whose results become objects."""
