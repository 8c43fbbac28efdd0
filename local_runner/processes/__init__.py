"""Operating system processes: another Python, a command under supervision, options that both servers share."""
