"""Linear learner: many linear models trained side by side in one pass over the data, the best one kept."""
