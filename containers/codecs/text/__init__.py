"""Text formats: CSV, JSON and JSON Lines, for requests, training data and answers."""
