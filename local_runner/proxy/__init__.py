"""An HTTPS proxy for clients that no endpoint variable reaches: it answers in Amazon's name, on this machine alone."""
