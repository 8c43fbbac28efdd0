"""The name under which scripts reach the framework."""
