"""Channels: where their bytes come from, and how they become checked batches."""
