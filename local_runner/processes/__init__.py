"""Operating system processes: another Python, commands under supervision, with other mounts or without a network."""
