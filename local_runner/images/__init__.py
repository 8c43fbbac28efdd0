"""Container images: their URIs, how they are built, what they were built from, and how they are pushed."""
