"""fastText's models: its dictionary, its hashes, its files of format 12, and what its models answer."""
