"""K-nearest neighbours over a sample, found by faiss (Johnson et al. 2019)."""
