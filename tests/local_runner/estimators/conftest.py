"""The suite `sdk3/` runs in the environment of SDK v3, started by test_with_sdk3.py."""

collect_ignore = ["sdk3"]
