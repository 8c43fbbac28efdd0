"""A small S3 on this machine's disk: `ObjectStore` keeps the files, `S3` speaks the protocol, `PublicBuckets` reads through."""
