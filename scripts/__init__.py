"""Programs for who works on the project: pages that are written from the code, the engine of the Docker tests, mutants."""
