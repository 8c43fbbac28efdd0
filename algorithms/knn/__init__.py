"""K-nearest neighbours over a sample, found by faiss (Johnson et al. 2019)."""

from algorithms.knn.algorithm import KNN as ALGORITHM
from algorithms.knn.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
