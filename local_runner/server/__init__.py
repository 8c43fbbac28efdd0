"""The server process: the WSGI application, gunicorn, the lock of the data folder, and ways to start it."""
