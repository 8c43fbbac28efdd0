"""Support for tests: a pytest plugin that starts a local AWS, and the fork server behind it."""
