"""Changes one spot of a file at a time, and reports the changes that no test notices."""
