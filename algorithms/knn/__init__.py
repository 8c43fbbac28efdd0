"""K-nearest neighbours over a sample, found by faiss (Johnson et al. 2019)."""

from wildsage.algorithms.knn.algorithm import KNN as ALGORITHM
from wildsage.algorithms.knn.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
