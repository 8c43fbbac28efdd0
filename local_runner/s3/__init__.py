"""A small S3 in a folder: `ObjectStore` stores objects as files, `S3` serves the protocol, `PublicBuckets` reads the public S3."""
