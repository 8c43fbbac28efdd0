"""A channel's files or pipe → one table of rows, and that → the library's matrix."""
