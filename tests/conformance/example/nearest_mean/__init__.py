"""Classification by the nearest class mean, shrunken towards the mean of all rows."""
