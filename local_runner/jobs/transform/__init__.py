"""Batch transform jobs: records of S3 objects, the requests made of them, and the objects with the answers."""
